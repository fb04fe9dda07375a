"""Read tables of landmarks: those of OpenFace and py-feat, and plain ones with columns x_0, ... and y_0, ..."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wsegs.errors import DataError
from wsegs.landmarks.imports.rows import FaceRow, points_of_text, score_of, size_of
from wsegs.schemes import LandmarkScheme

_NAME_COLUMNS = ("file", "filename", "file_name", "image", "image_id", "name", "input", "path", "image_path", "img")
_SCORE_COLUMNS = ("confidence", "facescore", "face_score", "score")
_OPENFACE_COLUMNS = ("frame", "face", "face_id", "timestamp", "confidence", "success")
_NO_NAME = re.compile(r"|index|unnamed: 0|[xy]_?[0-9]+", re.IGNORECASE)  # an index that pandas wrote, a coordinate


@dataclass(frozen=True)
class _Columns:
    """Where in a row things stand; None where the table does not have them."""

    points: list[int]  # x of the first point, y of the first point, x of the second, ...
    name: int | None
    score: int | None
    success: int | None
    frame: int | None
    size: tuple[int, int] | None


def coordinate_columns(count: int) -> list[str]:
    """Return the names of the columns that wsegs writes: x_0, x_1, ..., then y_0, y_1, ..."""
    return [f"{axis}_{point}" for axis in "xy" for point in range(count)]


def read_table(path: Path, name: str, scheme: LandmarkScheme) -> Iterator[FaceRow]:
    """Yield the faces of a table, a face a row; without a column of names all are faces of the image ``name``.

    Columns are separated by commas, semicolons or tabs. A row whose ``success`` is 0 is "no face".
    """
    with path.open(newline="", encoding=_encoding(path), errors="surrogateescape") as file:
        first = file.readline()
        file.seek(0)
        separator = "," if "," in first else ";" if ";" in first else "\t" if "\t" in first else ","
        reader = csv.reader(file, strict=True, delimiter=separator)
        try:
            header = [column.strip() for column in next(reader, [])]
            columns = _columns(header, path, scheme)
            frames = set()
            for row in reader:
                where = f"{path}, line {reader.line_num}"
                if not any(row):
                    continue
                if len(row) != len(header):
                    raise DataError(f"{where}: expected {len(header)} columns, got {len(row)}")
                if columns.name is None and columns.frame is not None:
                    frames.add(row[columns.frame].strip())
                    if len(frames) > 1:
                        raise DataError(
                            f"{path}: several frames of a video; expected one image a file, or a column 'image'"
                        )
                if separator == ";":  # where the comma is the decimal point
                    row = [value if at == columns.name else value.replace(",", ".") for at, value in enumerate(row)]
                yield _face(row, columns, name, where)
        except csv.Error as error:
            raise DataError(f"{path}, line {reader.line_num}: {error}") from error


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(2)
    return "utf-16" if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"


def _face(row: list[str], columns: _Columns, name: str, where: str) -> FaceRow:
    image = name if columns.name is None else row[columns.name]
    if not image.strip():
        raise DataError(f"{where}: expected the name of an image, got an empty field")
    if columns.success is not None and row[columns.success].strip() in ("0", "0.0"):
        return FaceRow((image,), None, where)
    points = points_of_text([row[column] for column in columns.points], where)
    score = None
    if points is not None and columns.score is not None:
        score = score_of(row[columns.score], where)
    size = None
    if columns.size is not None:
        size = size_of(row[columns.size[0]].strip(), row[columns.size[1]].strip(), where)
    return FaceRow((image,), points, where, score, size)


def _columns(header: list[str], path: Path, scheme: LandmarkScheme) -> _Columns:
    column = {name: at for at, name in enumerate(header)}
    points = _point_columns(column, path, scheme)
    if len(column) != len(header):
        twice = next(name for name in header if header.count(name) > 1)
        if twice:
            raise DataError(f"{path}, line 1: the column '{twice}' stands twice")
    lower = {name.lower(): at for name, at in reversed(column.items())}
    size = (lower["image_width"], lower["image_height"]) if {"image_width", "image_height"} <= {*lower} else None
    return _Columns(
        points=points,
        name=_name_column(header, lower),
        score=next((lower[name] for name in _SCORE_COLUMNS if name in lower), None),
        success=lower.get("success"),
        frame=lower.get("frame"),
        size=size,
    )


def _point_columns(column: dict[str, int], path: Path, scheme: LandmarkScheme) -> list[int]:
    """Return where x and y of each point stand: x_0 or x0, or x_1 or x1 where points are counted from 1."""
    count = scheme.count
    for form in ("x_{}", "x{}"):
        for first in (0, 1):
            names = [form.format(first), form.format(count - 1 + first), form.format(count + first)]
            if names[0] not in column or (first == 1 and names[1] not in column):
                continue
            if names[2] in column:  # the first points of another scheme would pass for this one's
                raise DataError(
                    f"{path}, line 1: expected columns {names[0]}..{names[1]} for {scheme.name}, there is a"
                    f" {names[2]}, too; --scheme names another scheme"
                )
            wanted = [form.format(point + first) for point in range(count)]
            pairs = [name for x in wanted for name in (x, f"y{x[1:]}")]
            missing = [name for name in [*pairs[::2], *pairs[1::2]] if name not in column]
            if missing:
                raise DataError(
                    f"{path}, line 1: expected columns {wanted[0]}..{wanted[-1]} and y{wanted[0][1:]}.."
                    f"y{wanted[-1][1:]} for {scheme.name}, {missing[0]} is missing"
                )
            return [column[name] for name in pairs]
    raise DataError(
        f"{path}, line 1: expected columns x_0..x_{count - 1} and y_0..y_{count - 1} for {scheme.name}, x_0 is missing"
    )


def _name_column(header: list[str], lower: dict[str, int]) -> int | None:
    """Return the column of image names; None for a file of OpenFace about one image."""
    for name in _NAME_COLUMNS:
        if name in lower:
            return lower[name]
    first = next((at for at, name in enumerate(header) if not _NO_NAME.fullmatch(name)), None)
    return None if first is None or first > 1 or header[first].lower() in _OPENFACE_COLUMNS else first
