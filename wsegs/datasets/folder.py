"""Any folder of images, with a table of labels or without."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wsegs.datasets.index import FaceDataset
from wsegs.datasets.join import join_images
from wsegs.datasets.labels import Labels, read_labels
from wsegs.datasets.listing import IMAGE_SUFFIXES, list_images
from wsegs.errors import DataError

LABELS = "labels.csv"


def open_folder(data: Path, labels: Path | None = None) -> FaceDataset:
    """Open the images anywhere below a folder.

    Parameters
    ----------
    data
        The folder.
    labels
        Table of labels, as :func:`wsegs.datasets.labels.read_labels` reads it, whose file names are relative to
        ``data``; ``labels.csv`` in ``data`` where there is one. Without a table there are no attributes, every image
        is in the train split and every identity is -1.

    Raises
    ------
    MissingError
        If a table is named and does not exist.
    DataError
        If there are no images, the table is malformed, or no image has a row.
    """
    images = list_images(data)
    if not images:
        raise DataError(f"{data}: expected images ({', '.join(IMAGE_SUFFIXES)}) below this folder, got none")
    if labels is None and (data / LABELS).exists():
        labels = data / LABELS
    if labels is None:
        return FaceDataset(
            name="folder",
            root=data.absolute(),
            images=tuple(images),
            attribute_names=(),
            attributes=np.zeros((len(images), 0), np.int8),
            identity=np.full(len(images), -1, np.int32),
            split=np.zeros(len(images), np.int8),
        )
    return join_labels("folder", data, images, read_labels(labels), labels)


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
        unmatched=tuple(joined.unmatched),
    )
