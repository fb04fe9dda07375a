"""Check that all images of a training are there, in the sizes that they had, before it begins."""

from __future__ import annotations

import os
from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from wsegs.errors import DataError
from wsegs.landmarks.image_sizes import check_image_sizes
from wsegs.store import MaskStore
from wsegs.training.samples.opening import OpenSource


def check_images(source: OpenSource, rows: NDArray[np.intp]) -> None:
    """Check that every row has its image: in the store if it keeps images, else below the root, by name.

    Raises
    ------
    DataError
        If one has none, or is of another size than its points or masks were made for; the message names the first
        and counts them.
    """
    labelled, root = source.labelled, source.root
    if isinstance(labelled, MaskStore) and labelled.has_images:
        without = rows[labelled.crop_bytes[rows] == 0]
        if len(without):
            raise DataError(
                f"{source.name}: has no image of '{labelled.images[without[0]]}', which could not be read when the"
                f" store was made ({len(without)} of {len(rows)} images are missing)"
            )
        return
    folders: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        folder, _, name = labelled.images[row].rpartition("/")
        folders[folder].append(name)
    missing: list[str] = []
    for folder, names in folders.items():
        there = set(os.listdir(root / folder)) if (root / folder).is_dir() else set()  # noqa: PTH208 (names alone)
        missing += [f"{folder}/{name}".lstrip("/") for name in names if name not in there]
    if missing:
        raise DataError(
            f"{source.name}: does not match its images: '{min(missing)}' is not in {root}"
            f" ({len(missing)} of {len(rows)} images are missing); --data names another data set"
        )
    check_image_sizes(root, [labelled.images[row] for row in rows], source.image_sizes[rows], source.made)
