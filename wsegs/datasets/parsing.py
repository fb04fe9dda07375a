"""Find and read human parsing masks: PNG files of class numbers, paired with images by name."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from wsegs.datasets.listing import list_images
from wsegs.errors import DataError, MissingError

MAX_PIXELS = 80_000_000

_GREY, _PALETTE = 0, 3
_COLOUR_TYPES = {2: "RGB colours", 4: "grey with alpha", 6: "RGB colours with alpha"}
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class ParsedImage:
    """An image and its human mask.

    Attributes
    ----------
    name
        The image's file name relative to the folder of images, with ``/``: the key of every later join.
    image, mask
        The two files.
    """

    name: str
    image: Path
    mask: Path


def find_parsing(folder: Path, images: Path | None = None) -> tuple[ParsedImage, ...]:
    """Pair the masks of a folder with their images, by name without suffix.

    Parameters
    ----------
    folder
        A folder with ``images/NAME.jpg`` and ``masks/NAME.png``, where each image needs its mask and each mask its
        image; or, with ``images``, the folder of the masks alone.
    images
        The folder of the images, which may hold more than have a mask.

    Returns
    -------
    Sorted by name; at least one.

    Raises
    ------
    MissingError
        If a folder is missing, or a mask has no image or an image no mask; the message names the first.
    DataError
        If there are no masks, or two images of one name.
    """
    masks = folder
    if images is None:
        images, masks = folder / "images", folder / "masks"
        if not (images.is_dir() and masks.is_dir()):
            what = "expected a folder with images/ and masks/ in it" if folder.is_dir() else "no such folder"
            raise MissingError(f"{folder}: {what}; with --images, --parsing-masks names the folder of the masks alone")
        pairs = _paired(masks, images)
        have_mask = {pair.name for pair in pairs}
        without = [name for name in list_images(images) if name not in have_mask]
        if without:
            expected = masks / PurePosixPath(without[0]).with_suffix(".png")
            raise MissingError(f"{images / without[0]}: expected its mask in {expected}{_more(without)}")
        return pairs
    for needed in (masks, images):
        if not needed.is_dir():
            raise MissingError(f"{needed}: no such folder")
    return _paired(masks, images)


def _paired(masks: Path, images: Path) -> tuple[ParsedImage, ...]:
    mask_of = _by_stem(list_images(masks, [".png"]), masks)
    if not mask_of:
        raise DataError(f"{masks}: expected masks as PNG files, got none")
    names = [name for name in list_images(images) if _stem(name) in mask_of]
    name_of = _by_stem(names, images)
    without = [mask for stem, mask in mask_of.items() if stem not in name_of]
    if without:
        expected = images / PurePosixPath(without[0]).with_suffix("")
        raise MissingError(f"{masks / without[0]}: expected its image in {expected}.jpg or the like{_more(without)}")
    return tuple(ParsedImage(name, images / name, masks / mask_of[_stem(name)]) for name in names)


def _stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))


def _by_stem(names: Iterable[str], folder: Path) -> dict[str, str]:
    known: dict[str, str] = {}
    for name in names:
        other = known.setdefault(_stem(name), name)
        if other != name:
            raise DataError(f"{folder}: expected one file of each name, got {other} and {name}")
    return known


def _more(names: list[str]) -> str:
    return f" ({len(names)} such files)" if len(names) > 1 else ""


def parsing_size(path: Path) -> tuple[int, int]:
    """Return height and width of a mask from its header, without decoding it.

    Raises
    ------
    DataError
        If it is not a PNG of class numbers, see :func:`read_parsing`.
    """
    try:
        with path.open("rb") as file:
            header = file.read(26)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    if len(header) < 26 or not header.startswith(_SIGNATURE):
        raise DataError(f"{path}: expected a PNG file of class numbers, got another kind of file")
    width, height, depth, colour_type = struct.unpack(">IIBB", header[16:])
    expected = "expected a class number a pixel, a palette PNG or a grey one of 8 or 16 bits"
    if colour_type not in (_GREY, _PALETTE):
        raise DataError(f"{path}: {expected}, got {_COLOUR_TYPES.get(colour_type, 'another kind')}")
    # Readers stretch 1, 2 and 4 bits of grey to 0..255, which are no longer class numbers.
    if colour_type == _GREY and depth < 8:
        raise DataError(f"{path}: {expected}, got grey of {depth} bit{'s' if depth > 1 else ''}")
    if width * height > MAX_PIXELS:
        raise DataError(f"{path}: {width}x{height}, more than {MAX_PIXELS // 10**6} million pixels")
    return height, width


def read_parsing(path: Path) -> NDArray[np.uint16]:
    """Read a mask of class numbers.

    Parameters
    ----------
    path
        A PNG file: with a palette, whose indices are the class numbers whatever their colours, or grey of 8 or 16
        bits, whose values are.

    Returns
    -------
    (H, W) uint16.

    Raises
    ------
    DataError
        If it cannot be read whole, or has colours instead of class numbers.
    """
    parsing_size(path)
    try:
        with PIL.Image.open(path) as picture:
            values = np.array(picture)
    # Pillow raises many kinds on damaged files; each means the same here.
    except Exception as error:
        raise DataError(f"{path}: not a PNG that can be read whole ({error})") from error
    return values.astype(np.uint16)
