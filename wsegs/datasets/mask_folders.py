"""Folders of masks beside photos, which are no photos themselves."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from wsegs.datasets.parsing import parsing_size
from wsegs.errors import DataError

_NAME = re.compile(r"(.*[-_ ])?(masks?|mask-anno|segmentations?|parsing|annotations|labels)", re.IGNORECASE)
_IMAGE_FOLDERS = ("images", "image", "img", "imgs", "photos")
_SAMPLE = 3  # files of a folder whose headers are read


def split_off_masks(folder: Path, images: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """Return the images that lie in no folder of masks, and in words which folders were passed over.

    A folder of masks is named so and holds PNG files of class numbers, while there are other images elsewhere; or PNG
    files of the names that images in a folder ``images`` beside it have. Photos of people who wear masks are neither.

    Parameters
    ----------
    folder
        The folder of the data set.
    images
        Names relative to it.
    """
    inside: dict[str, list[str]] = defaultdict(list)
    for name in images:
        parts = name.split("/")[:-1]
        depth = next((depth for depth, part in enumerate(parts, 1) if _NAME.fullmatch(part)), 0)
        if depth:
            inside["/".join(parts[:depth])].append(name)
    masks = {
        name: found
        for name, found in inside.items()
        if all(_holds_classes(folder / one) for one in found[:_SAMPLE]) or _are_of_images(name, found, images)
    }
    passed = {name for found in masks.values() for name in found}
    if not passed or len(passed) == len(images):
        return list(images), ()
    notes = tuple(f"passed over: {len(found)} masks in {name}/, which are no photos" for name, found in masks.items())
    return [name for name in images if name not in passed], notes


def _are_of_images(masks: str, found: Sequence[str], images: Sequence[str]) -> bool:
    """Return whether each of the PNG files in a folder has the name of an image in a folder of images beside it."""
    beside = masks.rpartition("/")[0]
    depth = len(masks) + 1
    if not all(name.endswith(".png") for name in found):
        return False
    for one in _IMAGE_FOLDERS:
        start = f"{beside}/{one}/" if beside else f"{one}/"
        stems = {name[len(start) :].rpartition(".")[0] for name in images if name.lower().startswith(start.lower())}
        if stems and all(name[depth:].rpartition(".")[0] in stems for name in found):
            return True
    return False


def _holds_classes(path: Path) -> bool:
    try:
        parsing_size(path)
    except DataError:
        return False
    return True
