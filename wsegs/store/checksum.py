"""Checksums of a mask store: written once, checked by whoever reads.

``/checksum`` says which image a damaged byte belongs to (:mod:`wsegs.checksum`). Each column (labels, landmarks, names)
also carries the crc32 of all its bytes in its attribute ``crc32``, which is checked when the column is read: a check of
the whole file would cost as much as reading it. The pixels need none: a chunk that was damaged does not decompress.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from wsegs.checksum import row_checksums
from wsegs.errors import DataError

# What a row's checksum covers beside its regions and its name, in this order.
CHECKED = ("attributes", "landmarks", "affine", "identity", "split", "status")
_COLUMNS = ("image", *CHECKED, "checksum")
# No codec of HDF5 makes more than some thousand bytes of one.
_MOST_BYTES_OF_ONE = 2048


def write_checksums(file: h5py.File, pixel_sums: Sequence[int]) -> None:
    """Write the checksums of a store whose other datasets are complete.

    Parameters
    ----------
    file
        The store.
    pixel_sums
        What :func:`wsegs.checksum.pixels_checksum` says of the regions of each of its N images.
    """
    names = file["image"].asstr("utf-8", "surrogateescape")[:].tolist()
    file["checksum"] = row_checksums(names, [file[name][:] for name in CHECKED], pixel_sums)
    mark_columns(file)


def mark_columns(file: h5py.File) -> None:
    """Write into each column the crc32 of its bytes; alone for a store that has ``/checksum``, as after a merge."""
    for name in _COLUMNS:
        if name in file:
            file[name].attrs["crc32"] = np.uint32(_crc32(file[name][:]))


def read_column(file: h5py.File, name: str, path: Path) -> NDArray[Any]:
    """Read a dataset of one value or row an image, and check its crc32 where it has one.

    Raises
    ------
    DataError
        If it cannot be read or is damaged.
    """
    try:
        dataset = file[name]
        if dataset.size * dataset.dtype.itemsize > _MOST_BYTES_OF_ONE * dataset.id.get_storage_size():
            raise DataError(f"{path}: '{name}' is {dataset.shape}, more than the file can hold; it is damaged")
        values: NDArray[Any] = dataset[:]
        expected = dataset.attrs.get("crc32")
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError) as error:
        if isinstance(error, DataError):
            raise
        reason = (str(error).strip("'\"") or type(error).__name__).splitlines()[0]
        raise DataError(f"{path}: '{name}' cannot be read ({reason}); wsegs store verify says more") from error
    if expected is not None and (np.shape(expected) or int(expected) != _crc32(values)):
        raise DataError(f"{path}: '{name}' is damaged; wsegs store verify says which images")
    return values


def _crc32(values: NDArray[Any]) -> int:
    if values.dtype == object:
        return zlib.crc32(b"\0".join(values.tolist()))
    return zlib.crc32(np.ascontiguousarray(values.astype(values.dtype.newbyteorder("<"), copy=False)).data)
