"""Small copies of the data sets of ``attributenet.py``: squares of one size, read in no time, with splits of their own.

Every picture is what a network of that size would see of the original: resized, and LFW's laid over CelebA's mean face,
as ``wsegs evaluate`` does. Faces and others are written by ``wsegs classes``' own function.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from wsegs.datasets import open_dataset
from wsegs.datasets.class_pictures import write_class_pictures
from wsegs.datasets.index import SPLITS, FaceDataset
from wsegs.evaluation.crops import Cropper
from wsegs.geometry.frame import Frame
from wsegs.geometry.warp import resize_image
from wsegs.io.images import read_image
from wsegs.training.samples.opening import mean_points, open_data

TYPED = "typed.csv"
"""The table with numbers and categories."""

TESTED = 0.2  # of UTKFace, which has no split of its own


class Small(NamedTuple):
    """The small copies.

    Attributes
    ----------
    celeba, lfw, utkface, faces, objects
        Folders; ``faces`` has a folder for faces and one for others.
    """

    celeba: Path
    lfw: Path
    utkface: Path
    faces: Path
    objects: Path


def small_copies(data: Path, folder: Path, side: int) -> Small:
    """Return the small copies of the data sets in ``data``, made where they are not there."""
    size = (side, side)
    copies = Small(*(folder / name for name in Small._fields))
    if copies.faces.exists():  # the last that is made
        return copies
    celeba, lfw, utkface = (open_dataset(data / name) for name in ("celeba", "lfw", "utkface"))
    _copy(celeba, copies.celeba, celeba.split, lambda image: resize_image(image, size))
    aligned = _onto_celeba(data / "celeba", lfw, size)
    _copy(lfw, copies.lfw, np.full(len(lfw), 2, np.int8), lambda image: aligned.place(image).image)
    hashes = [hashlib.sha256(name.encode()).digest()[0] / 256 for name in utkface.images]
    tested = np.where(np.array(hashes) < TESTED, 2, 0).astype(np.int8)
    _copy(utkface, copies.utkface, tested, lambda image: resize_image(image, size))
    objects = open_dataset(data / "objects")
    _copy(objects, copies.objects, np.zeros(len(objects), np.int8), lambda image: resize_image(image, size))
    sources = {"face": [copies.celeba, copies.utkface], "other": [data / "scenes", data / "objects"]}
    write_class_pictures(sources, copies.faces, side=side)
    return copies


def _onto_celeba(celeba: Path, lfw: FaceDataset, size: tuple[int, int]) -> Cropper:
    """Return what crops LFW as the images of a training on CelebA."""
    opened = open_data(celeba, "image", size)
    points = mean_points(opened, np.arange(1), size)
    return Cropper(size, Frame("image", size), opened.labelled.image_size, points, lfw.aligned_points)


def _copy(dataset: FaceDataset, folder: Path, split: NDArray[np.int8], crop: Any) -> None:
    """Write the pictures of a data set, a table of its attributes, and one with its numbers and categories, too."""
    if (folder / "labels.csv").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{row:06d}.png" for row in range(len(dataset))]
    for row, name in enumerate(tqdm(names, desc=f"{folder.name}: small copies", disable=None)):
        image: NDArray[np.uint8] = crop(read_image(dataset.path(row)))
        cv2.imwrite(str(folder / name), image[..., ::-1])
    columns = ["image", *dataset.attribute_names, "identity", "split"]
    rows = [[name, *_labels(dataset, row, int(split[row]))] for row, name in enumerate(names)]
    typed = [[*cells, *_typed_labels(dataset, row)] for row, cells in enumerate(rows)]
    _write_table(folder / TYPED, [*columns, *dataset.numbers, *dataset.categories], typed)
    _write_table(folder / "labels.csv", columns, rows)


def _write_table(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows])


def _labels(dataset: FaceDataset, row: int, split: int) -> list[object]:
    attributes = ["" if label < 0 else int(label) for label in dataset.attributes[row]]
    return [*attributes, int(dataset.identity[row]), SPLITS[split]]


def _typed_labels(dataset: FaceDataset, row: int) -> list[object]:
    numbers = [float(values[row]) for values in dataset.numbers.values()]
    categories = [
        "" if values.codes[row] < 0 else values.names[values.codes[row]] for values in dataset.categories.values()
    ]
    return [*numbers, *categories]
