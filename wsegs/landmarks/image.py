"""The one image reader: landmarks refer to the pixels that this returns, and so must everything later.

Any file becomes 8-bit RGB: 16-bit values are divided by 256, grey is repeated, an alpha channel is dropped, CMYK is
converted. The EXIF orientation is applied, so that a face in a rotated photo stands upright as viewers show it.
"""

from __future__ import annotations

import io
import os
import stat
import warnings
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray

from wsegs.errors import DataError

MAX_PIXELS = 80_000_000
"""Larger images are refused by their header: decoded they would need a quarter of a gigabyte and more each."""


def read_image(path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """Read an image.

    Parameters
    ----------
    path
        A JPEG, PNG, or anything else that both Pillow and OpenCV know.

    Returns
    -------
    (H, W, 3) uint8, RGB.

    Raises
    ------
    DataError
        If it cannot be read whole. The message is ``path: reason``; :func:`reason` gives the reason alone.
    """
    return decode_image(read_bytes(path), path)


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """Return what is in a regular file; raises as :func:`read_image`."""
    try:
        # A pipe or a device would block or never end.
        mode = Path(path).stat().st_mode
        if not stat.S_ISREG(mode):
            raise DataError(f"{path}: {'a directory' if stat.S_ISDIR(mode) else 'not a regular file'}")
        return Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error


def decode_image(data: bytes, path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """Decode the bytes of an image file as :func:`read_image` does; ``path`` is for the message only."""
    if not data:
        raise DataError(f"{path}: an empty file")
    _check_header(data, path)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise DataError(f"{path}: not decodable ({error.err})") from error
    if image is None or image.size == 0:
        raise DataError(f"{path}: not decodable")
    rgb: NDArray[np.uint8] = cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=image)  # type: ignore[assignment]
    return rgb


def reason(error: Exception, path: str | os.PathLike[str]) -> str:
    """Return the message of ``error`` without the path it begins with."""
    return str(error).removeprefix(f"{path}: ")


def _check_header(data: bytes, path: str | os.PathLike[str]) -> None:
    """Refuse what is no image, too large, or cut short, before memory is spent on it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own notes on large images and odd metadata
            with PIL.Image.open(io.BytesIO(data)) as header:
                (width, height), kind = header.size, header.format
    except PIL.Image.DecompressionBombError as error:
        raise DataError(f"{path}: more than {MAX_PIXELS // 10**6} million pixels") from error
    # Pillow's plug-ins raise many kinds on damaged headers; each means the same here.
    except Exception as error:
        raise DataError(f"{path}: not an image that can be read") from error
    if width * height > MAX_PIXELS:
        raise DataError(f"{path}: {width}x{height}, more than {MAX_PIXELS // 10**6} million pixels")
    # OpenCV fills the missing part of a cut JPEG with grey and says nothing. The end marker must follow the last
    # start of scan: markers cannot occur within a scan, and an embedded thumbnail comes before it.
    if kind in ("JPEG", "MPO") and data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda"):
        raise DataError(f"{path}: truncated JPEG")
    if kind == "PNG" and b"IEND" not in data[-1024:]:
        raise DataError(f"{path}: truncated PNG")
