"""Tables of boxes, a row for each face that was located: what ``wsegs locate`` writes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsegs.datasets.join import checked_names
from wsegs.datasets.tables.numeric import Table, read_table
from wsegs.errors import DataError, MissingError
from wsegs.io.files import write_table

COLUMNS = ("name", "x", "y", "width", "height", "score")


def write_boxes(path: Path, rows: Iterable[tuple[str, Sequence[float], float]]) -> None:
    """Write a table of boxes; an existing file is replaced.

    Parameters
    ----------
    path
        A CSV file.
    rows
        Of each face the file name of its image, its box x, y, width, height in pixels of the image, and a score.
    """
    write_table(
        path,
        COLUMNS,
        # Without exponents, which readers of plain numbers do not take.
        ([name, *(f"{value:.2f}" for value in box), f"{score:.8f}"] for name, box, score in rows),
    )


def boxes_by_name(path: Path, images: Sequence[str]) -> NDArray[np.float32]:
    """Return the boxes (N, 4) of images by file name: x, y, width, height in pixels of the image, nan without a row.

    Where an image has several rows the first counts. Columns other than these four are not read.

    Raises
    ------
    MissingError, DataError
        If the file is not there or is no such table, a box has no area, or no image has a row.
    """
    rows, boxes = _read(path)
    found = np.array([rows.get(name, -1) for name in images], np.intp)
    if not (found >= 0).any():
        first = f", the first image is '{images[0]}'" if images else ""
        raise DataError(
            f"--boxes {path}: has no row of any of the {len(images)} images; the first is '{next(iter(rows))}'{first}"
        )
    result = np.full((len(images), 4), np.nan, np.float32)
    result[found >= 0] = boxes[found[found >= 0]]
    return result


def boxes_by_path(path: Path, files: Sequence[Path]) -> NDArray[np.float32]:
    """Return the boxes (N, 4) of image files, whose paths end with the names of the table; see :func:`boxes_by_name`.

    Raises
    ------
    MissingError, DataError
        As there.
    """
    rows, _ = _read(path)
    return boxes_by_name(path, [_ending(file, rows) for file in files])


def _ending(file: Path, names: dict[str, int]) -> str:
    """Return the longest end of a path that is one of some names; the path itself where none is."""
    parts = file.absolute().parts
    ends = ("/".join(parts[start:]) for start in range(len(parts)))
    return next((end for end in ends if end in names), file.as_posix())


def _read(path: Path) -> tuple[dict[str, int], NDArray[np.float32]]:
    """Return the first row of each name, and the boxes of all rows."""
    if not path.is_file():
        raise MissingError(f"--boxes {path}: no such file; wsegs locate makes one")
    table = read_table(path, None)
    places = _places(table)
    boxes = table.values[:, places].astype(np.float32)
    bad = ~np.isfinite(boxes).all(axis=1) | ~(boxes[:, 2:] > 0).all(axis=1)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        shown = ", ".join(f"{value:g}" for value in boxes[row])
        raise DataError(f"{path}, line {table.lines[row]}: expected x, y, and a width and height above 0, got {shown}")
    rows: dict[str, int] = {}
    for row, name in enumerate(checked_names(path, table.names, table.lines)):
        rows.setdefault(name, row)
    return rows, boxes


def _places(table: Table) -> list[int]:
    titles: list[Any] = [title.lower() for title in table.columns]
    missing = [name for name in COLUMNS[1:5] if name not in titles]
    if missing:
        raise DataError(
            f"{table.path}: expected the columns {', '.join(COLUMNS[1:5])} behind the file name, got"
            f" {', '.join(table.columns) or 'none'}"
        )
    return [titles.index(name) for name in COLUMNS[1:5]]
