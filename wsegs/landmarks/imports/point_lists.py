"""Read lists of x and y, a point a line: ``.pts`` of iBUG and the ``.txt`` of LaPa and HELEN."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from wsegs.errors import DataError
from wsegs.landmarks.imports.rows import FaceRow, points_of_text
from wsegs.schemes import LandmarkScheme

_LARGEST = 1 << 16  # bytes; 68 points take two thousand, 1,000 points thirty thousand


def read_pts(path: Path, name: str, scheme: LandmarkScheme) -> Iterator[FaceRow]:
    """Yield the face of a ``.pts`` file, whose pixels are counted from 1, with or without header and braces."""
    values: list[str] = []
    opened = closed = False
    for line, where in _lines(path, scheme):
        words = line.replace(",", " ").split()
        if closed:
            raise DataError(f"{where}: expected nothing after the closing brace, got '{line[:40]}'")
        if words == ["{"]:
            if values:
                raise DataError(f"{where}: expected the opening brace before the points")
            opened = True
        elif words == ["}"]:
            closed = True
        elif ":" in line and not opened:
            key, _, value = line.partition(":")
            if key.strip() == "n_points" and value.strip() != str(scheme.count):
                raise DataError(f"{where}: expected n_points: {scheme.count}, got '{line[:40]}'")
        else:
            values += _two(words, line, where)
    if opened != closed:
        raise DataError(f"{path}: expected {scheme.count} points between braces, got no {_brace(opened)} brace")
    _check(values, scheme, path)
    yield FaceRow((name,), points_of_text(values, str(path)), str(path), first=1)


def read_txt(path: Path, name: str, scheme: LandmarkScheme) -> Iterator[FaceRow]:
    """Yield the face of a ``.txt`` file: x and y in each line; first, if at all, their count or the image's name."""
    values: list[str] = []
    names = [name]
    for number, (line, where) in enumerate(_lines(path, scheme)):
        words = line.replace(",", " ").split()
        if number == 0 and len(words) == 1:
            if not words[0].isdecimal() or words[0] == path.stem:
                names.append(words[0])
            elif int(words[0]) != scheme.count:
                raise DataError(
                    f"{where}: expected {scheme.count} points of {scheme.name}, got {words[0][:40]};"
                    " --scheme names another scheme"
                )
            continue
        values += _two(words, line, where)
    _check(values, scheme, path)
    yield FaceRow(tuple(names), points_of_text(values, str(path)), str(path))


def _lines(path: Path, scheme: LandmarkScheme) -> Iterator[tuple[str, str]]:
    """Yield the lines that are neither empty nor comments, and their places."""
    if (size := path.stat().st_size) > _LARGEST:
        raise DataError(f"{path}: {size} bytes, too long for {scheme.count} points")
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), 1):
        if line.strip() and not line.lstrip().startswith(("//", "#")):
            yield line.strip(), f"{path}, line {number}"


def _two(words: list[str], line: str, where: str) -> list[str]:
    if len(words) != 2:
        raise DataError(f"{where}: expected x and y, got '{line[:40]}'")
    points_of_text(words, where)
    return words


def _check(values: list[str], scheme: LandmarkScheme, path: Path) -> None:
    if len(values) != 2 * scheme.count:
        raise DataError(
            f"{path}: expected {scheme.count} points of {scheme.name}, got {len(values) // 2}; --scheme names another"
        )


def _brace(opened: bool) -> str:
    return "closing" if opened else "opening"
