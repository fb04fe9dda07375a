"""Labels corrected after landmarks were found: tell the difference, and take the new ones."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from wsegs.datasets import open_dataset
from wsegs.datasets.index import SPLITS, FaceDataset
from wsegs.datasets.tables.columns import matching_names
from wsegs.datasets.typed_labels import Categories
from wsegs.errors import WsegsError
from wsegs.landmarks.table import LandmarkTable


class Labelled(Protocol):
    """What a landmark table and a mask store have in common: N images and their labels, as in `LandmarkTable`."""

    @property
    def images(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def attribute_names(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def attributes(self) -> NDArray[np.int8]: ...  # noqa: D102
    @property
    def identity(self) -> NDArray[np.int32]: ...  # noqa: D102
    @property
    def split(self) -> NDArray[np.int8]: ...  # noqa: D102
    @property
    def numbers(self) -> dict[str, NDArray[np.float32]]: ...  # noqa: D102
    @property
    def categories(self) -> dict[str, Categories]: ...  # noqa: D102
    @property
    def provenance(self) -> dict[str, Any]: ...  # noqa: D102


@dataclass(frozen=True)
class LabelDifference:
    """How the labels of a file differ from those of its data set now.

    Attributes
    ----------
    data
        The data set.
    rows
        Rows of the file whose labels are others, or of which the data set has none any more.
    example
        The first in words: ``0001.jpg: Smiling 0, now 1``.
    images
        Number of images of the file.
    """

    data: str
    rows: NDArray[np.intp]
    example: str
    images: int

    def __str__(self) -> str:
        return f"the labels of {len(self.rows)} of {self.images} images are others in {self.data} now ({self.example})"


def find_label_difference(labelled: Labelled, data: Path | None = None) -> LabelDifference | None:
    """Compare the labels of a landmark table or mask store with those that its data set has now.

    Parameters
    ----------
    labelled
        The table or store.
    data
        The data set; None for that in which the landmarks were found.

    Returns
    -------
    None if there is no difference, or nothing to compare with: the data set has moved or changed its kind, cannot be
    opened, or the file is older than this comparison.
    """
    dataset = _open_again(labelled.provenance, data)
    if dataset is None:
        return None
    row_of = {name: row for row, name in enumerate(dataset.images)}
    theirs = np.array([row_of.get(name, -1) for name in labelled.images], np.intp)
    if not (theirs >= 0).any():
        return None
    differs = theirs < 0
    words = {int(row): "has no labels now" for row in np.flatnonzero(differs)[:1]}
    for name, ours, now in _columns(labelled, dataset, theirs):
        different = ~differs & (ours != now) & ~((ours != ours) & (now != now))  # nan equals nan here
        for row in np.flatnonzero(different)[:1]:
            words.setdefault(int(row), f"{name} {_word(name, ours[row])}, now {_word(name, now[row])}")
        differs |= different
    if not differs.any():
        return None
    first = min(words)
    return LabelDifference(
        str(dataset.opened["data"]), np.flatnonzero(differs), f"{labelled.images[first]}: {words[first]}", len(theirs)
    )


def relabelled(table: LandmarkTable, dataset: FaceDataset) -> LandmarkTable:
    """Return a table with the labels, splits and people that a data set has, joined by name.

    An image of which it has none keeps its split; its labels are unknown.
    """
    row_of = {name: row for row, name in enumerate(dataset.images)}
    rows = np.array([row_of.get(name, -1) for name in table.images], np.intp)
    there = rows >= 0
    data = {**table.provenance.get("data", {}), "name": dataset.name, "root": str(dataset.root)}
    data |= {"images": len(dataset), "opened": dataset.opened}
    for kind, labels in (("numbers", dataset.numbers), ("categories", dataset.categories)):
        data.pop(kind, None)
        if labels:
            data[kind] = sorted(labels)
    return replace(
        table,
        attribute_names=dataset.attribute_names,
        attributes=np.where(there[:, None], dataset.attributes[rows], -1).astype(np.int8),
        identity=np.where(there, dataset.identity[rows], -1).astype(np.int32),
        split=np.where(there, dataset.split[rows], table.split).astype(np.int8),
        numbers={
            name: np.where(there, values[rows], np.nan).astype(np.float32) for name, values in dataset.numbers.items()
        },
        categories={
            name: Categories(category.names, np.where(there, category.codes[rows], -1))
            for name, category in dataset.categories.items()
        },
        provenance={**table.provenance, "data": data},
    )


def relabel_command(landmarks: str | Path) -> str:
    """Return the command that takes the labels that a data set has now."""
    return f"wsegs landmarks --update {shlex.quote(str(landmarks))} --relabel"


def _open_again(provenance: Mapping[str, Any], data: Path | None) -> FaceDataset | None:
    found_in = provenance.get("data", {})
    opened = found_in.get("opened")
    if not opened:
        return None
    folder = Path(opened["data"] if data is None else data)
    if not folder.is_dir():
        return None
    try:
        dataset = open_dataset(folder, **{name: value for name, value in opened.items() if name != "data"})
    except WsegsError:
        return None
    return dataset if dataset.name == found_in.get("name") else None


def _columns(
    labelled: Labelled, dataset: FaceDataset, rows: NDArray[np.intp]
) -> Iterator[tuple[str, NDArray[Any], NDArray[Any]]]:
    """Yield name, values of the file and of the data set, (N,) each, of every label that both have."""
    names = matching_names(labelled.attribute_names, dataset.attribute_names)
    attributes = np.asarray(labelled.attributes)
    for column, name in enumerate(labelled.attribute_names):
        if name in names:
            now = dataset.attributes[rows, dataset.attribute_names.index(names[name])]
            yield name, attributes[:, column], now
        elif dataset.attribute_names:
            yield name, attributes[:, column], np.full(len(rows), -1, np.int8)
    if isinstance(labelled, LandmarkTable):  # a store may keep a part of them
        known = {*names.values()}
        for column, name in enumerate(dataset.attribute_names):
            if name not in known:
                yield name, np.full(len(rows), -1, np.int8), dataset.attributes[rows, column]
    yield "split", np.asarray(labelled.split), dataset.split[rows]
    yield "identity", np.asarray(labelled.identity), dataset.identity[rows]
    for name, values in labelled.numbers.items():
        if name in dataset.numbers:
            yield name, values, dataset.numbers[name][rows]
    for name, category in labelled.categories.items():
        if name in dataset.categories:
            now = np.array(dataset.categories[name].names_of_rows(), object)[rows]
            yield name, np.array(category.names_of_rows(), object), now


def _word(name: str, value: Any) -> str:
    if name == "split":
        return SPLITS[value] if 0 <= value < len(SPLITS) else str(value)
    if value == "" or value == -1 or value != value:
        return "unknown"
    return str(value)
