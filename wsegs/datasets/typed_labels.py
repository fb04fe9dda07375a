"""Labels that are no binary attributes: categories with names, numbers, and how they follow their images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsegs.datasets.tables.cells import is_unknown
from wsegs.errors import DataError

UNKNOWN_CODE = -1

RESERVED = ("identity", "split")
"""Columns of a table of labels that have a meaning of their own."""


@dataclass(frozen=True, eq=False)
class Categories:
    """The category of each of N images, one of K.

    Converts to its array of codes where NumPy wants an array.

    Attributes
    ----------
    names
        K names; a code is an index of these.
    codes
        (N,) int64, from 0 to K - 1; -1 unknown.

    Examples
    --------
    >>> race = Categories(("White", "Black"), np.array([1, -1, 0]))
    >>> race[[0, 2]].names_of_rows()
    ['Black', 'White']
    >>> np.asarray(race)
    array([ 1, -1,  0])
    """

    names: tuple[str, ...]
    codes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: Any) -> Categories:
        """Return the categories of some rows: a slice, integers or a Boolean array."""
        return Categories(self.names, np.atleast_1d(self.codes[rows]))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        codes: NDArray[Any] = self.codes if dtype is None else self.codes.astype(dtype)
        return codes.copy() if copy else codes

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Categories):
            return NotImplemented
        return self.names == other.names and np.array_equal(self.codes, other.codes)

    __hash__ = None  # type: ignore[assignment]

    def names_of_rows(self) -> list[str]:
        """Return the name of each row's category; "" where it is unknown."""
        return [self.names[code] if code >= 0 else "" for code in self.codes.tolist()]


def categories_from_values(values: Sequence[str]) -> Categories:
    """Return categories from a text a row; blank, nan, NA and the like are unknown, and so is -1 among whole numbers.

    Names are sorted: by value if all are whole numbers, else by their letters.

    Examples
    --------
    >>> categories_from_values(["10", " 9", ""])
    Categories(names=('9', '10'), codes=array([ 1,  0, -1]))
    """
    values = ["" if is_unknown(value) else value.strip() for value in values]
    if all(value.isdecimal() for value in {*values} - {"", "-1"}):
        values = ["" if value == "-1" else value for value in values]
    names = sorted({*values} - {""})
    if all(name.isascii() and name.removeprefix("-").isdecimal() for name in names):
        names.sort(key=int)
    code = {name: number for number, name in enumerate(names)} | {"": UNKNOWN_CODE}
    return Categories(tuple(names), np.array([code[value] for value in values], np.int64))


def check_labels(
    count: int,
    attribute_names: Iterable[str],
    numbers: Mapping[str, NDArray[np.float32]],
    categories: Mapping[str, Categories],
) -> None:
    """Raise DataError unless numbers and categories have ``count`` rows, valid codes and names of their own.

    A name is one label's alone, whatever its type, and is usable as the name of a dataset in an HDF5 file.
    """
    for name, values in numbers.items():
        if values.shape != (count,) or values.dtype != np.float32:
            raise DataError(f"numbers '{name}': expected float32 ({count},), got {values.dtype} {values.shape}")
    for name, category in categories.items():
        codes = category.codes
        if codes.shape != (count,) or codes.dtype != np.int64:
            raise DataError(f"categories '{name}': expected int64 ({count},), got {codes.dtype} {codes.shape}")
        if codes.size and not UNKNOWN_CODE <= codes.min() <= codes.max() < len(category.names):
            raise DataError(
                f"categories '{name}': expected codes from -1 to {len(category.names) - 1},"
                f" got {codes.min()} to {codes.max()}"
            )
        if len({*category.names}) < len(category.names):
            raise DataError(f"categories '{name}': expected every name once, got {', '.join(category.names)}")
    seen = {*attribute_names}
    for name in (*numbers, *categories):
        if name in seen:
            raise DataError(f"label '{name}': expected one type, got two")
        seen.add(name)
        problem = label_name_problem(name)
        if problem is not None:
            raise DataError(f"label '{name}': {problem}")


def label_name_problem(name: str) -> str | None:
    """Return why ``name`` cannot name numbers or categories, None if it can.

    Examples
    --------
    >>> label_name_problem("height/cm")
    "expected a name without '/'"
    """
    if "/" in name:
        return "expected a name without '/'"
    if name in ("", ".", "..") or "\0" in name:
        return "expected a name"
    if name.lower() in RESERVED:
        return f"expected another name than {' and '.join(RESERVED)}, which have a type of their own"
    return None


def select_numbers(numbers: Mapping[str, NDArray[np.float32]], rows: Any) -> dict[str, NDArray[np.float32]]:
    """Return each array of numbers at ``rows`` alone."""
    return {name: values[rows] for name, values in numbers.items()}


def select_categories(categories: Mapping[str, Categories], rows: Any) -> dict[str, Categories]:
    """Return each label's categories at ``rows`` alone."""
    return {name: category[rows] for name, category in categories.items()}
