"""Read rows of a dataset with one chunk per image, without HDF5's own filters.

HDF5 inflates with zlib and unshuffles byte by byte. zlib-ng inflates the same bytes in a third of the time, and for a
smaller map only the picked pixels are unshuffled: about four times as many images per second. h5py reads the rest:
other filters, virtual datasets, chunks that were never written.
"""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from zlib_ng import zlib_ng

_INFLATE_ERROR: type[Exception] = zlib_ng.error  # type: ignore[assignment]  # its stub calls it an instance

# Errors of h5py and zlib-ng on damaged chunks and indices.
READ_ERRORS: tuple[type[Exception], ...] = (OSError, ValueError, IndexError, RuntimeError, _INFLATE_ERROR)


class ChunkReader:
    """Rows of an HDF5 dataset.

    Parameters
    ----------
    dataset
        Integers (N, H, W), open. Fast if each image is one chunk, compressed by gzip, shuffled or not.
    """

    def __init__(self, dataset: h5py.Dataset) -> None:
        self._dataset = dataset
        self._shape: tuple[int, int] = dataset.shape[1:]
        self._bytes = int(np.prod(self._shape)) * dataset.dtype.itemsize
        self._shuffled = bool(dataset.shuffle) and dataset.dtype.itemsize > 1
        self._fast = _is_plain_gzip(dataset)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the pixels."""
        dtype: np.dtype[Any] = self._dataset.dtype
        return dtype

    def read(self, row: int, out: NDArray[Any], pick: NDArray[np.intp] | None = None) -> None:
        """Read one row.

        Parameters
        ----------
        row
            From 0, or from the end if negative.
        out
            Output: (H, W), or the shape of ``pick``; contiguous, of :attr:`dtype`.
        pick
            Flat indices of the pixels to take, row-major, of any shape; None takes all.

        Raises
        ------
        One of ``READ_ERRORS``
            If there is no such row or its chunk is damaged.
        """
        count = len(self._dataset)
        if not -count <= row < count:
            raise IndexError(f"there are {count} rows")
        row %= count
        chunk = self._inflate(row) if self._fast else None
        if chunk is None:
            whole = np.empty(self._shape, self.dtype)
            self._dataset.read_direct(whole, np.s_[row])
        elif self._shuffled:
            _unshuffle(chunk, out, pick)
            return
        else:
            whole = chunk.view(self.dtype).reshape(self._shape)
        if pick is None:
            out[...] = whole
        else:
            whole.reshape(-1).take(pick, out=out, mode="clip")  # the other modes copy `out`

    def _inflate(self, row: int) -> NDArray[np.uint8] | None:
        """Return the bytes of a chunk; None if it was never written, or written without its filters."""
        try:
            skipped, chunk = self._dataset.id.read_direct_chunk((row, 0, 0))
        except (OSError, ValueError, RuntimeError):
            return None
        if skipped:
            return None
        # At most one byte more than expected, so that a damaged chunk cannot exhaust memory.
        data = np.frombuffer(zlib_ng.decompressobj().decompress(chunk, self._bytes + 1), np.uint8)
        if len(data) != self._bytes:
            raise ValueError(f"expected {self._bytes} bytes in its chunk, got {len(data)} or more")
        return data


def _is_plain_gzip(dataset: h5py.Dataset) -> bool:
    """Tell whether each row is one chunk, filtered by gzip alone or by shuffle and gzip."""
    if dataset.is_virtual or dataset.chunks != (1, *dataset.shape[1:]):
        return False
    plist = dataset.id.get_create_plist()
    filters = [plist.get_filter(position)[0] for position in range(plist.get_nfilters())]
    return filters in ([h5py.h5z.FILTER_DEFLATE], [h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE])


def _unshuffle(chunk: NDArray[np.uint8], out: NDArray[Any], pick: NDArray[np.intp] | None) -> None:
    """Undo HDF5's shuffle (first byte of every pixel, then second, ...) for the picked pixels, or all."""
    planes = chunk.reshape(out.itemsize, -1)
    target = out.reshape(-1).view(np.uint8).reshape(-1, out.itemsize)
    for position, plane in enumerate(planes):
        target[:, position] = plane if pick is None else plane.take(pick.reshape(-1))
