"""Open any folder of images, with or without a table of labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wsegs.datasets.index import FaceDataset
from wsegs.datasets.join import join_images
from wsegs.datasets.labels import Labels, read_labels
from wsegs.datasets.listing import IMAGE_SUFFIXES, list_images
from wsegs.datasets.typed_labels import select_categories, select_numbers
from wsegs.errors import DataError

LABELS = "labels.csv"


def open_folder(data: Path, labels: Path, numbers: Sequence[str] = (), categories: Sequence[str] = ()) -> FaceDataset:
    """Open the images anywhere below a folder that have a row in a table of labels.

    Parameters
    ----------
    data
        The folder.
    labels
        The table, as :func:`wsegs.datasets.labels.read_labels` reads it; its file names are relative to ``data``.
    numbers, categories
        Columns of the table that are no binary attributes.

    Raises
    ------
    OptionError
        If the table lacks a column of ``numbers`` or ``categories``.
    MissingError
        If there is no such table.
    DataError
        If there are no images, the table is malformed, or no image has a row.
    """
    images = list_images(data)
    if not images:
        raise DataError(f"{data}: expected images ({', '.join(IMAGE_SUFFIXES)}) below this folder, got none")
    return join_labels("folder", data, images, read_labels(labels, numbers, categories), labels)


def open_unlabelled(data: Path, images: Sequence[str]) -> FaceDataset:
    """Open images without labels: no attributes, every image in the train split, every identity -1.

    Parameters
    ----------
    data
        The folder.
    images
        Its images, as :func:`wsegs.datasets.listing.list_images` lists them.
    """
    return FaceDataset(
        name="folder",
        root=data.absolute(),
        images=tuple(images),
        attribute_names=(),
        attributes=np.zeros((len(images), 0), np.int8),
        identity=np.full(len(images), -1, np.int32),
        split=np.zeros(len(images), np.int8),
    )


def join_labels(name: str, folder: Path, images: list[str], table: Labels, source: Path) -> FaceDataset:
    """Return the data set of the images in ``folder`` that have a row in ``table``, read from ``source``."""
    joined = join_images(table.names, source, {image: image for image in images}, folder)
    return FaceDataset(
        name=name,
        root=folder.absolute(),
        images=tuple(joined.images),
        attribute_names=table.attribute_names,
        attributes=table.attributes[joined.rows],
        identity=table.identity[joined.rows],
        split=table.split[joined.rows],
        numbers=select_numbers(table.numbers, joined.rows),
        categories=select_categories(table.categories, joined.rows),
        unmatched=tuple(joined.unmatched),
        notes=tuple(joined.notes),
    )
