"""What tells the contents of files and rows apart.

Checksums of the rows of ``landmarks.h5`` and ``masks.h5`` tell the image that a damaged byte belongs to.

A row's checksum is the crc32 (``zlib.crc32``) of, in this order: in a mask store, the image's region integers,
uncompressed, little-endian, row by row; the image's name in UTF-8 and a zero byte; the row of each other dataset,
little-endian, in the order in which the format's table in :mod:`wsegs.landmarks.table` and in the README names them.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from zlib_ng import zlib_ng  # many times as fast as zlib here, and the same crc32

_BLOCK = 4096  # rows whose bytes are concatenated at a time
_GLIMPSE = 64  # bytes in the middle of a file that tell most files of one size apart


def glimpse(path: str | os.PathLike[str]) -> tuple[int, bytes]:
    """Return the size of a file and a few bytes of its middle: pictures of one camera share their headers.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    found = os.stat(path)  # noqa: PTH116  # a Path costs as much as the reading
    if not stat.S_ISREG(found.st_mode):  # a pipe would block
        raise OSError(errno.EINVAL, "not a regular file", os.fspath(path))
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123
        file.seek(max(0, (found.st_size - _GLIMPSE) // 2))
        return found.st_size, file.read(_GLIMPSE)


def pixels_checksum(pixels: NDArray[Any]) -> int:
    """Return the crc32 of one image's region integers, (H, W), with which the row's checksum begins."""
    return zlib_ng.crc32(np.ascontiguousarray(_little_endian(pixels)).data)


def row_checksums(
    names: Sequence[str], arrays: Sequence[NDArray[Any]], begun: Sequence[int] | NDArray[np.integer] | None = None
) -> NDArray[np.uint32]:
    """Return the checksum of every row, (N,).

    Parameters
    ----------
    names
        N names of images.
    arrays
        Arrays of N rows each.
    begun
        N checksums to continue, as :func:`pixels_checksum` returns them; None for none.
    """
    starts = np.zeros(len(names), np.uint32) if begun is None else np.asarray(begun, np.uint32)
    sums = np.empty(len(names), np.uint32)
    for first in range(0, len(names), _BLOCK):
        block = slice(first, first + _BLOCK)
        rows = np.concatenate([_bytes(array[block]) for array in arrays], axis=1)
        for row, name in enumerate(names[block]):
            begin = zlib_ng.crc32(name.encode("utf-8", "surrogateescape") + b"\0", int(starts[first + row]))
            sums[first + row] = zlib_ng.crc32(rows[row], begin)
    return sums


def _bytes(array: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the bytes of each row, (N, bytes)."""
    return np.ascontiguousarray(_little_endian(array)).reshape(len(array), -1).view(np.uint8)


def _little_endian(array: NDArray[Any]) -> NDArray[Any]:
    return array.astype(array.dtype.newbyteorder("<"), copy=False)
