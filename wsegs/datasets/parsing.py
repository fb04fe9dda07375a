"""Find and read human parsing masks, paired with images by name: PNG files of class numbers, or CelebAMask-HQ's parts.

CelebAMask-HQ has a PNG for each part of each face, ``CelebAMask-HQ-mask-anno/0/00012_hair.png``. Here the mask of image
``12.jpg`` is then the path ``CelebAMask-HQ-mask-anno/0/00012``, which no file has: the common begin of its parts.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from wsegs.datasets.listing import CELEBAMASK_PARTS, list_images
from wsegs.errors import DataError, MissingError

MAX_PIXELS = 80_000_000

CELEBAMASK_IMAGES, CELEBAMASK_MASKS = "CelebA-HQ-img", "CelebAMask-HQ-mask-anno"
"""Folders of CelebAMask-HQ as it is downloaded."""
_IMAGES_A_FOLDER = 2000  # of its masks

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
        The two files; of CelebAMask-HQ, the common begin of the part masks.
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
        image; or, with ``images``, the folder of the masks alone. Or CelebAMask-HQ as it is downloaded.
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
    parts = part_folder(folder)
    if parts is not None:
        return _paired_parts(parts, images or parts.parent / CELEBAMASK_IMAGES)
    if images is None:
        images, masks = folder / "images", folder / "masks"
        if not (images.is_dir() and masks.is_dir()):
            what = "no such folder"
            if folder.is_dir():
                what = "expected a folder with images/ and masks/ in it, or CelebAMask-HQ"
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


def part_folder(folder: Path) -> Path | None:
    """Return the folder of CelebAMask-HQ's part masks that ``folder`` is or holds; None if there is none."""
    for found in (folder / CELEBAMASK_MASKS, folder):
        if found.name == CELEBAMASK_MASKS and found.is_dir():
            return found
    return None


def mask_file(folder: Path, image: str) -> Path:
    """Return where the mask of an image lies in a folder of masks; it need not be there.

    Parameters
    ----------
    folder
        A folder of masks, or one with ``masks/`` in it, or CelebAMask-HQ as it is downloaded.
    image
        The image's file name, relative to the folder of images.
    """
    parts = part_folder(folder)
    if parts is None:
        folder = folder / "masks" if (folder / "masks").is_dir() else folder
        return folder / PurePosixPath(image).with_suffix(".png")
    stem = PurePosixPath(image).stem
    if not stem.isdecimal():
        return parts / stem
    inner = parts / str(int(stem) // _IMAGES_A_FOLDER)
    return (inner if inner.is_dir() else parts) / f"{int(stem):05}"


def has_mask(path: Path) -> bool:
    """Return whether a mask of :func:`mask_file` is there."""
    return path.is_file() or bool(_parts(path))


def check_mask_shape(mask: Path, image: str | Path, image_size: Sequence[int]) -> None:
    """Check that a mask, at any scale, has the aspect ratio of its image, to a pixel.

    Part masks of CelebAMask-HQ may have another: they cover the whole image, however the images were scaled since.

    Parameters
    ----------
    mask, image
        The file of the mask, and what to call the image in the message.
    image_size
        (H, W) of the image.

    Raises
    ------
    DataError
        If it has not, or is not a mask; the message names both sizes.
    """
    height, width = parsing_size(mask)
    if mask.suffix and abs(image_size[0] * width - image_size[1] * height) > max(image_size):
        raise DataError(
            f"{mask}: {height}x{width}, expected the shape of its image {image},"
            f" {image_size[0]}x{image_size[1]}, or that shape at another scale"
        )


def _parts(path: Path) -> list[tuple[int, Path]]:
    """Return class number and file of each part mask of a face, in the order in which they are painted."""
    if path.suffix:
        return []
    files = ((number, path.with_name(f"{path.name}_{part}.png")) for number, part in enumerate(CELEBAMASK_PARTS, 1))
    return [(number, file) for number, file in files if file.is_file()]


def _paired_parts(parts: Path, images: Path) -> tuple[ParsedImage, ...]:
    """Pair the images that have part masks with these; others, such as a few of 30,000, are left out."""
    if not images.is_dir():
        raise MissingError(f"{images}: no such folder, where the images of {parts} are expected")
    pairs = [ParsedImage(name, images / name, mask_file(parts, name)) for name in list_images(images)]
    found = tuple(pair for pair in pairs if has_mask(pair.mask))
    if not found:
        example = f"; that of {pairs[0].name} is expected in {pairs[0].mask}_*.png" if pairs else ""
        raise DataError(f"{parts}: has no mask of the {len(pairs)} images in {images}{example}")
    return found


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

    Of part masks, those of the first.

    Raises
    ------
    DataError
        If it is not a PNG of class numbers, see :func:`read_parsing`.
    """
    parts = _parts(path)
    try:
        with (parts[0][1] if parts else path).open("rb") as file:
            header = file.read(26)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    if len(header) < 26 or not header.startswith(_SIGNATURE):
        raise DataError(f"{path}: expected a PNG file of class numbers, got another kind of file")
    width, height, depth, colour_type = struct.unpack(">IIBB", header[16:])
    if width * height > MAX_PIXELS:
        raise DataError(f"{path}: {width}x{height}, more than {MAX_PIXELS // 10**6} million pixels")
    if parts:  # they have colours, black and white
        return height, width
    expected = "expected a class number a pixel, a palette PNG or a grey one of 8 or 16 bits"
    if colour_type not in (_GREY, _PALETTE):
        raise DataError(f"{path}: {expected}, got {_COLOUR_TYPES.get(colour_type, 'another kind')}")
    # Readers stretch 1, 2 and 4 bits of grey to 0..255, which are no longer class numbers.
    if colour_type == _GREY and depth < 8:
        raise DataError(f"{path}: {expected}, got grey of {depth} bit{'s' if depth > 1 else ''}")
    return height, width


def read_parsing(path: Path) -> NDArray[np.uint16]:
    """Read a mask of class numbers.

    Parameters
    ----------
    path
        A PNG file: with a palette, whose indices are the class numbers whatever their colours, or grey of 8 or 16
        bits, whose values are. Or the common begin of part masks of CelebAMask-HQ, which are painted over each other
        and numbered as its own script does.

    Returns
    -------
    (H, W) uint16.

    Raises
    ------
    DataError
        If it cannot be read whole, or has colours instead of class numbers.
    """
    height, width = parsing_size(path)
    parts = _parts(path)
    if not parts:
        return _pixels(path).astype(np.uint16)
    merged = np.zeros((height, width), np.uint16)
    for number, file in parts:
        part = _pixels(file, "L")
        if part.shape != merged.shape:
            raise DataError(f"{file}: {part.shape[0]}x{part.shape[1]}, expected {height}x{width} as {parts[0][1].name}")
        merged[part != 0] = number
    return merged


def _pixels(path: Path, mode: str | None = None) -> NDArray[np.integer]:
    try:
        with PIL.Image.open(path) as picture:
            return np.array(picture if mode is None else picture.convert(mode))
    # Pillow raises many kinds on damaged files; each means the same here.
    except Exception as error:
        raise DataError(f"{path}: not a PNG that can be read whole ({error})") from error
