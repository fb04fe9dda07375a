"""Keep JPEG crops in a mask store, so that training opens one file and warps nothing.

One flat array of bytes with offsets, not HDF5's variable-length type, whose global heaps allow no filter, partial read
or copy of whole chunks. JPEGs do not compress, so there is no filter, and a crop is one read of its own bytes. A
checksum detects damage, which JPEG decoders silently fill with grey.

| object | type, shape | meaning |
|---|---|---|
| `/crops` | uint8 (bytes,) | JPEG files one after another, in the order of rows |
| `/crop_offsets` | uint64 (N + 1,) | where each JPEG begins, and where the last ends; empty: not read |
| `/crop_crc32` | uint32 (N,) | of each JPEG file |
| `/image_size` | int32 (N, 2) | width and height of the source image |
"""

from __future__ import annotations

from typing import Any

import cv2
import h5py
import numpy as np
from numpy.typing import NDArray
from zlib_ng import zlib_ng

from wsegs.errors import DataError
from wsegs.geometry.warp import resize_image
from wsegs.io.hdf5 import WrittenFile
from wsegs.store.chunk_reader import READ_ERRORS

_REDUCTIONS = ((8, cv2.IMREAD_REDUCED_COLOR_8), (4, cv2.IMREAD_REDUCED_COLOR_4), (2, cv2.IMREAD_REDUCED_COLOR_2))

# Bytes are appended, so the array grows by blocks; a read takes from a block only what it asks for.
_BLOCK = 1 << 18


def decode_crop(data: bytes, size: tuple[int, int], to_size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a crop of ``size`` (H, W) as (h, w, 3) uint8 RGB at ``to_size``.

    Where only a half, a quarter or an eighth is wanted, the JPEG decoder reduces it, in less time than decoding takes.
    It also begins a larger reduction, if at least a half is left to the resize by area: two reductions by a little
    each would blur.

    Raises
    ------
    ValueError
        If the bytes are not an image of that size.
    """
    mode, expected = cv2.IMREAD_COLOR, size
    for factor, reduced_mode in _REDUCTIONS:
        if size[0] % factor or size[1] % factor:
            continue  # the decoder's last pixel would lie half outside, and the picture not under its masks
        reduced = (size[0] // factor, size[1] // factor)
        if reduced == to_size or (reduced[0] >= 2 * to_size[0] and reduced[1] >= 2 * to_size[1]):
            mode, expected = reduced_mode, reduced
            break
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), mode)
    except cv2.error as error:
        raise ValueError(error.err) from None
    if image is None or image.shape[:2] != expected:
        raise ValueError(f"expected a JPEG of {size[0]}x{size[1]}, got {'none' if image is None else 'another size'}")
    if expected != to_size:
        image = resize_image(np.asarray(image, np.uint8), to_size)
    rgb: NDArray[np.uint8] = cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=image)  # type: ignore[assignment]
    return rgb


class CropWriter:
    """Appends crops to a store that is being written.

    Parameters
    ----------
    file
        The store.
    rows
        How many images it has.
    """

    def __init__(self, file: WrittenFile, rows: int) -> None:
        self._file = file
        self._crops = file.create_dataset(
            "crops", (0,), np.uint8, maxshape=(None,), chunks=(_BLOCK,), track_times=False
        )
        self._offsets = np.zeros(rows + 1, np.uint64)
        self._checksums = np.zeros(rows, np.uint32)
        self._rows = 0
        self._pending = bytearray()  # what does not fill a block yet

    def add(self, crop: bytes) -> None:
        """Append the JPEG file of the next row; empty where there is none."""
        self._checksums[self._rows] = zlib_ng.crc32(crop)
        self._rows += 1
        self._offsets[self._rows] = int(self._offsets[self._rows - 1]) + len(crop)
        self._pending += crop
        while len(self._pending) >= _BLOCK:
            self._write(bytes(self._pending[:_BLOCK]))
            del self._pending[:_BLOCK]

    def finish(self) -> None:
        """Write what is left, and where each crop is."""
        if self._pending:
            self._write(bytes(self._pending.ljust(_BLOCK, b"\0")))
        self._crops.resize((int(self._offsets[-1]),))
        for name, values in (("crop_offsets", self._offsets), ("crop_crc32", self._checksums)):
            self._file.create_dataset(name, data=values, track_times=False)

    def _write(self, block: bytes) -> None:
        end = len(self._crops)
        self._crops.resize((end + _BLOCK,))
        self._file.write_chunk(self._crops.id, (end,), block)


class StoredCrops:
    """The crops of an open store.

    Parameters
    ----------
    file
        The store; opened without a chunk cache, or each read would fetch a whole block.

    Raises
    ------
    DataError
        If offsets or checksums are not those of the rows; the message begins with the object's name.
    """

    def __init__(self, file: h5py.File) -> None:
        rows = len(file["regions"])
        for name, expected in (("crop_offsets", rows + 1), ("crop_crc32", rows), ("image_size", rows)):
            if name not in file:
                raise DataError(f"has 'crops' and no '{name}'; it is damaged")
            if len(file[name]) != expected:
                raise DataError(f"'{name}' has {len(file[name])} rows, expected {expected}; it is damaged")
        self._crops = file["crops"]
        offsets = np.asarray(file["crop_offsets"][:], np.uint64)
        if offsets[0] != 0 or offsets[-1] != len(self._crops) or (offsets[1:] < offsets[:-1]).any():
            raise DataError("'crop_offsets' are not those of 'crops'; it is damaged")
        self._offsets: NDArray[np.int64] = offsets.astype(np.int64)
        self._checksums = file["crop_crc32"][:]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Bytes of each crop, (N,); 0 where there is none."""
        lengths: NDArray[np.int64] = np.diff(self._offsets)
        return lengths

    def read(self, row: int) -> bytes:
        """Return a crop's JPEG file; empty if its image could not be read when the store was made.

        Raises
        ------
        ValueError
            If it is damaged.
        """
        start, end = self._offsets[row : row + 2].tolist()
        try:
            data: NDArray[Any] = self._crops[start:end]
        except READ_ERRORS as error:
            raise ValueError(str(error)) from None
        crop = data.tobytes()
        if zlib_ng.crc32(crop) != self._checksums[row]:
            raise ValueError("its bytes are not those that were written")
        return crop
