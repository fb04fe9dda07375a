"""Fields of a table of labels to arrays: attributes, numbers, splits, people."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from itertools import chain
from operator import itemgetter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wsegs.datasets.listing import looks_like_image
from wsegs.datasets.tables.cells import NUMBER, is_nobody, is_unknown, number_of, same_value, split_of
from wsegs.errors import DataError

# 0 and -1 both say "absent", in different files; 2 stands for unknown until the file shows which.
_UNKNOWN, _ODD = 2, 3
_OFTEN_UNKNOWN = ("2", "3", "9", "99", "-2", "-9", "-99")
_LARGEST = float(np.finfo(np.float32).max)
_PERSON = re.compile(r"(0|[1-9][0-9]{0,8})(\.0*)?")


def read_attributes(
    path: Path,
    lines: Sequence[int],
    columns: Sequence[str],
    where: Sequence[int],
    rows: Sequence[Sequence[str]],
    unknown: str | None = None,
) -> NDArray[np.int8]:
    """Return the fields ``where`` of each row as 1, 0 and -1 (unknown), (N, A).

    Parameters
    ----------
    path, lines
        The file, and the line of each row, for messages.
    columns, where
        A names, and where in a row each stands.
    rows
        The fields of N rows.
    unknown
        A value that is unknown, beside empty fields and the like.

    Raises
    ------
    DataError
        If a field is none of these, or 0 and -1 both stand in the file.
    """
    if not where:
        return np.zeros((len(rows), 0), np.int8)

    def fields() -> chain[str] | map[str]:
        # Iterators in C, since there may be eight million values. An itemgetter of one index returns no tuple.
        picked = map(itemgetter(*where), rows)
        return picked if len(where) == 1 else chain.from_iterable(picked)

    code_of = {text: _code(text, unknown) for text in set(fields())}
    values = np.fromiter(map(code_of.__getitem__, fields()), np.int8, len(rows) * len(where))
    codes = values.reshape(len(rows), len(where))
    if len(odd := np.argwhere(codes == _ODD)):
        row, column = odd[0]
        value = rows[row][where[column]]
        raise DataError(
            f"{path}, line {lines[row]}, column '{columns[column]}': expected 1, 0, -1 or nothing (unknown),"
            f" got '{value}'{_hint(value.strip(), columns[column])}"
        )
    zeros, minus = np.argwhere(codes == 0), np.argwhere(codes == -1)
    if len(zeros) and len(minus):
        (first, _), (row, column) = sorted([tuple(zeros[0]), tuple(minus[0])])
        raise DataError(
            f"{path}, line {lines[row]}, column '{columns[column]}': got {codes[row, column]}, but line {lines[first]}"
            f" has {-1 - codes[row, column]}: absent is 0 or -1, the same in the whole file; --unknown 0 (or -1) says"
            " which of them is unknown"
        )
    return absent_is_zero(codes)


def absent_is_zero(codes: NDArray[np.integer]) -> NDArray[np.int8]:
    """Return attributes as 1, 0 and -1 (unknown) from 1, 0 or -1 (absent) and 2 (unknown)."""
    return np.select([codes == 1, codes == _UNKNOWN], [1, -1], 0).astype(np.int8)


def read_numbers(path: Path, lines: Sequence[int], column: str, values: Sequence[str]) -> NDArray[np.float32]:
    """Return a column's numbers, (N,) float32; nan where it is unknown.

    Raises
    ------
    DataError
        If a field is no number; the message names the line.
    """
    numbers = np.full(len(values), np.nan, np.float64)
    for row, value in enumerate(values):
        text = value.strip()
        if is_unknown(text):
            continue
        if not NUMBER.fullmatch(text) or not math.isfinite(number := float(text)) or abs(number) > _LARGEST:
            raise DataError(
                f"{path}, line {lines[row]}, column '{column}': expected a number or nothing (unknown), got '{value}'"
            )
        numbers[row] = number
    return numbers.astype(np.float32)


def read_splits(path: Path, lines: Sequence[int], column: str, values: Sequence[str]) -> NDArray[np.int8]:
    """Return a column's splits, (N,) int8: 0 train, 1 validation, 2 test.

    Raises
    ------
    DataError
        If a field names none; the message names the line.
    """
    codes = [split_of(value) for value in values]
    if None in codes:
        row = codes.index(None)
        raise DataError(
            f"{path}, line {lines[row]}, column '{column}': expected train, validation (valid, val, dev) or test, or"
            f" 0, 1 or 2, got '{values[row]}'"
        )
    return np.array(codes, np.int8)


def number_people(people: Sequence[str], nobody: Callable[[str], bool] = is_nobody) -> NDArray[np.int32]:
    """Return a number for each person, (N,) int32: numbers keep theirs, names are numbered as sorted.

    -1 where ``nobody`` is true of the text: where it is empty, -1, nan and the like.

    Examples
    --------
    >>> number_people(["5", "-1", "5.0", "nan"]).tolist(), number_people(["zoe", "", "amy"]).tolist()
    ([5, -1, 5, -1], [1, -1, 0])
    """
    names = sorted({name for name in people if not nobody(name)})
    if all(_PERSON.fullmatch(name) for name in names):
        number = {name: int(float(name)) for name in names}
    else:
        number = {name: position for position, name in enumerate(names)}
    return np.array([number.get(name, -1) for name in people], np.int32)


def _code(text: str, unknown: str | None) -> int:
    if is_unknown(text) or (unknown is not None and same_value(text, unknown)):
        return _UNKNOWN
    number = number_of(text)
    return int(number) if number in (1, 0, -1) else _ODD


def _hint(value: str, column: str) -> str:
    """Return what may be the cause, or which options read a column of such values."""
    if looks_like_image(value):
        return "; is the first column the file name?"
    as_categories = f"--categories {column} reads texts"
    if NUMBER.fullmatch(value):
        unknown = f"; --unknown {value} says that it is unknown" if value in _OFTEN_UNKNOWN else ""
        return f"; --numbers {column} reads numbers, {as_categories}{unknown}"
    return f"; {as_categories}"
