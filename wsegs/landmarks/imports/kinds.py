"""The kinds of file that hold landmarks, by their suffix."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from wsegs.errors import DataError, MissingError
from wsegs.landmarks.imports.annotations_json import read_json
from wsegs.landmarks.imports.annotations_xml import read_xml
from wsegs.landmarks.imports.arrays import read_npy, read_npz
from wsegs.landmarks.imports.point_lists import read_pts, read_txt
from wsegs.landmarks.imports.rows import FaceRow
from wsegs.landmarks.imports.tables import read_table
from wsegs.schemes import LandmarkScheme

Reader = Callable[[Path, str, LandmarkScheme], Iterator[FaceRow]]

_READERS: dict[str, Reader] = {
    ".pts": read_pts,
    ".csv": read_table,
    ".tsv": read_table,
    ".json": read_json,
    ".xml": read_xml,
    ".npy": read_npy,
    ".npz": read_npz,
    ".txt": read_txt,
}
# In a folder the first of these that is there is read: other files beside it may be anything.
_TOGETHER = ((".pts", ".csv", ".tsv"), (".json",), (".xml",), (".npy", ".npz"), (".txt",))
KINDS = (
    ".pts, .csv or .tsv (OpenFace, py-feat, x_0.. and y_0..), .json (COCO keypoints, LabelMe), .xml (dlib's imglab,"
    " CVAT for images), .npy, .npz, .txt (LaPa, HELEN)"
)


def files_of(path: Path) -> list[Path]:
    """Return the files to read of a file or a folder.

    Raises
    ------
    MissingError, DataError
        If the path does not exist, or is or holds no file of a kind that is read.
    """
    if path.is_dir():
        there = sorted(file for file in path.rglob("*") if not file.name.startswith(".") and not file.is_dir())
        for suffixes in _TOGETHER:
            if files := [file for file in there if file.suffix.lower() in suffixes]:
                return files
        raise MissingError(f"--import {path}: no file of landmarks in this folder; read are {KINDS}")
    if not path.exists():
        raise MissingError(f"--import {path}: no such file or folder")
    if path.suffix.lower() in (".h5", ".hdf5"):
        raise DataError(f"--import {path}: --update takes a landmarks.h5; read here are {KINDS}")
    if path.suffix.lower() not in _READERS:
        raise DataError(f"--import {path}: not a kind of file that is read; read are {KINDS}")
    return [path]


def read_file(file: Path, path: Path, scheme: LandmarkScheme) -> Iterator[FaceRow]:
    """Yield the faces of a file of the folder ``path``, or of the file ``path`` itself.

    Raises
    ------
    DataError
        If the file is malformed; the message names it and the line.
    """
    base = path if file != path else path.parent
    name = file.relative_to(base).with_suffix("").as_posix()
    try:
        yield from _reader(file)(file, name, scheme)
    except UnicodeError as error:
        reason = f"{error.reason} at byte {error.start}" if isinstance(error, UnicodeDecodeError) else str(error)
        raise DataError(f"{file}: not text ({reason})") from error
    except OSError as error:
        raise DataError(f"{file}: {error.strerror or error}") from error


def _reader(file: Path) -> Reader:
    if file.suffix.lower() == ".txt":  # some write tables under this name
        with file.open(encoding="utf-8-sig", errors="replace") as text:
            if "x_0" in text.readline(1 << 16):
                return read_table
    return _READERS[file.suffix.lower()]
