"""LFWA: the faces of LFW with CelebA's attributes (Liu et al., ICCV 2015)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from wsegs.datasets.index import FaceDataset
from wsegs.datasets.join import checked_names
from wsegs.datasets.labels import Labels, read_labels
from wsegs.datasets.layouts.folder import join_labels
from wsegs.datasets.listing import first_file, first_folder, scan_folder
from wsegs.datasets.tables.columns import usual_name
from wsegs.datasets.tables.values import absent_is_zero, number_people
from wsegs.errors import DataError, MissingError

ATTRIBUTES = ("lfw_att_40.mat", "lfwa_attributes.csv")
INDICES = "indices_train_test.mat"
FOLDERS = ("lfw-deepfunneled/lfw-deepfunneled", "lfw-deepfunneled", "lfw/lfw", "lfw")

# The five points of the mean deep-funneled face, x and y: medians over 448 faces of dlib's 68 points, reduced by
# `IBUG68.five_points` and rounded to half a pixel.
ALIGNED_POINTS = ((104.0, 113.5), (145.5, 113.0), (125.0, 135.5), (108.0, 158.0), (144.0, 158.0))
IMAGE_SIZE = (250, 250)


def is_lfwa(data: Path) -> bool:
    """Return whether a folder holds LFWA's attributes."""
    return first_file(data, ATTRIBUTES) is not None


def open_lfwa(
    data: Path, numbers: Sequence[str] = (), categories: Sequence[str] = (), unknown: str | None = None
) -> FaceDataset:
    """Open LFWA from its ``.mat`` files, or from ``lfwa_attributes.csv`` with the columns image, split, attributes.

    Images lie in ``lfw-deepfunneled``, in ``lfw`` or beside the table. The split comes from ``indices_train_test.mat``;
    without that file every image is in the train split. Identity is the person's folder, numbered in sorted order over
    all rows of the table. Only deep-funneled images count as aligned. ``numbers`` and ``categories`` name columns of
    the CSV that are no binary attributes, ``unknown`` a value of it that is unknown.

    Raises
    ------
    MissingError, DataError
        If a file is missing, damaged or malformed, or if no image has a row.
    """
    source = first_file(data, ATTRIBUTES)
    if source is None:
        raise MissingError(f"{data}: LFWA needs its attributes: expected {' or '.join(ATTRIBUTES)}")
    folder = first_folder(data, FOLDERS) or data
    table = (
        read_labels(source, numbers, categories, unknown)
        if source.suffix == ".csv"
        else _read_mat(source, data / INDICES)
    )
    people = [PurePosixPath(name).parent.name for name in table.names]
    table = replace(table, identity=number_people(people, nobody=lambda name: not name))
    listing = scan_folder(folder)
    dataset = join_labels("lfwa", folder, listing.images, table, source)
    aligned = folder.name == "lfw-deepfunneled"
    return replace(
        dataset,
        aligned_points=np.array(ALIGNED_POINTS, np.float32) if aligned else None,
        image_size=IMAGE_SIZE,
        notes=(*dataset.notes, *listing.notes()),
        others=tuple(name for name in listing.others if name not in (*ATTRIBUTES, INDICES, source.name)),
    )


def _read_mat(path: Path, indices: Path) -> Labels:
    from wsegs.datasets.layouts.matlab import read_arrays

    arrays = read_arrays(path, ("name", "label", "AttrName"))
    names = [str(name).strip().replace("\\", "/") for name in arrays["name"].ravel()]
    # The official file writes "5 o Clock Shadow" where CelebA writes "5_o_Clock_Shadow".
    attribute_names = tuple(usual_name(str(name).strip().replace(" ", "_")) for name in arrays["AttrName"].ravel())
    if len(set(attribute_names)) < len(attribute_names):
        raise DataError(f"{path}: expected every name in 'AttrName' once, got {', '.join(attribute_names)}")
    label, expected = arrays["label"], (len(names), len(attribute_names))
    if label.shape == expected[::-1] and label.shape != expected:
        label = label.T
    if label.shape != expected or not names:
        raise DataError(
            f"{path}: expected 'label' of {expected[0]} names x {expected[1]} attributes, got {label.shape}"
        )
    absent = -1 if np.any(label == -1) else 0
    bad = ~np.isin(label, (1, absent))
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise DataError(
            f"{path}, label of '{names[row]}', '{attribute_names[column]}': expected 1 or {absent},"
            f" got {label[row, column]}"
        )
    rows = range(1, len(names) + 1)
    return Labels(
        names=checked_names(path, names, rows, unit="row"),
        attribute_names=attribute_names,
        attributes=absent_is_zero(label),
        split=_read_split(indices, len(names)) if indices.exists() else np.zeros(len(names), np.int8),
        identity=np.full(len(names), -1, np.int32),
    )


def _read_split(path: Path, count: int) -> NDArray[np.int8]:
    from wsegs.datasets.layouts.matlab import read_arrays

    arrays = read_arrays(path, ("indices_img_train", "indices_img_test"))
    split = np.full(count, -1, np.int8)
    for name, number in (("indices_img_train", 0), ("indices_img_test", 2)):
        rows = arrays[name].ravel()
        if rows.dtype.kind not in "iuf" or np.any((rows < 1) | (rows > count) | (rows % 1 != 0)):
            raise DataError(f"{path}: expected rows from 1 to {count} in '{name}'")
        rows = rows.astype(np.intp) - 1
        if np.any(split[rows] >= 0):
            raise DataError(f"{path}: row {rows[split[rows] >= 0][0] + 1} is in both of the two splits")
        split[rows] = number
    if np.any(split < 0):
        raise DataError(
            f"{path}: expected every one of {count} rows in a split, row {np.argmax(split < 0) + 1} is in none"
        )
    return split
