"""Read ``labels.csv``, the table of a plain folder of images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wsegs.datasets.join import checked_names
from wsegs.datasets.tables.columns import usual_name
from wsegs.datasets.tables.header import Header, read_header
from wsegs.datasets.tables.separators import separated_rows
from wsegs.datasets.tables.text import read_text
from wsegs.datasets.tables.values import number_people, read_attributes, read_numbers, read_splits
from wsegs.datasets.typed_labels import Categories, categories_from_values
from wsegs.errors import DataError, OptionError
from wsegs.io.files import did_you_mean


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
        (N,) int8: 0 train, 1 validation, 2 test; None without such a column.
    identity
        (N,) int32: number of the person, -1 unknown.
    numbers
        Name -> (N,) float32, nan unknown.
    categories
        Name -> names and codes (N,) int64, -1 unknown.
    notes
        In words, what was not read as it is written.
    """

    names: list[str]
    attribute_names: tuple[str, ...]
    attributes: NDArray[np.int8]
    split: NDArray[np.int8] | None
    identity: NDArray[np.int32]
    numbers: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    categories: dict[str, Categories] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_labels(
    path: Path, numbers: Sequence[str] = (), categories: Sequence[str] = (), unknown: str | None = None
) -> Labels:
    """Read a table with a header row, separated by commas, tabs or semicolons.

    The first column is the file name, whatever its title; behind a column that counts the rows, the second. A column
    ``split`` (or ``partition``) says train, validation (valid, val, dev) or test, or 0, 1 or 2. A column ``identity``
    holds numbers from 0, which are kept, or any names, which are numbered in sorted order. Columns named in
    ``numbers`` hold decimal numbers, columns named in ``categories`` any text, one text a category. Every other column
    is a binary attribute: 1 (true, yes) is present; absent is either 0 (false, no) or -1, the same in the whole file.

    A blank, nan, NA and the like are unknown in every column but the split's; of people, also -1. Attributes of
    CelebA get its spelling: ``wearing hat`` is ``Wearing_Hat``.

    Parameters
    ----------
    path
        The file.
    numbers, categories
        Titles of columns.
    unknown
        A further value that is unknown in the columns of attributes, such as "0" where -1 is absent.

    Raises
    ------
    OptionError
        If the table lacks a column of ``numbers`` or ``categories``.
    MissingError, DataError
        If the file is missing or malformed; the message names the line and the column.
    """
    numbered = separated_rows(path, read_text(path))
    first_line, header_fields = next(numbered)
    lines: list[int] = []
    rows: list[list[str]] = []
    for line, fields in numbered:
        if len(fields) != len(header_fields):
            raise DataError(f"{path}, line {line}: expected {len(header_fields)} columns, got {len(fields)}")
        lines.append(line)
        rows.append(fields)
    if not rows:
        raise DataError(f"{path}: expected rows below the header, got none")
    header = read_header(path, first_line, header_fields, rows, [*numbers, *categories])
    empty = next((line for line, row in zip(lines, rows, strict=True) if not row[header.name].strip()), None)
    if empty is not None:
        raise DataError(f"{path}, line {empty}: expected a file name, got an empty field")

    def values(title: str) -> list[str]:
        return [row[header.titles[title]] for row in rows]

    for option, names in (("numbers", numbers), ("categories", categories)):
        for name in names:
            _require_column(header, path, name, option)
    special = {header.split, header.identity, *numbers, *categories}
    attribute_names = tuple(title for title in header.titles if title not in special)
    where = [header.titles[title] for title in attribute_names]
    identity: NDArray[np.int32] = np.full(len(rows), -1, np.int32)
    if header.identity:
        identity = number_people([value.strip() for value in values(header.identity)])
    return Labels(
        names=checked_names(path, [row[header.name] for row in rows], lines),
        attribute_names=attribute_names,
        attributes=read_attributes(path, lines, attribute_names, where, rows, unknown),
        split=read_splits(path, lines, header.split, values(header.split)) if header.split else None,
        identity=identity,
        numbers={name: read_numbers(path, lines, name, values(name)) for name in numbers},
        categories={name: categories_from_values(values(name)) for name in categories},
        notes=tuple(f"{path.name}: {note}" for note in header.notes),
    )


def _require_column(header: Header, path: Path, name: str, option: str) -> None:
    """Raise OptionError unless there is the column ``name`` that the user announced."""
    if name in header.titles:
        return
    hint = did_you_mean(name, list(header.titles))
    if usual_name(name) in header.titles:
        hint = f"; did you mean '{usual_name(name)}'?"
    raise OptionError(f"--{option} {name}: {path} has no such column{hint}")
