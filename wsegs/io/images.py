"""Read images: landmarks refer to the pixels that this module returns, and so must all that follows.

Any file becomes 8-bit RGB: 16-bit values are divided by 256, grey is repeated, CMYK is converted. Transparent pixels
are laid over :data:`BACKGROUND`, since the colours below them are not seen. Of several pages or frames the first
counts. The EXIF orientation is applied, so that a face in a rotated photo stands upright as viewers show it.

Finding faces needs less than that: a :class:`Photo` decodes grey alone, and large JPEGs at a reduced size.
"""

from __future__ import annotations

import io
import os
import stat
import warnings
from contextlib import suppress

import cv2
import numpy as np
import PIL.ExifTags
import PIL.Image
import PIL.ImageOps
from numpy.typing import NDArray

from wsegs.errors import DataError
from wsegs.io.image_header import JPEG, ImageHeader, count_frames, read_header

BACKGROUND = (255, 255, 255)
"""White, RGB: what shows through transparent pixels."""


def read_image(path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """Read an image.

    Parameters
    ----------
    path
        A JPEG, PNG, or anything else that Pillow knows.

    Returns
    -------
    (H, W, 3) uint8, RGB.

    Raises
    ------
    DataError
        If it cannot be read whole, or every pixel is transparent. The message is ``path: reason``; :func:`reason` gives
        the reason alone.
    """
    return decode_image(read_bytes(path), path)


def image_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Return width and height in pixels of what :func:`read_image` returns; raises as it does.

    Reads the header alone, but where EXIF turns the image: whether OpenCV applies that depends on the format.
    """
    data = read_bytes(path)
    size = read_header(data, path).size
    turned = True
    with suppress(Exception), warnings.catch_warnings():  # Pillow raises many kinds on damaged metadata
        warnings.simplefilter("ignore")
        with PIL.Image.open(io.BytesIO(data)) as header:
            turned = header.getexif().get(PIL.ExifTags.Base.Orientation, 1) != 1
    if turned:
        height, width = decode_image(data, path).shape[:2]
        return width, height
    return size


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """Return what is in a regular file; raises as :func:`read_image`."""
    try:
        # A pipe or a device would block or never end.
        mode = os.stat(path).st_mode  # noqa: PTH116  # a Path costs as much as the reading
        if not stat.S_ISREG(mode):
            raise DataError(f"{path}: {'a directory' if stat.S_ISDIR(mode) else 'not a regular file'}")
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123
            return file.readall()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error


def decode_image(data: bytes, path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """Decode the bytes of an image file as :func:`read_image` does; ``path`` is for the message only."""
    return _decode(data, path, read_header(data, path), cv2.IMREAD_COLOR)


def _decode(data: bytes, path: str | os.PathLike[str], header: ImageHeader, mode: int) -> NDArray[np.uint8]:
    """Return (H, W, 3), RGB, or of a JPEG (H, W), grey, as OpenCV's ``mode`` says."""
    if header.transparent:
        return _decode_with_pillow(data, path)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), mode)
    except cv2.error as error:
        raise DataError(f"{path}: not decodable ({error.err})") from error
    if image is None or image.size == 0:
        if header.kind in JPEG:
            raise DataError(f"{path}: not decodable")
        return _decode_with_pillow(data, path)
    if image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=image)
    return image  # type: ignore[return-value]


def _decode_with_pillow(data: bytes, path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """Return (H, W, 3), RGB: of rare kinds and of transparent ones, since OpenCV reads alpha of some kinds only."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with PIL.Image.open(io.BytesIO(data)) as opened:
                picture = PIL.ImageOps.exif_transpose(opened).convert("RGBA")
    except Exception as error:  # Pillow raises many kinds on damaged data
        raise DataError(f"{path}: not decodable") from error
    if not np.asarray(picture)[..., 3].any():
        raise DataError(f"{path}: every pixel is transparent, so there is nothing to see")
    background = PIL.Image.new("RGBA", picture.size, BACKGROUND)
    return np.array(PIL.Image.alpha_composite(background, picture).convert("RGB"))


# By how much a JPEG is reduced while it is decoded -> OpenCV's names for that, in colour and in grey.
_REDUCED = {
    1: (cv2.IMREAD_COLOR, cv2.IMREAD_GRAYSCALE),
    2: (cv2.IMREAD_REDUCED_COLOR_2, cv2.IMREAD_REDUCED_GRAYSCALE_2),
    4: (cv2.IMREAD_REDUCED_COLOR_4, cv2.IMREAD_REDUCED_GRAYSCALE_4),
    8: (cv2.IMREAD_REDUCED_COLOR_8, cv2.IMREAD_REDUCED_GRAYSCALE_8),
}


class Photo:
    """An image that is decoded only as far as it is used.

    A JPEG keeps its brightness apart, so grey takes about two thirds of the time of colour. A JPEG at least twice as
    large as needed is decoded at a half, a quarter or an eighth of its size.

    Attributes
    ----------
    size
        Width and height of the whole image in pixels, as :func:`read_image` would give it.
    reduction
        1, 2, 4 or 8: pixel i of :meth:`grey` and :meth:`colour` covers pixels ``i * reduction`` and following
        (where EXIF turns the image, up to ``reduction - 1`` pixels earlier).
    frames
        How many pages or frames the file has; the first is read.
    """

    def __init__(self, data: bytes, path: str | os.PathLike[str], needed: int = 0) -> None:
        """Take the bytes of an image file; see :func:`open_photo`."""
        header = read_header(data, path)
        width, height = header.size
        self._data, self._path, self._header = data, path, header
        self._is_jpeg = header.kind in JPEG
        self.frames = count_frames(data, header.kind)
        self._colour: NDArray[np.uint8] | None = None
        self.reduction = _reduction(width, height, needed) if self._is_jpeg else 1
        self._grey = self._decode_grey()
        seen_height, seen_width = self._grey.shape
        if self.reduction == 1:
            self.size = (seen_width, seen_height)
        else:  # the header does not know whether the EXIF orientation lays it on its side
            lies = (seen_width > seen_height) != (width > height)
            self.size = (height, width) if lies else (width, height)

    @classmethod
    def of_array(cls, image: NDArray[np.uint8]) -> Photo:
        """Return the photo of an image in memory, (H, W, 3), RGB."""
        photo = cls.__new__(cls)
        photo._colour, photo._is_jpeg, photo.reduction, photo.frames = image, False, 1, 1
        photo._grey = photo._decode_grey()
        photo.size = (image.shape[1], image.shape[0])
        return photo

    def grey(self) -> NDArray[np.uint8]:
        """Return (H, W) uint8."""
        return self._grey

    def colour(self) -> NDArray[np.uint8]:
        """Return (H, W, 3) uint8, RGB."""
        if self._colour is None:
            self._colour = _decode(self._data, self._path, self._header, _REDUCED[self.reduction][0])
        return self._colour

    def _decode_grey(self) -> NDArray[np.uint8]:
        if self._is_jpeg:
            return _decode(self._data, self._path, self._header, _REDUCED[self.reduction][1])
        return cv2.cvtColor(self.colour(), cv2.COLOR_RGB2GRAY)  # type: ignore[return-value]


def _reduction(width: int, height: int, needed: int) -> int:
    """Return the largest of 1, 2, 4 and 8 that leaves ``needed`` pixels and says which side is longer."""
    if not needed:
        return 1
    large = [factor for factor in _REDUCED if max(width, height) >= factor * needed]
    factor = max(large, default=1)
    return factor if width == height or -(-width // factor) != -(-height // factor) else 1


def open_photo(path: str | os.PathLike[str], needed: int = 0) -> Photo:
    """Open an image file to find faces in it.

    Parameters
    ----------
    path
        As for :func:`read_image`.
    needed
        Length in pixels below which the longer side of a JPEG is not reduced; 0 keeps every pixel.

    Raises
    ------
    DataError
        As :func:`read_image`.
    """
    return Photo(read_bytes(path), path, needed)


def _register_heif() -> None:
    """Let Pillow read HEIC, where the library for it is installed; every process that reads images imports this."""
    with suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()


_register_heif()


def reason(error: Exception, path: str | os.PathLike[str]) -> str:
    """Return the message of ``error`` without the path it begins with."""
    return str(error).removeprefix(f"{path}: ")
