"""Turn faces down, and list those that somebody should look at."""

from __future__ import annotations

import csv
import os
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wsegs.errors import DataError, OptionError
from wsegs.io.files import did_you_mean, write_table
from wsegs.landmarks.choose import SURE
from wsegs.landmarks.doubt import DOUBTFUL
from wsegs.landmarks.table import NO_FACE, REJECTED, LandmarkTable


def reject_faces(table: LandmarkTable, names: Collection[str] = (), min_score: float | None = None) -> LandmarkTable:
    """Return a table in which some faces are rejected: their landmarks are gone, score, box and number of faces stay.

    Parameters
    ----------
    table
        Landmarks.
    names
        Images whose faces are rejected.
    min_score
        Faces of which the detector was less sure are rejected, too; those without a score are kept.

    Raises
    ------
    OptionError
        If a name is none of the table's images.
    """
    rows = {name: row for row, name in enumerate(table.images)}
    unknown = next((name for name in names if name not in rows), None)
    if unknown is not None:
        raise OptionError(
            f"--reject: '{unknown}' is none of the {len(rows)} images{did_you_mean(unknown, table.images)}"
        )
    rejected = np.zeros(len(table), bool)
    rejected[[rows[name] for name in names]] = True
    if min_score is not None:
        rejected |= table.score < min_score  # nan is not
    rejected &= table.found
    if not rejected.any():
        return table
    return replace(
        table,
        landmarks=np.where(rejected[:, None, None], np.float32(np.nan), table.landmarks),
        status=np.where(rejected, np.uint8(REJECTED), table.status),
    )


def read_names(path: str | os.PathLike[str]) -> list[str]:
    """Return the image names in a list: one a line, or the first column of a CSV that begins with ``image``.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            rows = [row for row in csv.reader(file) if row and row[0].strip()]
    except (OSError, csv.Error) as error:
        why = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: expected a list of image names ({why})") from None
    return [row[0].strip() for row in rows if row[0].strip() != "image"]


def doubtful_rows(table: LandmarkTable) -> NDArray[np.intp]:
    """Return the rows of faces to look at: odd shapes first, then unsure ones, then those beside other faces."""
    odd, unsure, several = table.doubt > DOUBTFUL, table.score < SURE, table.found & (table.faces > 1)
    kind = np.where(odd, 0, np.where(unsure, 1, 2))
    order = np.lexsort((np.nan_to_num(table.score, nan=2), -np.nan_to_num(table.doubt), kind))
    return order[(table.found & (odd | unsure | several))[order]]


def write_doubtful(table: LandmarkTable, path: Path) -> None:
    """Write the list of :func:`doubtful_rows`: image, why, score, number of faces and doubt."""
    write_table(path, ["image", "why", "score", "faces", "doubt"], _lines(table))


def _lines(table: LandmarkTable) -> Iterator[list[str]]:
    for row in doubtful_rows(table).tolist():
        score, doubt, faces = float(table.score[row]), float(table.doubt[row]), int(table.faces[row])
        reasons = {
            "the shape is far from a face's": doubt > DOUBTFUL,
            "the detector is unsure": score < SURE,
            f"{faces} faces": faces > 1,
        }
        numbers = ["" if np.isnan(score) else f"{score:.3f}", "" if faces < 0 else str(faces), f"{doubt:.3f}"]
        yield [table.images[row], "; ".join(reason for reason, holds in reasons.items() if holds), *numbers]


def write_missing(table: LandmarkTable, unreadable: NDArray[np.bytes_], path: Path, min_score: float | None) -> None:
    """Write name and reason of every image without landmarks; ``unreadable`` (N,) says why images are, in UTF-8."""

    def reason(row: int) -> str:
        if table.status[row] == NO_FACE:
            return "no face"
        if table.status[row] != REJECTED:
            return str(unreadable[row].decode("utf-8", "replace"))
        score = float(table.score[row])
        return f"rejected: score {score:.2f}" if min_score is not None and score < min_score else "rejected"

    rows = np.flatnonzero(~table.found).tolist()
    write_table(path, ["image", "reason"], ((table.images[row], reason(row)) for row in rows))
