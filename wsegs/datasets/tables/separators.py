"""Tell what separates the columns of a table, and split its lines there."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

from wsegs.datasets.tables.cells import is_unknown, number_of, split_of
from wsegs.errors import DataError

_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", None: "blanks"}
_ANNOUNCED = re.compile(r"sep=(.)")  # Excel's own first line


def separated_rows(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, fields) of a table separated by commas, tabs, semicolons, bars or blanks; empty lines are skipped.

    Raises
    ------
    DataError
        If quotes do not match; the message names the line.
    """
    lines = text.split("\n", 1)
    if match := _ANNOUNCED.fullmatch(lines[0].strip().lower()):
        return csv_rows(path, lines[1] if len(lines) > 1 else "", 2, match[1])
    separator = find_separator(text)
    return blank_rows(text) if separator is None else csv_rows(path, text, 1, separator)


def find_separator(text: str) -> str | None:
    r"""Return what separates the columns of a table: a character, or None for blanks.

    Commas do, if they split the first two lines into as many fields; else what splits the header into most.

    Examples
    --------
    >>> find_separator("name;a\nx.jpg;1,0\n"), find_separator("name,a\nx;y.jpg,1\n")
    (';', ',')
    """
    first = [line for line in text[: 1 << 16].split("\n") if line.strip()][:2]
    counts = {mark: [len(_fields(line, mark)) for line in first] for mark in (",", "\t", ";", "|")}
    regular = [mark for mark, found in counts.items() if found[0] > 1 and len({*found}) == 1]
    if regular:
        return "," if "," in regular else max(regular, key=lambda mark: counts[mark][0])
    most = max(counts, key=lambda mark: counts[mark][0])
    if counts[most][0] > 1:
        return most
    words = [line.split() for line in first]
    if len(words) == 2 and 1 < len(words[0]) == len(words[1]) and all(_is_value(word) for word in words[1][1:]):
        return None
    return ","


def separator_name(separator: str | None) -> str:
    """Return what a separator is called in messages."""
    return _NAMES.get(separator, f"'{separator}'")


def csv_rows(path: Path, text: str, first_line: int = 1, separator: str = ",") -> Iterator[tuple[int, list[str]]]:
    """Yield (line, fields) of text separated by one character; empty lines are skipped.

    Raises
    ------
    DataError
        If quotes do not match; the message names the line.
    """
    reader = csv.reader(io.StringIO(text), strict=True, delimiter=separator)
    try:
        for fields in reader:
            if fields:
                yield first_line + reader.line_num - 1, fields
    except csv.Error as error:
        line = first_line + reader.line_num - 1
        raise DataError(
            f"{path}, line {line}: expected columns separated by {separator_name(separator)}: {error}"
        ) from error


def blank_rows(text: str, first_line: int = 1) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, fields) of text separated by blanks and tabs; empty lines are skipped."""
    for line, row in enumerate(text.split("\n"), start=first_line):
        if fields := re.findall(r"[^ \t]+", row):
            yield line, fields


def _fields(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return []


def _is_value(text: str) -> bool:
    return is_unknown(text) or number_of(text) is not None or split_of(text) is not None
