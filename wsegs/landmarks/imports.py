"""Import landmarks of other tools, joined to the images by name.

Formats: ``.pts`` of iBUG (1-based coordinates, one is subtracted), the CSV of OpenFace, and a CSV with a column
of image names and columns ``x_0 .. x_67, y_0 .. y_67`` (as many as the scheme has points). ``--export`` writes it.
"""

from __future__ import annotations

import csv
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wsegs.datasets.index import ROW_WITHOUT_IMAGE, Unmatched
from wsegs.errors import DataError, MissingError
from wsegs.io.files import write_table
from wsegs.schemes import IBUG68, LandmarkScheme

if TYPE_CHECKING:
    from wsegs.landmarks.table import LandmarkTable

_NAME_COLUMNS = ("file", "filename", "image", "image_id", "name")
_OPENFACE_COLUMNS = ("frame", "face", "face_id", "timestamp", "confidence", "success")
_LARGEST_PTS = 1 << 16  # bytes; 68 points take two thousand, 1,000 points thirty thousand


@dataclass(frozen=True)
class Imported:
    """Imported landmarks of the N images of a data set.

    Attributes
    ----------
    landmarks
        (N, P, 2) float32, x and y in pixels of the image; nan where nothing was imported.
    sources
        Each path and the number of images that have landmarks from it, for the provenance.
    unmatched
        Names without an image.
    """

    landmarks: NDArray[np.float32]
    sources: list[dict[str, Any]] = field(default_factory=list)
    unmatched: tuple[Unmatched, ...] = ()

    @property
    def found(self) -> NDArray[np.bool_]:
        """(N,) bool: which images have imported landmarks."""
        found: NDArray[np.bool_] = np.asarray(np.isfinite(self.landmarks).all(axis=(1, 2)))
        return found

    @classmethod
    def nothing(cls, count: int, scheme: LandmarkScheme = IBUG68) -> Imported:
        """Return no landmarks for ``count`` images."""
        return cls(np.full((count, scheme.count, 2), np.nan, np.float32))

    def select(self, indices: ArrayLike) -> Imported:
        """Return the imports of some of the images."""
        return replace(self, landmarks=self.landmarks[np.asarray(indices, None if np.size(indices) else np.intp)])


def read_imports(
    paths: Sequence[str | os.PathLike[str]], images: Sequence[str], scheme: LandmarkScheme = IBUG68
) -> Imported:
    """Read files or folders of landmarks and join them to ``images`` by name.

    An entry joins the image of the same name, else of the same name without extension, else of the same file name
    without folders and extension, provided there is only one.

    Parameters
    ----------
    paths
        ``.pts`` and ``.csv`` files, or folders with such files anywhere below them.
    images
        N names of the data set.
    scheme
        What the points are.

    Raises
    ------
    MissingError
        If a path does not exist or a folder holds neither kind of file.
    DataError
        If a file is malformed, a name fits several images, or an image gets landmarks twice; the message names the
        file and the line.
    """
    imported = Imported.nothing(len(images), scheme)
    find = _Names(images)
    origin: dict[int, str] = {}
    sources, unmatched = [], []
    for path in map(Path, paths):
        count = 0
        for name, landmarks, where in _entries(path, scheme):
            index = find(name, where)
            if index is None:
                unmatched.append(Unmatched(ROW_WITHOUT_IMAGE, name, where))
                continue
            if index in origin:
                raise DataError(f"{where}: {images[index]} has landmarks already, from {origin[index]}")
            origin[index] = where
            imported.landmarks[index] = landmarks
            count += 1
        sources.append({"path": str(path), "images": count})
    return replace(imported, sources=sources, unmatched=tuple(unmatched))


def write_csv(path: str | os.PathLike[str], table: LandmarkTable) -> None:
    """Write the landmarks that were found as CSV: image, x_0, ..., y_0, ...; an existing file is replaced.

    Numbers are written with as many digits as give the same float32 back.
    """
    found = np.flatnonzero(table.found)
    rows = ([table.images[row], *(str(value) for value in table.landmarks[row].T.ravel())] for row in found)
    write_table(path, ["image", *_coordinates(table.scheme)], rows)


class _Names:
    """Finds the image that a name belongs to."""

    def __init__(self, images: Sequence[str]) -> None:
        self._exact = {name: i for i, name in enumerate(images)}
        self._without_suffix: dict[str, list[int]] = defaultdict(list)
        self._stem: dict[str, list[int]] = defaultdict(list)
        for i, name in enumerate(images):
            path = PurePosixPath(name)
            self._without_suffix[str(path.with_suffix(""))].append(i)
            self._stem[path.stem].append(i)
        self._images = images

    def __call__(self, name: str, where: str) -> int | None:
        if name in self._exact:
            return self._exact[name]
        for table in (self._without_suffix, self._stem):
            fits = table.get(name, [])
            if len(fits) > 1:
                raise DataError(
                    f"{where}: '{name}' fits several images ({self._images[fits[0]]}, {self._images[fits[1]]});"
                    " name it as the data set does"
                )
            if fits:
                return fits[0]
        return None


def _coordinates(scheme: LandmarkScheme) -> list[str]:
    """Return the names of the columns: x_0, x_1, ..., then y_0, y_1, ..."""
    return [f"{axis}_{point}" for axis in "xy" for point in range(scheme.count)]


def _entries(path: Path, scheme: LandmarkScheme) -> Iterator[tuple[str, NDArray[np.float32], str]]:
    """Yield name, (P, 2) landmarks and their place (file and line), for a file or all files of a folder."""
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix.lower() in (".pts", ".csv"))
        if not files:
            raise MissingError(f"--import {path}: no .pts or .csv file in this folder")
    elif path.exists():
        files = [path]
    else:
        raise MissingError(f"--import {path}: no such file or folder")
    for file in files:
        base = path if path.is_dir() else path.parent
        name = file.relative_to(base).with_suffix("").as_posix()
        try:
            if file.suffix.lower() == ".pts":
                yield name, _read_pts(file, scheme.count), str(file)
            else:
                yield from _read_csv(file, name, scheme)
        except UnicodeDecodeError as error:
            raise DataError(f"{file}: not text ({error.reason} at byte {error.start})") from error
        except OSError as error:
            raise DataError(f"{file}: {error.strerror or error}") from error


def _read_pts(path: Path, count: int) -> NDArray[np.float32]:
    if path.stat().st_size > _LARGEST_PTS:
        raise DataError(f"{path}: {path.stat().st_size} bytes, too long for {count} points")
    points: list[tuple[float, float]] = []
    opened = closed = False
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        words = line.split()
        where = f"{path}, line {number}"
        if not words or words[0].startswith("//"):
            continue
        if closed:
            raise DataError(f"{where}: expected nothing after the closing brace, got '{line.strip()[:40]}'")
        if words == ["{"]:
            opened = True
        elif words == ["}"]:
            closed = True
        elif opened:
            if len(words) != 2:
                raise DataError(f"{where}: expected x and y, got '{line.strip()[:40]}'")
            points.append((_number(words[0], where) - 1, _number(words[1], where) - 1))
        elif words[0].startswith("n_points") and line.split(":")[-1].strip() != str(count):
            raise DataError(f"{where}: expected n_points: {count}, got '{line.strip()[:40]}'")
    if not closed or len(points) != count:
        problem = f"{len(points)} points" if closed else "no closing brace"
        raise DataError(f"{path}: expected {count} points between braces, got {problem}")
    return np.array(points, np.float32)


def _read_csv(path: Path, file_name: str, scheme: LandmarkScheme) -> Iterator[tuple[str, NDArray[np.float32], str]]:
    with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
        reader = csv.reader(file, strict=True)
        try:
            header = [column.strip() for column in next(reader, [])]
            column = _columns(header, path, scheme)
            coordinates = [column[name] for name in _coordinates(scheme)]
            named = _name_column(header)
            if named is None:
                yield from _one_face(list(_rows(reader, header, path)), column, coordinates, file_name, path)
                return
            for row, where in _rows(reader, header, path):
                if _failed(row, column):
                    continue
                yield row[named], _landmarks(row, coordinates, where), where
        except csv.Error as error:
            raise DataError(f"{path}, line {reader.line_num}: {error}") from error


def _columns(header: list[str], path: Path, scheme: LandmarkScheme) -> dict[str, int]:
    column = {name: i for i, name in enumerate(header)}
    if len(column) != len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise DataError(f"{path}, line 1: the column '{twice}' stands twice")
    last = scheme.count - 1
    expected = f"{path}, line 1: expected columns x_0..x_{last} and y_0..y_{last} for {scheme.name}"
    missing = [name for name in _coordinates(scheme) if name not in column]
    if missing:
        raise DataError(f"{expected}, {missing[0]} is missing")
    if f"x_{scheme.count}" in column:  # the first points of another scheme would pass for this one's
        raise DataError(f"{expected}, there is a x_{scheme.count}, too; --scheme names another scheme")
    return column


def _name_column(header: list[str]) -> int | None:
    """Return the column of image names; None for a file of OpenFace about one image."""
    for name in _NAME_COLUMNS:
        if name in header:
            return header.index(name)
    first = header[0]
    return None if first in _OPENFACE_COLUMNS or re.fullmatch("[xy]_[0-9]+", first) else 0


def _rows(reader: Any, header: list[str], path: Path) -> Iterator[tuple[list[str], str]]:
    for row in reader:
        where = f"{path}, line {reader.line_num}"
        if not row:
            continue
        if len(row) != len(header):
            raise DataError(f"{where}: expected {len(header)} columns, got {len(row)}")
        yield row, where


def _one_face(
    rows: list[tuple[list[str], str]], column: dict[str, int], coordinates: list[int], name: str, path: Path
) -> Iterator[tuple[str, NDArray[np.float32], str]]:
    """Yield the face of highest confidence in OpenFace's file of one image."""
    if "frame" in column and len({row[column["frame"]].strip() for row, _ in rows}) > 1:
        raise DataError(f"{path}: several frames of a video; expected one image a file, or a column 'image'")
    rows = [(row, where) for row, where in rows if not _failed(row, column)]
    if len(rows) > 1 and "confidence" not in column:
        raise DataError(f"{path}: {len(rows)} faces and no column 'confidence' to choose by")
    if rows:
        row, where = (
            max(rows, key=lambda item: _number(item[0][column["confidence"]], item[1])) if len(rows) > 1 else rows[0]
        )
        yield name, _landmarks(row, coordinates, where), where


def _failed(row: list[str], column: dict[str, int]) -> bool:
    return "success" in column and row[column["success"]].strip() in ("0", "0.0")


def _landmarks(row: list[str], coordinates: list[int], where: str) -> NDArray[np.float32]:
    """Return (P, 2) from the columns of all x, then all y."""
    values = np.array([_number(row[column], where) for column in coordinates], np.float32)
    return np.ascontiguousarray(values.reshape(2, -1).T)


def _number(text: str, where: str) -> float:
    """Return a coordinate in pixels, below the largest integer that float32 is exact for."""
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not abs(value) < 1 << 24:
        raise DataError(f"{where}: expected a number of pixels, got '{text.strip()[:40]}'")
    return value
