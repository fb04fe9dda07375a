"""Read what an image file says of itself, and refuse what is no whole image, before memory is spent on its pixels."""

from __future__ import annotations

import io
import os
import re
import warnings
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec

import PIL.Image

from wsegs.errors import DataError

MAX_PIXELS = 80_000_000
"""Larger images are refused by their header: decoded they would need a quarter of a gigabyte and more each."""

JPEG = ("JPEG", "MPO")
_DEEP_MODES = ("I", "F")  # grey of 16 bits and more: Pillow does not apply a transparent colour there
_WITH_FRAMES = ("TIFF", "GIF", "WEBP", "PNG", "AVIF", "HEIF")  # an MPO file is one photo, with its previews behind it

# A marker of a JPEG. In entropy-coded data 0xFF is followed by 0 (stuffing) or is a restart marker; neither ends it.
_JPEG_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)
_START, _END, _SCAN, _TEMPORARY = 0xD8, 0xD9, 0xDA, 0x01
_PNG_SIGNATURE = 8  # bytes


@dataclass(frozen=True)
class ImageHeader:
    """What an image file says of itself.

    Attributes
    ----------
    kind
        Pillow's name of the format, such as ``JPEG``.
    size
        Width and height in pixels, as they are stored: EXIF may turn the image.
    transparent
        Whether pixels may be transparent.
    """

    kind: str | None
    size: tuple[int, int]
    transparent: bool


def read_header(data: bytes, path: str | os.PathLike[str]) -> ImageHeader:
    """Return the header of an image file; ``path`` is for the message only.

    Raises
    ------
    DataError
        If the bytes are no image, too large, or a JPEG or PNG that is cut short. What lies behind the end of a JPEG or
        PNG, such as the film of a phone's motion photo, is no part of it.
    """
    if not data:
        raise DataError(f"{path}: an empty file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own notes on large images and odd metadata
            with PIL.Image.open(io.BytesIO(data)) as opened:
                (width, height), kind = opened.size, opened.format
                transparent = opened.has_transparency_data and not opened.mode.startswith(_DEEP_MODES)
    except PIL.Image.DecompressionBombError as error:
        raise DataError(f"{path}: more than {MAX_PIXELS // 10**6} million pixels") from error
    # Pillow's plug-ins raise many kinds on damaged headers; each means the same here.
    except Exception as error:
        raise DataError(f"{path}: not an image that can be read{_missing_library(data)}") from error
    if width * height > MAX_PIXELS:
        raise DataError(f"{path}: {width}x{height}, more than {MAX_PIXELS // 10**6} million pixels")
    # OpenCV fills the missing part of these two with grey or black and says nothing. It refuses other kinds itself.
    if kind in JPEG and not _is_whole_jpeg(data):
        raise DataError(f"{path}: truncated JPEG")
    if kind == "PNG" and not _is_whole_png(data):
        raise DataError(f"{path}: truncated PNG")
    return ImageHeader(kind, (width, height), transparent)


def _missing_library(data: bytes) -> str:
    """Return which library reads an image that Pillow alone does not."""
    if data[4:8] != b"ftyp":
        return ""
    if data[8:12] in (b"avif", b"avis"):
        return ": AVIF, which a Pillow of 11.3 or later reads"
    heic = data[8:12] in (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
    if heic and find_spec("pillow_heif") is None:
        return ": HEIC, which is read with pillow-heif (pip install pillow-heif)"
    return ""


def count_frames(data: bytes, kind: str | None) -> int:
    """Return how many pages or frames an image file of this kind has; 1 where that cannot be said."""
    frames = 1
    if kind in _WITH_FRAMES:
        with suppress(Exception), warnings.catch_warnings():  # a later frame may be damaged: the first counts
            warnings.simplefilter("ignore")
            with PIL.Image.open(io.BytesIO(data)) as opened:
                frames = int(getattr(opened, "n_frames", 1))
    return frames


def _is_whole_jpeg(data: bytes) -> bool:
    """Walk the segments and scans to the end marker; one inside of a comment or of a thumbnail is none."""
    at, scanned = 2, False
    while found := _JPEG_MARKER.search(data, at):
        marker, at = found[1][0], found.end()
        if marker == _END:
            return scanned
        if marker == _SCAN:
            scanned = True
            end = data.find(b"\xff\xd9", at)
            # The quick way for most files: nothing but stuffing before the end marker, so that it is in no segment.
            if end < 0 or data.count(b"\xff", at, end) == data.count(b"\xff\x00", at, end):
                return end >= 0
        if marker not in (_START, _TEMPORARY):  # these two have no length
            at += int.from_bytes(data[at : at + 2], "big")
    return False


def _is_whole_png(data: bytes) -> bool:
    """Walk the chunks to the one that ends the image."""
    at = _PNG_SIGNATURE
    while at + 8 <= len(data):
        if data[at + 4 : at + 8] == b"IEND":
            return True
        at += 12 + int.from_bytes(data[at : at + 4], "big")  # length, kind, checksum
    return False
