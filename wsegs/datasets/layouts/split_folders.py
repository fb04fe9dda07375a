"""Folders that say in which split their images are: ``train/x.jpg``, ``val/CLASS/x.jpg``."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wsegs.datasets.tables.cells import split_word


def splits_of_folders(images: Sequence[str]) -> NDArray[np.int8] | None:
    """Return the split of each image by the folder that it lies in, (N,) int8; None if folders do not say.

    They do where every image lies in one that is named as a split, and there is train and another.

    Examples
    --------
    >>> splits_of_folders(["faces/train/1.jpg", "faces/Val/2.jpg"]).tolist()
    [0, 1]
    >>> splits_of_folders(["train/1.jpg", "train/2.jpg"]) is None, splits_of_folders(["train/1.jpg", "2.jpg"]) is None
    (True, True)
    """
    codes = [split_word(folder) if folder else None for folder in first_folders(images)]
    if None in codes or 0 not in codes or len({*codes}) < 2:
        return None
    return np.array(codes, np.int8)


def first_folders(images: Sequence[str]) -> list[str]:
    """Return the first folder of each name below those that all of them share; "" where it is in none.

    Examples
    --------
    >>> first_folders(["faces/cat/1.jpg", "faces/dog/2.jpg"]), first_folders(["cat/1.jpg", "cat/2.jpg"])
    (['cat', 'dog'], ['cat', 'cat'])
    """
    shared = len(shared_folders(images))
    return [folder[: folder.find("/")] if "/" in folder else "" for folder in (name[shared:] for name in images)]


def shared_folders(images: Sequence[str]) -> str:
    """Return the folders that all names begin with, ``a/b/``, but for the last folder of any name.

    Examples
    --------
    >>> shared_folders(["faces/cat/1.jpg", "faces/cat/2.jpg"])
    'faces/'
    """
    above = {os.path.dirname(os.path.dirname(name)) for name in images}  # noqa: PTH120 (names may be 200,000)
    shared = "" if "" in above or not above else os.path.commonpath(above)
    return f"{shared}/" if shared else ""


def inner_folders(images: Sequence[str]) -> set[str]:
    """Return the names of the folders that images lie in, below splits; empty if that is one folder."""
    splits = splits_of_folders(images)
    shared = len(shared_folders(images))
    inner = {os.path.dirname(name[shared:]) for name in images}  # noqa: PTH120
    if splits is not None:
        inner = {folder.partition("/")[2] for folder in inner}
    inner.discard("")
    return inner if len(inner) > 1 else set()
