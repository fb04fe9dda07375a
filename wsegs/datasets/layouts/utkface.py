"""UTKFace (Zhang et al., "Age progression/regression by conditional adversarial autoencoder", CVPR 2017).

Labels stand in the file names, ``AGE_SEX_RACE_TIME.jpg``; the distribution of aligned crops appends ``.chip.jpg``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from wsegs.datasets.index import FaceDataset
from wsegs.datasets.typed_labels import UNKNOWN_CODE, Categories

RACES = ("White", "Black", "Asian", "Indian", "Other")

_NAME = re.compile(r"([0-9]{1,3})_([01])_([0-4])_[0-9]{8,20}")
_MOST_ARE_NAMED = 0.9  # a few names of the official files miss a field


class FaceLabels(NamedTuple):
    """What a file name says; None where it does not.

    Attributes
    ----------
    age
        In years.
    sex
        0 male, 1 female.
    race
        Index of :data:`RACES`.
    """

    age: int | None = None
    sex: int | None = None
    race: int | None = None


def parse_name(name: str) -> FaceLabels:
    """Return the labels in a file name.

    Where a field is missing, it cannot be told whether it is sex or race, so both are unknown.

    Examples
    --------
    >>> parse_name("part1/25_0_2_20170116174525125.jpg.chip.jpg")
    FaceLabels(age=25, sex=0, race=2)
    >>> parse_name("61_1_20170109142408075.jpg")
    FaceLabels(age=61, sex=None, race=None)
    >>> parse_name("53__0_20170116184028385.jpg")
    FaceLabels(age=53, sex=None, race=0)
    >>> parse_name("someone.jpg")
    FaceLabels(age=None, sex=None, race=None)
    """
    fields = PurePosixPath(name).name.partition(".")[0].split("_")
    if len(fields) not in (3, 4) or not re.fullmatch("[0-9]{8,20}", fields[-1]):
        return FaceLabels()
    age = int(fields[0]) if re.fullmatch("[0-9]{1,3}", fields[0]) else None
    if len(fields) == 3:
        return FaceLabels(age)
    sex, race = fields[1], fields[2]
    return FaceLabels(
        age,
        int(sex) if sex in ("0", "1") else None,
        int(race) if re.fullmatch("[0-4]", race) else None,
    )


def is_utkface(images: Sequence[str]) -> bool:
    """Return whether nine of ten images are named as UTKFace's are."""
    named = sum(bool(_NAME.fullmatch(PurePosixPath(name).name.partition(".")[0])) for name in images)
    return bool(images) and named >= _MOST_ARE_NAMED * len(images)


def open_utkface(data: Path, images: Sequence[str]) -> FaceDataset:
    """Open images by the labels in their names: the attribute ``Male``, the number ``age``, the category ``race``.

    Every image is in the train split, since UTKFace has no official split, and no identity is known.

    Parameters
    ----------
    data
        The folder.
    images
        Its images, as :func:`wsegs.datasets.listing.list_images` lists them.
    """
    labels = [parse_name(name) for name in images]
    male = [-1 if face.sex is None else 1 - face.sex for face in labels]
    races = [UNKNOWN_CODE if face.race is None else face.race for face in labels]
    return FaceDataset.of_listing(
        "utkface",
        data,
        images,
        attribute_names=("Male",),
        attributes=np.array(male, np.int8)[:, None],
        source="file names",
        numbers={"age": np.array([np.nan if face.age is None else face.age for face in labels], np.float32)},
        categories={"race": Categories(RACES, np.array(races, np.int64))},
    )
