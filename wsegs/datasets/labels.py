"""Read ``labels.csv``, the table of a plain folder of images."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat
from operator import itemgetter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wsegs.datasets.index import SPLITS
from wsegs.datasets.join import checked_names
from wsegs.datasets.tables import csv_rows, require_unique_columns
from wsegs.datasets.text import read_text
from wsegs.datasets.typed_labels import Categories, categories_from_values
from wsegs.errors import DataError, OptionError
from wsegs.io.files import did_you_mean

_SPLIT_CODES = {name: number for number, name in enumerate(SPLITS)}
_SPLIT_CODES |= {"val": 1, "0": 0, "1": 1, "2": 2}
# 0 and -1 both say "absent", in different files; 2 stands for an empty field until the file shows which.
_UNKNOWN = 2
_ATTRIBUTE_CODES = {"1": 1, "0": 0, "-1": -1, "": _UNKNOWN}
_VALUES = re.compile(r"-?[0-9.]*")
# What float() reads, but for nan, infinity and 1_000.
_LARGEST = float(np.finfo(np.float32).max)
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


@dataclass(frozen=True, eq=False)
class Labels:
    """N rows of a table of labels.

    Attributes
    ----------
    names
        N file names.
    attribute_names
        A names.
    attributes
        (N, A) int8: 1 present, 0 absent, -1 unknown.
    split
        (N,) int8: 0 train, 1 validation, 2 test; all 0 without such a column.
    identity
        (N,) int32: number of the person, -1 unknown.
    numbers
        Name -> (N,) float32, nan unknown.
    categories
        Name -> names and codes (N,) int64, -1 unknown.
    """

    names: list[str]
    attribute_names: tuple[str, ...]
    attributes: NDArray[np.int8]
    split: NDArray[np.int8]
    identity: NDArray[np.int32]
    numbers: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    categories: dict[str, Categories] = field(default_factory=dict)


def read_labels(path: Path, numbers: Sequence[str] = (), categories: Sequence[str] = ()) -> Labels:
    """Read a comma-separated table with a header row.

    The first column is the file name, whatever its title. A column ``split`` says train, validation (or val) or
    test, or 0, 1 or 2. A column ``identity`` holds numbers from 0, which are kept, or any names, which are numbered
    in sorted order; blank is unknown. Columns named in ``numbers`` hold decimal numbers, columns named in
    ``categories`` any text, one text a category; blank is unknown. Every other column is a binary attribute: 1 is
    present; absent is either 0 or -1, the same in the whole file; blank is unknown.

    Raises
    ------
    OptionError
        If the table lacks a column of ``numbers`` or ``categories``.
    MissingError, DataError
        If the file is missing or malformed; the message names the line and the column.
    """
    numbered = csv_rows(path, read_text(path))
    first_line, header = next(numbered)
    columns = _columns(path, first_line, header)
    lines: list[int] = []
    rows: list[list[str]] = []
    for line, fields in numbered:
        if len(fields) != len(header):
            raise DataError(f"{path}, line {line}: expected {len(header)} columns, got {len(fields)}")
        if not fields[0]:
            raise DataError(f"{path}, line {line}: expected a file name, got an empty field")
        lines.append(line)
        rows.append(fields)
    if not rows:
        raise DataError(f"{path}: expected rows below the header, got none")

    typed = {name: _column_at(path, columns, name, "numbers") for name in numbers}
    typed |= {name: _column_at(path, columns, name, "categories") for name in categories}
    special = {name.lower(): at for at, name in enumerate(columns, start=1) if name.lower() in ("split", "identity")}
    where = [at for at in range(1, len(header)) if at not in (*special.values(), *typed.values())]
    attribute_names = tuple(columns[at - 1] for at in where)
    split: NDArray[np.int8] = np.zeros(len(rows), np.int8)
    if at := special.get("split"):
        split = _split(path, lines, [row[at] for row in rows])
    identity: NDArray[np.int32] = np.full(len(rows), -1, np.int32)
    if at := special.get("identity"):
        identity = number_people([row[at].strip() for row in rows])
    return Labels(
        names=checked_names(path, [row[0] for row in rows], lines),
        attribute_names=attribute_names,
        attributes=_attributes(path, lines, attribute_names, where, rows),
        split=split,
        identity=identity,
        numbers={name: _numbers(path, lines, name, [row[typed[name]] for row in rows]) for name in numbers},
        categories={name: categories_from_values([row[typed[name]] for row in rows]) for name in categories},
    )


def number_people(people: list[str]) -> NDArray[np.int32]:
    """Return a number for each name, (N,) int32: numbers keep theirs, names are numbered as sorted; "" is -1."""
    names = sorted(set(people) - {""})
    if all(re.fullmatch(r"0|[1-9][0-9]{0,8}", name) for name in names):
        number = {name: int(name) for name in names}
    else:
        number = {name: position for position, name in enumerate(names)}
    return np.array([number.get(name, -1) for name in people], np.int32)


def absent_is_zero(codes: NDArray[np.integer]) -> NDArray[np.int8]:
    """Return attributes as 1, 0 and -1 (unknown) from 1, 0 or -1 (absent) and 2 (unknown)."""
    return np.select([codes == 1, codes == _UNKNOWN], [1, -1], 0).astype(np.int8)


def _columns(path: Path, line: int, header: list[str]) -> list[str]:
    columns = [name.strip() for name in header[1:]]
    if not columns and any(separator in header[0] for separator in ";\t"):
        raise DataError(f"{path}, line {line}: expected columns separated by commas, got '{header[0]}'")
    if columns and all(_VALUES.fullmatch(name) for name in columns):
        raise DataError(
            f"{path}, line {line}: expected a header (file name, attributes), got the values '{','.join(header)}'"
        )
    require_unique_columns(path, line, columns)
    for name in ("split", "identity"):
        if sum(column.lower() == name for column in columns) > 1:
            raise DataError(f"{path}, line {line}: expected one column '{name}', got several")
    return columns


def _column_at(path: Path, columns: list[str], name: str, option: str) -> int:
    """Return where in a row the column ``name`` stands that the user announced."""
    if name not in columns:
        raise OptionError(f"--{option} {name}: {path} has no such column{did_you_mean(name, columns)}")
    return columns.index(name) + 1


def _numbers(path: Path, lines: list[int], column: str, values: list[str]) -> NDArray[np.float32]:
    """Return a column's numbers, (N,) float32; blank is nan."""
    numbers = np.full(len(values), np.nan, np.float64)
    for row, value in enumerate(values):
        text = value.strip()
        if not text:
            continue
        if not _NUMBER.fullmatch(text) or not math.isfinite(number := float(text)) or abs(number) > _LARGEST:
            raise DataError(
                f"{path}, line {lines[row]}, column '{column}': expected a number or nothing (unknown), got '{value}'"
            )
        numbers[row] = number
    return numbers.astype(np.float32)


def _split(path: Path, lines: list[int], values: list[str]) -> NDArray[np.int8]:
    codes = [_SPLIT_CODES.get(value.strip().lower()) for value in values]
    if None in codes:
        row = codes.index(None)
        raise DataError(
            f"{path}, line {lines[row]}, column 'split': expected train, validation, val or test, or 0, 1 or 2,"
            f" got '{values[row]}'"
        )
    return np.array(codes, np.int8)


def _attributes(
    path: Path, lines: list[int], columns: tuple[str, ...], where: list[int], rows: list[list[str]]
) -> NDArray[np.int8]:
    """Return the fields ``where`` of each row as 1, 0 and -1 (unknown), (N, A)."""
    if not where:
        return np.zeros((len(rows), 0), np.int8)
    # Iterators in C, since there may be eight million values. An itemgetter of one index returns no tuple.
    odd = 3
    picked = map(itemgetter(*where), rows)
    fields = picked if len(where) == 1 else chain.from_iterable(picked)
    values = np.fromiter(map(_ATTRIBUTE_CODES.get, fields, repeat(odd)), np.int8, len(rows) * len(where))
    codes = values.reshape(len(rows), len(where))
    for row, column in np.argwhere(codes == odd):
        value = rows[row][where[column]]
        codes[row, column] = _ATTRIBUTE_CODES.get(value.strip(), odd)
        if codes[row, column] == odd:
            raise DataError(
                f"{path}, line {lines[row]}, column '{columns[column]}': expected 1, 0, -1 or nothing (unknown),"
                f" got '{value}'{_type_hint(value.strip(), columns[column])}"
            )
    zeros, minus = np.argwhere(codes == 0), np.argwhere(codes == -1)
    if len(zeros) and len(minus):
        (first, _), (row, column) = sorted([tuple(zeros[0]), tuple(minus[0])])
        raise DataError(
            f"{path}, line {lines[row]}, column '{columns[column]}': got {codes[row, column]}, but line {lines[first]}"
            f" has {-1 - codes[row, column]}: absent is 0 or -1, the same in the whole file; leave unknown empty"
        )
    return absent_is_zero(codes)


def _type_hint(value: str, column: str) -> str:
    """Return which options read a column of such values."""
    as_categories = f"--categories {column} reads texts"
    if _NUMBER.fullmatch(value):
        return f"; --numbers {column} reads numbers, {as_categories}"
    return f"; {as_categories}"
