"""Index of a data set: its images and what is known of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wsegs.datasets.typed_labels import Categories, check_labels, select_categories, select_numbers
from wsegs.errors import DataError, OptionError
from wsegs.io.files import did_you_mean, write_table

SPLITS = ("train", "validation", "test")

ROW_WITHOUT_IMAGE = "row without an image"
IMAGE_WITHOUT_ROW = "image without a row"
NAME_TWICE = "name twice"


class Unmatched(NamedTuple):
    """A name in a table or a folder that has no counterpart.

    A named tuple, since a subset of CelebA leaves some 200,000 of them.

    Attributes
    ----------
    kind
        "row without an image", "image without a row" or "name twice".
    name
        The file name, as the table or the folder has it.
    source
        The table that has the row, has it twice, or lacks it.
    """

    kind: str
    name: str
    source: str


@dataclass(frozen=True, eq=False)
class FaceDataset:
    """N images with their labels, joined by file name.

    Attributes
    ----------
    name
        "celeba-aligned", "celeba-wild", "celebamask-hq", "lfwa", "utkface", "folder-classes" or "folder".
    root
        The folder of the images, absolute: image i is ``root / images[i]``.
    images
        N file names relative to ``root``, with ``/``: the key of every later join. In the order of the data
        set's table; sorted where there is no table.
    attribute_names
        Names of the A binary attributes.
    attributes
        (N, A) int8: 1 present, 0 absent, -1 unknown.
    identity
        (N,) int32: number of the person, -1 unknown.
    split
        (N,) int8: 0 train, 1 validation, 2 test.
    boxes
        (N, 4) float32, x, y, width, height of the face in pixels of the image, nan where missing; None where
        the data set has no boxes.
    points
        (N, 5, 2) float32, x and y of the five points of CelebA (left eye, right eye, nose, left and right
        mouth corner; left is the image's left) in pixels of the image, nan where missing; None if there are none.
    unmatched
        Names that did not join. Rows without an image, images without a row in a required table (attributes,
        partition) and names that occur twice in one are not in the index. An image without a row in a table of
        identities, boxes or points is in the index, with an unknown value.
    aligned_points
        (5, 2) float32, the five points of the mean face of aligned images, x and y in pixels; None if images are
        not aligned.
    image_size
        (H, W) if the layout guarantees one size, else None.
    numbers
        Name -> (N,) float32, such as an age; nan unknown.
    categories
        Name -> names and codes (N,) int64, such as a race; -1 unknown.
    source
        The table that the attributes were read from, or how else; "" where there are no labels.
    notes
        In words, what was not read as it is written, and what was passed over.
    others
        Files below the data set's folder that were not read and are no images, relative to it.
    scaled
        Whether somebody asked for points and boxes to be scaled to the images, so that they are doubted no more.
    opened
        The keywords with which :func:`wsegs.datasets.open_dataset` opens the same again; JSON values.
    """

    name: str
    root: Path
    images: tuple[str, ...]
    attribute_names: tuple[str, ...]
    attributes: NDArray[np.int8]
    identity: NDArray[np.int32]
    split: NDArray[np.int8]
    boxes: NDArray[np.float32] | None = None
    points: NDArray[np.float32] | None = None
    unmatched: tuple[Unmatched, ...] = ()
    aligned_points: NDArray[np.float32] | None = None
    image_size: tuple[int, int] | None = None
    numbers: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    categories: dict[str, Categories] = field(default_factory=dict)
    source: str = ""
    notes: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    scaled: bool = False
    opened: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        count = len(self.images)
        shapes: dict[str, tuple[int, ...]] = {
            "attributes": (count, len(self.attribute_names)),
            "identity": (count,),
            "split": (count,),
            "boxes": (count, 4),
            "points": (count, 5, 2),
            "aligned_points": (5, 2),
        }
        for name, shape in shapes.items():
            array = getattr(self, name)
            if array is not None and array.shape != shape:
                raise DataError(f"data set '{self.name}': expected {name} of shape {shape}, got {array.shape}")
        try:
            check_labels(count, self.attribute_names, self.numbers, self.categories)
        except DataError as error:
            raise DataError(f"data set '{self.name}': {error}") from None

    @classmethod
    def of_listing(cls, name: str, root: Path, images: Sequence[str], **known: Any) -> FaceDataset:
        """Return the images of a folder, of which nothing is known but the fields ``known``.

        Without them there are no attributes, every person is unknown, and every image is in the train split.
        """
        unknown: dict[str, Any] = {
            "attribute_names": (),
            "attributes": np.zeros((len(images), 0), np.int8),
            "identity": np.full(len(images), -1, np.int32),
            "split": np.zeros(len(images), np.int8),
        }
        return cls(name, root.absolute(), tuple(images), **{**unknown, **known})

    def __len__(self) -> int:
        return len(self.images)

    @property
    def left_out(self) -> int:
        """The number of images that are not in the index since a table has no row of them."""
        missing = {entry.name for entry in self.unmatched if entry.kind == IMAGE_WITHOUT_ROW}
        return len(missing - {*self.images}) if missing else 0

    def path(self, index: int) -> Path:
        """Return the file of image ``index``."""
        return self.root / self.images[index]

    def select(self, indices: ArrayLike) -> FaceDataset:
        """Return the data set of some of the images, in the order of ``indices``.

        Parameters
        ----------
        indices
            Integers, or a Boolean mask of length N.
        """
        chosen = np.arange(len(self))[np.asarray(indices, dtype=None if np.size(indices) else np.intp)]
        return replace(
            self,
            images=tuple(self.images[i] for i in chosen),
            attributes=self.attributes[chosen],
            identity=self.identity[chosen],
            split=self.split[chosen],
            boxes=None if self.boxes is None else self.boxes[chosen],
            points=None if self.points is None else self.points[chosen],
            numbers=select_numbers(self.numbers, chosen),
            categories=select_categories(self.categories, chosen),
        )

    def indices_of(self, split: str) -> NDArray[np.intp]:
        """Return the indices of "train", "validation", "test" or "all", ascending.

        Raises
        ------
        OptionError
            If there is no split of that name.
        """
        if split == "all":
            return np.arange(len(self))
        if split not in SPLITS:
            known = (*SPLITS, "all")
            raise OptionError(
                f"unknown split '{split}': expected one of {', '.join(known)}{did_you_mean(split, known)}"
            )
        return np.flatnonzero(self.split == SPLITS.index(split))

    def summary(self) -> dict[str, Any]:
        """Return counts of images, labels and unmatched names, ready for JSON."""
        kinds = Counter(entry.kind for entry in self.unmatched)
        return {
            "name": self.name,
            "root": str(self.root),
            "images": len(self),
            "attributes": len(self.attribute_names),
            "numbers": {name: int(np.isfinite(values).sum()) for name, values in self.numbers.items()},
            "categories": {name: len(category.names) for name, category in self.categories.items()},
            "identities": len(np.unique(self.identity[self.identity >= 0])),
            "splits": {name: int(np.sum(self.split == number)) for number, name in enumerate(SPLITS)},
            "boxes": 0 if self.boxes is None else int(np.isfinite(self.boxes).all(axis=1).sum()),
            "points": 0 if self.points is None else int(np.isfinite(self.points).all(axis=(1, 2)).sum()),
            "unmatched": {kind: kinds[kind] for kind in (ROW_WITHOUT_IMAGE, IMAGE_WITHOUT_ROW, NAME_TWICE)},
        }


def write_unmatched(dataset: FaceDataset, path: str | Path) -> None:
    """Write ``dataset.unmatched`` as CSV with the columns kind, name, source; an existing file is replaced."""
    write_table(path, Unmatched._fields, dataset.unmatched)
