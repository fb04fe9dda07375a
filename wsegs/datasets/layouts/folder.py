"""Open any folder of images, with or without a table of labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wsegs.datasets.index import FaceDataset
from wsegs.datasets.join import join_images
from wsegs.datasets.labels import Labels, read_labels
from wsegs.datasets.layouts.split_folders import inner_folders, splits_of_folders
from wsegs.datasets.typed_labels import select_categories, select_numbers

LABELS = ("labels.csv", "labels.tsv")
"""Names of a table of labels, in any case."""


def open_folder(
    data: Path,
    images: Sequence[str],
    labels: Path,
    numbers: Sequence[str] = (),
    categories: Sequence[str] = (),
    unknown: str | None = None,
) -> FaceDataset:
    """Open the images anywhere below a folder that have a row in a table of labels.

    Parameters
    ----------
    data
        The folder.
    images
        Its images, as :func:`wsegs.datasets.listing.list_images` lists them.
    labels
        The table, as :func:`wsegs.datasets.labels.read_labels` reads it; its file names are relative to ``data``.
    numbers, categories
        Columns of the table that are no binary attributes.
    unknown
        A value of attributes that is unknown.

    Raises
    ------
    OptionError
        If the table lacks a column of ``numbers`` or ``categories``.
    MissingError
        If there is no such table.
    DataError
        If the table is malformed, or no image has a row.
    """
    return join_labels("folder", data, images, read_labels(labels, numbers, categories, unknown), labels)


def open_unlabelled(data: Path, images: Sequence[str]) -> FaceDataset:
    """Open images without labels: no attributes, every identity -1.

    Where all images lie in folders that are named as splits, train and others, these are the splits; else every image
    is in the train split.

    Parameters
    ----------
    data
        The folder.
    images
        Its images, as :func:`wsegs.datasets.listing.list_images` lists them.
    """
    split, notes = _split_by_folders(images)
    if folders := inner_folders(images):
        notes += (
            f"{len(folders)} folders, such as '{min(folders)}', are not read as labels;"
            " --categories class reads each as a class",
        )
    return FaceDataset.of_listing("folder", data, images, split=split, notes=notes)


def join_labels(name: str, folder: Path, images: Sequence[str], table: Labels, source: Path) -> FaceDataset:
    """Return the data set of the images in ``folder`` that have a row in ``table``, read from ``source``."""
    joined = join_images(table.names, source, {image: image for image in images}, folder)
    split, notes = (table.split[joined.rows], ()) if table.split is not None else _split_by_folders(joined.images)
    return FaceDataset(
        name=name,
        root=folder.absolute(),
        images=tuple(joined.images),
        attribute_names=table.attribute_names,
        attributes=table.attributes[joined.rows],
        identity=table.identity[joined.rows],
        split=split,
        numbers=select_numbers(table.numbers, joined.rows),
        categories=select_categories(table.categories, joined.rows),
        unmatched=tuple(joined.unmatched),
        source=source.name,
        notes=(*table.notes, *notes, *joined.notes),
    )


def _split_by_folders(images: Sequence[str]) -> tuple[NDArray[np.int8], tuple[str, ...]]:
    splits = splits_of_folders(images)
    if splits is None:
        return np.zeros(len(images), np.int8), ()
    return splits, ("the folders that images lie in are the splits",)
