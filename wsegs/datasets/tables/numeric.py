"""Read tables of a file name and numbers in each row: CelebA's ``.txt`` and Kaggle's ``.csv``.

The fast path finds the tokens of a block of lines with NumPy and reads their digits column by column: 202,599 rows of
40 attributes in about half a second, with the memory of one block beside text and numbers. It refuses any irregular
table. The slow path reads line by line: it accepts quotes and decimals, and names the line of an error.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wsegs.datasets.tables.cells import is_unknown, number_of
from wsegs.datasets.tables.columns import require_unique_columns, usual_name
from wsegs.datasets.tables.header import FILE_TITLES, INDEX_TITLES
from wsegs.datasets.tables.separators import blank_rows, csv_rows, find_separator, separator_name
from wsegs.datasets.tables.text import read_text
from wsegs.errors import DataError

# Nine digits fit int32; no number of these tables is longer.
_DECIMAL = re.compile(r"-?[0-9]{1,9}(\.[0-9]*)?")
_FIELD = re.compile(r"[^ \t]+")
_NAME_COLUMN = "image_id"
_BLOCK = 1 << 20  # characters that are parsed at once


@dataclass(frozen=True, eq=False)
class Table:
    """A file name and C numbers in each of N rows.

    Attributes
    ----------
    path
        The file.
    columns
        C names, without that of the file name.
    names
        N file names.
    values
        (N, C), int32, or float64 where a number has decimals or is unknown, nan.
    lines
        (N,) the line of each row in the file, from 1.
    """

    path: Path
    columns: tuple[str, ...]
    names: list[str]
    values: NDArray[np.int32] | NDArray[np.float64]
    lines: NDArray[np.int64]

    def require(self, valid: NDArray[np.bool_], expected: str, hint: str = "") -> None:
        """Raise DataError at the first value for which ``valid`` (N, C) is false; ``hint`` ends the message."""
        if valid.all():
            return
        row, column = np.argwhere(~valid)[0]
        raise DataError(
            f"{self.path}, line {self.lines[row]}, column '{self.columns[column]}': expected {expected},"
            f" got {self.values[row, column]:g}{hint}"
        )


def read_table(path: Path, columns: Sequence[str] | None, *, header: bool = True) -> Table:
    """Read a table: separated by commas (or semicolons or tabs) if its name ends in ``.csv``, else by blanks.

    Parameters
    ----------
    path
        The file. A ``.csv`` has a header row; a ``.txt`` has two lines, the number of rows and the names of
        the columns, or none. A ``.txt`` with a comma or semicolon in its first line is read as a ``.csv``.
    columns
        The names that the columns must have, in this order; None takes them from the header.
    header
        Whether a ``.txt`` has its two lines, and a ``.csv`` its header for certain. Without, ``columns`` is needed.

    Raises
    ------
    MissingError, DataError
        If the file is missing, is not text, or is not such a table; the message names the line.
    """
    text = read_text(path)
    delimiter = _delimiter(path, text)
    lines_of_header = 1 if delimiter else 2 * header
    if delimiter and not header and _is_row(_fields_or_none(text, delimiter)):
        lines_of_header = 0
    if delimiter and lines_of_header:
        text = _without_index(text, delimiter)
    *head, body = _split_off(text, lines_of_header)
    announced = None
    if lines_of_header == 2:
        announced = _announced_rows(path, head[0])
    if lines_of_header:
        columns = _header(path, head[-1], lines_of_header, delimiter, columns)
    if columns is None:
        raise ValueError("a table without a header needs the names of its columns")

    names, values, lines = _parse_fast(body, len(columns), delimiter, lines_of_header + 1) or _parse_slow(
        path, body, columns, delimiter, lines_of_header + 1
    )
    if not names:
        raise DataError(f"{path}: expected rows of a file name and {len(columns)} numbers, got none")
    if announced is not None and announced != len(names):
        raise DataError(f"{path}: line 1 announces {announced} rows, got {len(names)}; is the file complete?")
    return Table(path, tuple(columns), names, values, lines)


def _delimiter(path: Path, text: str) -> str | None:
    """Return what separates the columns, None for blanks."""
    first = text.split("\n", 1)[0]
    if path.suffix.lower() == ".csv" or "," in first or ";" in first:
        return find_separator(text) or ","
    return None


def _fields_or_none(text: str, delimiter: str) -> list[str]:
    try:
        return _fields(text.split("\n", 1)[0], delimiter)
    except csv.Error:
        return []  # whoever reads the header says what is wrong


def _is_row(fields: Sequence[str]) -> bool:
    """Return whether fields are a row: behind the file name, numbers or what is unknown."""
    return len(fields) > 1 and all(_number(field.strip()) is not None for field in fields[1:])


def _without_index(text: str, delimiter: str) -> str:
    """Drop a first column that counts the rows, as pandas writes it."""
    titles = [title.strip().lower() for title in _fields_or_none(text, delimiter)[:2]]
    if len(titles) == 2 and titles[0] in INDEX_TITLES and titles[1] in FILE_TITLES:
        return re.sub(rf"(?m)^[^\n{re.escape(delimiter)}]*{re.escape(delimiter)}", "", text)
    return text


def _number(text: str) -> float | None:
    """Return a number of up to nine digits, nan where it is unknown, 1 or 0 for true or false; else None."""
    if _DECIMAL.fullmatch(text):
        return float(text)
    if is_unknown(text):
        return math.nan
    return None if any(character.isdigit() for character in text) else number_of(text)


def _split_off(text: str, count: int) -> list[str]:
    parts = text.split("\n", count)
    return parts + [""] * (count + 1 - len(parts))


def _announced_rows(path: Path, line: str) -> int:
    number = line.strip()
    if not re.fullmatch(r"[0-9]{1,9}", number):
        raise DataError(f"{path}, line 1: expected the number of rows, got '{_shortened(line)}'")
    return int(number)


def _header(
    path: Path, line: str, number: int, delimiter: str | None, expected: Sequence[str] | None
) -> tuple[str, ...]:
    try:
        columns = _fields(line, delimiter)
    except csv.Error as error:
        raise DataError(f"{path}, line {number}: {error}") from error
    # CSVs name the first column, and so does CelebA's table of boxes.
    if delimiter or columns[:1] == [_NAME_COLUMN]:
        columns = columns[1:]
    columns = [usual_name(name.strip()) for name in columns]
    if not columns:
        raise DataError(
            f"{path}, line {number}: expected names of columns separated by {separator_name(delimiter)},"
            f" got '{_shortened(line)}'"
        )
    require_unique_columns(path, number, columns)
    if all(_DECIMAL.fullmatch(name) for name in columns):
        raise DataError(f"{path}, line {number}: expected names of columns, got '{_shortened(line)}'")
    if expected is not None and [name.lower() for name in columns] != [name.lower() for name in expected]:
        raise DataError(f"{path}, line {number}: expected the columns {', '.join(expected)}, got {', '.join(columns)}")
    return tuple(columns)


def _parse_fast(
    body: str, width: int, delimiter: str | None, first_line: int
) -> tuple[list[str], NDArray[np.int32], NDArray[np.int64]] | None:
    """Return names, values (N, width) and lines (N,), or None if anything is irregular."""
    if '"' in body:
        return None
    names: list[str] = []
    values: list[NDArray[np.int32]] = []
    lines: list[NDArray[np.int64]] = []
    start = 0
    while start < len(body):
        end = body.find("\n", start + _BLOCK) + 1 or len(body)
        block = _parse_block(body[start:end], width, delimiter, first_line)
        if block is None:
            return None
        names += block[0]
        values.append(block[1])
        lines.append(block[2])
        first_line += body.count("\n", start, end)
        start = end
    if not names:
        return None
    return names, np.concatenate(values), np.concatenate(lines)


def _parse_block(
    body: str, width: int, delimiter: str | None, first_line: int
) -> tuple[list[str], NDArray[np.int32], NDArray[np.int64]] | None:
    data = body.encode()
    buffer = np.frombuffer(data, np.uint8)
    is_delimiter = np.zeros(256, bool)
    is_delimiter[[ord(character) for character in (delimiter or " \t") + "\n"]] = True

    inside = np.concatenate([[False], ~is_delimiter[buffer], [False]])
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    starts, ends = edges[0::2], edges[1::2]
    if not len(starts):
        return None if delimiter else ([], np.zeros((0, width), np.int32), np.zeros(0, np.int64))
    if delimiter and (starts[0] != 0 or np.any(starts[1:] - ends[:-1] != 1) or len(buffer) - ends[-1] > 1):
        return None  # an empty field, or an empty line

    newlines = np.flatnonzero(buffer == ord("\n"))
    tokens_before = np.concatenate([[0], np.searchsorted(starts, newlines), [len(starts)]])
    tokens = np.diff(tokens_before)
    if np.any((tokens != 0) & (tokens != width + 1)):
        return None
    starts, ends = starts.reshape(-1, width + 1), ends.reshape(-1, width + 1)
    values = _digits(buffer, starts[:, 1:], ends[:, 1:])
    if values is None:
        return None
    names = [data[start:end].decode() for start, end in zip(starts[:, 0].tolist(), ends[:, 0].tolist(), strict=True)]
    return names, values, first_line + np.flatnonzero(tokens)


def _digits(
    buffer: NDArray[np.uint8], starts: NDArray[np.integer], ends: NDArray[np.integer]
) -> NDArray[np.int32] | None:
    """Read the integers at ``buffer[start:end]``; None unless each is a sign and one to nine digits."""
    negative = buffer[starts] == ord("-")
    at, left = starts + negative, ends - starts - negative
    if left.size and (left.min() < 1 or left.max() > 9):
        return None
    values = np.zeros(starts.shape, np.int32)
    for position in range(int(left.max(initial=0))):
        active = left > position
        digit = buffer[np.minimum(at + position, len(buffer) - 1)] - np.uint8(ord("0"))  # wraps below "0"
        if np.any(active & (digit > 9)):
            return None
        values = np.where(active, values * 10 + digit, values)
    return np.where(negative, -values, values)


def _parse_slow(
    path: Path, body: str, columns: Sequence[str], delimiter: str | None, first_line: int
) -> tuple[list[str], NDArray[np.int32] | NDArray[np.float64], NDArray[np.int64]]:
    names: list[str] = []
    rows: list[list[float]] = []
    lines: list[int] = []
    for line, fields in _rows(path, body, delimiter, first_line):
        if len(fields) != len(columns) + 1:
            raise DataError(f"{path}, line {line}: expected {len(columns) + 1} columns, got {len(fields)}")
        name, *rest = fields
        if not name:
            raise DataError(f"{path}, line {line}: expected a file name, got an empty field")
        row = []
        for column, field in zip(columns, rest, strict=True):
            value = _number(field.strip())  # float() strips fewer characters (not \x1c to \x1f)
            if value is None:
                raise DataError(f"{path}, line {line}, column '{column}': expected a number, got '{_shortened(field)}'")
            row.append(value)
        names.append(name)
        rows.append(row)
        lines.append(line)
    numbers = np.array(rows, np.float64).reshape(-1, len(columns))
    if np.isnan(numbers).any():
        return names, numbers, np.array(lines, np.int64)
    whole = numbers.astype(np.int32)
    return names, whole if np.array_equal(whole, numbers) else numbers, np.array(lines, np.int64)


def _rows(path: Path, body: str, delimiter: str | None, first_line: int) -> Iterator[tuple[int, list[str]]]:
    return blank_rows(body, first_line) if delimiter is None else csv_rows(path, body, first_line, delimiter)


def _fields(line: str, delimiter: str | None) -> list[str]:
    return next(csv.reader([line], strict=True, delimiter=delimiter), []) if delimiter else _FIELD.findall(line)


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
