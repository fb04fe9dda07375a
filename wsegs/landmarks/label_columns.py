"""Numbers and categories in HDF5: ``/numbers/NAME`` and ``/categories/NAME``, in ``landmarks.h5`` and ``masks.h5``.

Files without such labels have neither group.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from wsegs.datasets.typed_labels import Categories

NUMBERS, CATEGORIES = "numbers", "categories"
LABEL_GROUPS = (f"{NUMBERS}/", f"{CATEGORIES}/")
"""What the names of these datasets begin with."""


def label_columns(file: h5py.File) -> tuple[str, ...]:
    """Return the names of a file's datasets of numbers, then of categories, each sorted: ``numbers/age``, ..."""
    return tuple(f"{group}/{name}" for group in (NUMBERS, CATEGORIES) for name in _names(file, group))


def label_arrays(
    numbers: Mapping[str, NDArray[np.float32]], categories: Mapping[str, Categories]
) -> dict[str, NDArray[Any]]:
    """Return what the datasets hold, (N,) each, float32 and int32, in the order of :func:`label_columns`."""
    return {f"{NUMBERS}/{name}": np.asarray(numbers[name], np.float32) for name in sorted(numbers)} | {
        f"{CATEGORIES}/{name}": categories[name].codes.astype(np.int32) for name in sorted(categories)
    }


def write_category_names(file: h5py.File, names: Mapping[str, tuple[str, ...]]) -> None:
    """Write the names of each label's categories beside their codes, which are there."""
    for label, texts in names.items():
        file[f"{CATEGORIES}/{label}"].attrs["names"] = json.dumps(texts)


def write_typed_labels(
    file: h5py.File, numbers: Mapping[str, NDArray[np.float32]], categories: Mapping[str, Categories]
) -> None:
    """Write numbers and categories; without any, nothing."""
    for path, values in label_arrays(numbers, categories).items():
        file.create_dataset(path, data=values)
    write_category_names(file, {name: categories[name].names for name in sorted(categories)})


def read_numbers(file: h5py.File) -> dict[str, NDArray[np.float32]]:
    """Return name -> (N,) float32.

    Raises
    ------
    ValueError
        If a dataset is of another type; the message names it.
    """
    return {name: _column(file, f"{NUMBERS}/{name}", "f") for name in _names(file, NUMBERS)}


def read_categories(file: h5py.File) -> dict[str, Categories]:
    """Return name -> categories.

    Raises
    ------
    ValueError
        If a dataset is of another type, or its attribute ``names`` is missing or no list; the message names it.
    """
    return {
        name: Categories(read_category_names(file, name), _column(file, f"{CATEGORIES}/{name}", "i").astype(np.int64))
        for name in _names(file, CATEGORIES)
    }


def read_category_names(file: h5py.File, label: str) -> tuple[str, ...]:
    """Return the names of one label's categories.

    Raises
    ------
    ValueError
        As :func:`read_categories`.
    """
    text = file[f"{CATEGORIES}/{label}"].attrs.get("names")
    try:
        names = json.loads(text) if isinstance(text, str) else None
    except json.JSONDecodeError:
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"/{CATEGORIES}/{label}: expected a JSON list of names in its attribute 'names'")
    return tuple(names)


def _names(file: h5py.File, group: str) -> list[str]:
    return sorted(file[group]) if isinstance(file.get(group), h5py.Group) else []


def _column(file: h5py.File, path: str, kind: str) -> NDArray[Any]:
    dataset = file[path]
    if not isinstance(dataset, h5py.Dataset) or dataset.dtype.kind != kind or dataset.ndim != 1:
        raise ValueError(f"/{path}: expected a column of {'numbers' if kind == 'f' else 'codes'}")
    values: NDArray[Any] = dataset[()]
    return values
