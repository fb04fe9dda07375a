"""Encoded crops inside a mask store, so that a training opens one file and warps nothing.

One flat array of bytes with offsets, rather than HDF5's variable-length type: that keeps its data in global heaps,
which no filter, no partial read and no copy of whole chunks can reach. JPEGs do not compress, so there is no filter,
and a crop is one read of its own bytes wherever it lies; a checksum tells a damaged one, which a JPEG decoder would
fill with grey and say nothing.

| object | type, shape | meaning |
|---|---|---|
| `/crops` | uint8 (bytes,) | JPEG files one after another, in the order of rows |
| `/crop_offsets` | uint64 (N + 1,) | where each JPEG begins, and where the last ends; empty: not read |
| `/crop_crc32` | uint32 (N,) | of each JPEG file |
| `/image_size` | int32 (N, 2) | width and height of the source image |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
from numpy.typing import NDArray
from zlib_ng import zlib_ng

from wsegs.errors import DataError
from wsegs.landmarks.image import decode_image, read_bytes, reason
from wsegs.store.chunk_reader import READ_ERRORS
from wsegs.store.frame import resize_affine, warp_image

QUALITY = 95
"""Of crops that are encoded."""

_REDUCTIONS = ((8, cv2.IMREAD_REDUCED_COLOR_8), (4, cv2.IMREAD_REDUCED_COLOR_4), (2, cv2.IMREAD_REDUCED_COLOR_2))

# Bytes are appended, so the array grows by blocks; a read takes from a block only what it asks for.
_BLOCK = 1 << 18


@dataclass(frozen=True)
class CropOptions:
    """How the images of a store are kept in it.

    Attributes
    ----------
    root
        The folder below which the images lie.
    quality
        Of the JPEGs, 1 to 100.
    """

    root: Path
    quality: int = QUALITY


@dataclass(frozen=True, eq=False)
class CropSources:
    """Where the images of n rows are, and how they lie in the frame.

    Attributes
    ----------
    images
        n names relative to ``options.root``.
    sizes
        (n, 2), width and height as when the landmarks were found.
    affine
        (n, 2, 3), source image to frame.
    options
    """

    images: tuple[str, ...]
    sizes: NDArray[np.int32]
    affine: NDArray[np.float32]
    options: CropOptions

    def encode(self, size: tuple[int, int]) -> tuple[list[bytes], list[str]]:
        """Return the crops of all rows at ``size`` (H, W), as JPEG files, and what could not be read.

        Returns
        -------
        N JPEG files, empty where the image cannot be read; and ``name: reason`` of each such image.

        Raises
        ------
        DataError
            If an image is of another size than its landmarks were found in.
        """
        cv2.setNumThreads(1)  # a process is one worker of several
        crops: list[bytes] = []
        unreadable: list[str] = []
        for image, expected, affine in zip(self.images, self.sizes, self.affine, strict=True):
            path = self.options.root / image
            try:
                data = read_bytes(path)
                pixels = decode_image(data, path)
            except DataError as error:
                crops.append(b"")
                unreadable.append(f"{image}: {reason(error, path)}")
                continue
            if pixels.shape[1::-1] != tuple(expected.tolist()):
                raise DataError(
                    f"{path}: expected {expected[0]}x{expected[1]} pixels, as when its landmarks were found,"
                    f" got {pixels.shape[1]}x{pixels.shape[0]}"
                )
            crops.append(encode_crop(data, pixels, affine, size, self.options.quality))
        return crops, unreadable


def encode_crop(
    data: bytes, image: NDArray[np.uint8], affine: NDArray[np.floating], size: tuple[int, int], quality: int = QUALITY
) -> bytes:
    """Return an image in the frame of a store as a JPEG file.

    A JPEG that lies in the frame as it is, such as an aligned CelebA image, is returned unchanged: no second loss.

    Parameters
    ----------
    data
        The image's file.
    image
        (h, w, 3) uint8 RGB: what is in it.
    affine
        (2, 3), from image to frame.
    size
        (H, W) of the frame.
    quality
        1 to 100.
    """
    unmoved = image.shape[:2] == size and np.allclose(affine, resize_affine(np.array([size]), size)[0], atol=1e-4)
    if unmoved and data.startswith(b"\xff\xd8\xff"):
        return data
    crop = cv2.cvtColor(warp_image(image, affine, size), cv2.COLOR_RGB2BGR)
    return bytes(cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])


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
        shrinks = to_size[0] <= size[0] and to_size[1] <= size[1]
        method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        image = cv2.resize(image, to_size[::-1], interpolation=method)
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

    def __init__(self, file: h5py.File, rows: int) -> None:
        self._file = file
        self._crops = file.create_dataset(
            "crops", (0,), np.uint8, maxshape=(None,), chunks=(_BLOCK,), track_times=False
        )
        self._offsets = np.zeros(rows + 1, np.uint64)
        self._checksums = np.zeros(rows, np.uint32)
        self._rows = 0

    def append(self, crops: Sequence[bytes]) -> None:
        """Append the crops of the next rows."""
        end = start = int(self._offsets[self._rows])
        for crop in crops:
            end += len(crop)
            self._checksums[self._rows] = zlib_ng.crc32(crop)
            self._rows += 1
            self._offsets[self._rows] = end
        self._crops.resize((end,))
        self._crops[start:end] = np.frombuffer(b"".join(crops), np.uint8)

    def finish(self) -> None:
        """Write where each crop is, when all are there."""
        for name, values in (("crop_offsets", self._offsets), ("crop_crc32", self._checksums)):
            self._file.create_dataset(name, data=values, track_times=False)


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
        """Return a crop's JPEG file.

        Raises
        ------
        ValueError
            If there is none, or it is damaged.
        """
        start, end = self._offsets[row : row + 2].tolist()
        if start == end:
            raise ValueError("it could not be read when the store was made")
        try:
            data: NDArray[Any] = self._crops[start:end]
        except READ_ERRORS as error:
            raise ValueError(str(error)) from None
        crop = data.tobytes()
        if zlib_ng.crc32(crop) != self._checksums[row]:
            raise ValueError("its bytes are not those that were written")
        return crop
