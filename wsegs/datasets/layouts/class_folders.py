"""A folder for each class, as torchvision's ImageFolder: ``CLASS/x.jpg`` or ``train/CLASS/x.jpg``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wsegs.datasets.index import FaceDataset
from wsegs.datasets.layouts.split_folders import first_folders, shared_folders, splits_of_folders
from wsegs.datasets.tables.cells import split_word
from wsegs.datasets.typed_labels import Categories
from wsegs.errors import DataError

CLASS = "class"
"""The name of the category."""

# Folders of a data set of another kind, such as images and their masks.
_NO_CLASSES = {"annotations", "image", "images", "img", "imgs", "labels", "mask", "masks"}


def is_class_folders(images: Sequence[str]) -> bool:
    """Return whether images unmistakably lie in a folder for each class.

    That is, in two classes or more, each with two images or more, or in the folders of several splits, and no folder is
    named as one of images, masks or labels. LFW's folders, one a person, are no classes: most hold one image.

    Examples
    --------
    >>> is_class_folders(["cat/1.jpg", "cat/2.jpg", "dog/1.jpg", "dog/2.jpg"])
    True
    >>> is_class_folders(["Amy/1.jpg", "Bob/1.jpg", "Bob/2.jpg"])
    False
    >>> is_class_folders(["train/cat/1.jpg", "train/dog/2.jpg", "val/cat/3.jpg"])
    True
    >>> is_class_folders(["images/1.jpg", "images/2.jpg", "masks/1.png", "masks/2.png"])
    False
    """
    places = _places(images)
    if None in places:
        return False
    counts = Counter(place[1] for place in places if place is not None and place[0] == 0)
    classes = {place[1] for place in places if place is not None}
    least = 2 if splits_of_folders(images) is None else 1
    return (
        len(counts) >= 2
        and min(counts.values()) >= least
        and classes <= counts.keys()
        and not {name.lower() for name in classes} & _NO_CLASSES
    )


def open_class_folders(data: Path, images: Sequence[str]) -> FaceDataset:
    """Open images by the folders they lie in: the category ``class``, whose names are the folders', sorted.

    Where all images lie in ``train``, ``val`` (or ``valid``, ``validation``, ``dev``) and ``test``, these are the
    splits, and the classes lie in them; else every image is in the train split.

    Parameters
    ----------
    data
        The folder.
    images
        Its images, as :func:`wsegs.datasets.listing.list_images` lists them.

    Raises
    ------
    DataError
        If an image lies elsewhere than in a folder of its class.
    """
    places = []
    for name, place in zip(images, _places(images), strict=True):
        if place is None:
            expected = "CLASS/" if splits_of_folders(images) is None else "SPLIT/CLASS/"
            raise DataError(f"{data}: expected every image in a folder of its class, {expected}, got '{name}'")
        places.append(place)
    names = sorted({name for _, name in places})
    code = {name: number for number, name in enumerate(names)}
    return FaceDataset.of_listing(
        "folder-classes",
        data,
        images,
        split=np.array([split for split, _ in places], np.int8),
        source="folders",
        categories={CLASS: Categories(tuple(names), np.array([code[name] for _, name in places], np.int64))},
    )


def _places(images: Sequence[str]) -> list[tuple[int, str] | None]:
    """Return split and class of each image, None if it does not lie as deep as these."""
    splits = splits_of_folders(images)
    shared = len(shared_folders(images))
    depth = 1 if splits is None else 2
    if splits is None and {split_word(folder) for folder in first_folders(images)} == {0}:
        depth = 2  # train alone
    codes = [0] * len(images) if splits is None else splits.tolist()
    places: list[tuple[int, str] | None] = []
    for name, code in zip(images, codes, strict=True):
        folders = name[shared:].split("/")[:-1]
        places.append((code, folders[-1]) if len(folders) == depth else None)
    return places
