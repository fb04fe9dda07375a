"""Read and write ``landmarks.h5``, the landmark table.

Format 3, HDF5. Formats 1, without ``/scheme``, and 2, without ``/score`` and ``/doubt``, are read, too. ``N`` images,
``P`` points, ``A`` attributes:

=================== ======================== ===============================================================
object              type, shape              meaning
=================== ======================== ===============================================================
``/image``          str (N,)                 name relative to the data set's root, the key that rows join by
``/landmarks``      float32 (N, P, 2)        x, y in pixels of the source image; nan where there is none
``/status``         uint8 (N,)               0 no face, 254 rejected, 255 unreadable, else an index of
                                             ``/status_names``
``/status_names``   str                      none, dlib, mtcnn, face-alignment, imported, data set (its
                                             points), data set box (dlib's points in its box),
                                             whole (image)
``/faces``          int16 (N,)               faces that the detector found; -1 unknown
``/boxes``          float32 (N, 4)           x, y, width, height of the chosen face; nan
``/image_size``     int32 (N, 2)             width, height of the source image; 0 where unreadable
``/score``          float32 (N,)             how sure the detector is of the face, 0 to 1; nan unknown
``/doubt``          float32 (N,)             how far the shape is from the average face, 0 to 1; nan; see
                                             :func:`wsegs.landmarks.doubt.shape_doubt`
``/attributes``     int8 (N, A)              1 present, 0 absent, -1 unknown
``/attribute_names`` str (A,)
``/identity``       int32 (N,)               -1 unknown
``/split``          int8 (N,)                0 train, 1 validation, 2 test
``/numbers/NAME``   float32 (N,)             such as an age; nan unknown; only where there are any
``/categories/NAME`` int32 (N,)              -1 unknown; attribute ``names``: JSON; only where there are any
``/checksum``       uint32 (N,)              of each row, see :mod:`wsegs.io.checksum`; not in older files
``/scheme``         str                      definition of the landmark scheme as JSON
attributes of ``/``                          format, format_version, scheme, provenance (JSON), sha256 of all
=================== ======================== ===============================================================
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from wsegs.datasets.typed_labels import Categories, check_labels, select_categories, select_numbers
from wsegs.errors import DataError, MissingError
from wsegs.io.checksum import row_checksums
from wsegs.io.files import check_output, is_safe_relative_path
from wsegs.io.hdf5 import check_readable, create_hdf5, open_hdf5, reason_of
from wsegs.io.integrity import check_digest
from wsegs.io.processes.subprocess_call import SubprocessError
from wsegs.landmarks.label_columns import label_columns, read_categories, read_numbers, write_typed_labels
from wsegs.schemes import LandmarkScheme, get_scheme, scheme_from_mapping

FORMAT = "wsegs-landmarks"
FORMAT_VERSION = 3

NO_FACE = 0
REJECTED = 254
"""A face was found and somebody, or ``--min-score``, turned it down: no crop, no mask, not trained, not evaluated."""
UNREADABLE = 255
STATUS_NAMES = ("none", "dlib", "mtcnn", "face-alignment", "imported", "data set", "data set box", "whole")

_BLOCK = 4096  # rows that are read at a time where not all are kept

# Field -> (name in the file, type, shape after N). P comes from the scheme, A from the attribute names.
_ARRAYS: dict[str, tuple[str, type[np.generic], tuple[int | str, ...]]] = {
    "landmarks": ("landmarks", np.float32, ("P", 2)),
    "status": ("status", np.uint8, ()),
    "faces": ("faces", np.int16, ()),
    "boxes": ("boxes", np.float32, (4,)),
    "image_size": ("image_size", np.int32, (2,)),
    "attributes": ("attributes", np.int8, ("A",)),
    "identity": ("identity", np.int32, ()),
    "split": ("split", np.int8, ()),
    "score": ("score", np.float32, ()),
    "doubt": ("doubt", np.float32, ()),
}
_SINCE_3 = ("score", "doubt")
_NAMES = {"images": "image", "status_names": "status_names", "attribute_names": "attribute_names"}


@dataclass(frozen=True, eq=False)
class LandmarkTable:
    """Landmarks of every image of a data set, with the labels that belong to them.

    Two tables are equal if all that they hold is, nan included.

    Attributes
    ----------
    scheme
        The landmark scheme, for example ``ibug68``.
    images
        N names relative to the data set's root.
    landmarks
        (N, P, 2) float32, x and y in pixels of the source image; nan where none were found.
    status
        (N,) uint8: 0 no face, 254 rejected face, 255 unreadable image, else an index of ``status_names``.
    status_names
        Names of what found the landmarks.
    faces
        (N,) int16, faces found by the detector that was used; -1 unknown (imported landmarks).
    boxes
        (N, 4) float32, x, y, width, height of the chosen face; nan where there is none.
    image_size
        (N, 2) int32, width and height of the source image; 0 where it is unreadable.
    attribute_names
        A names.
    attributes
        (N, A) int8: 1 present, 0 absent, -1 unknown.
    identity
        (N,) int32; -1 unknown.
    split
        (N,) int8: 0 train, 1 validation, 2 test.
    provenance
        Data set, detectors and options that made the table; JSON values.
    numbers
        Name -> (N,) float32; nan unknown.
    categories
        Name -> names and codes (N,) int64; -1 unknown.
    score
        (N,) float32, how sure the detector is of the face, 0 to 1; nan unknown.
    doubt
        (N,) float32, how far the shape of the face is from the average, 0 to 1; nan where there are no landmarks.
    """

    scheme: LandmarkScheme
    images: tuple[str, ...]
    landmarks: NDArray[np.float32]
    status: NDArray[np.uint8]
    status_names: tuple[str, ...]
    faces: NDArray[np.int16]
    boxes: NDArray[np.float32]
    image_size: NDArray[np.int32]
    attribute_names: tuple[str, ...]
    attributes: NDArray[np.int8]
    identity: NDArray[np.int32]
    split: NDArray[np.int8]
    provenance: dict[str, Any]
    numbers: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    categories: dict[str, Categories] = field(default_factory=dict)
    score: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    doubt: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))

    def __post_init__(self) -> None:
        for name in _SINCE_3:
            if not len(getattr(self, name)):
                object.__setattr__(self, name, np.full(len(self.images), np.nan, np.float32))

    def __len__(self) -> int:
        return len(self.images)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LandmarkTable):
            return NotImplemented
        return table_sha256(self) == table_sha256(other)

    __hash__ = None  # type: ignore[assignment]

    @property
    def found(self) -> NDArray[np.bool_]:
        """(N,) bool: whether an image has landmarks."""
        found: NDArray[np.bool_] = ~np.isin(self.status, (NO_FACE, REJECTED, UNREADABLE))
        return found

    @property
    def usable(self) -> NDArray[np.bool_]:
        """(N,) bool: which images can be read and are not of a rejected face."""
        usable: NDArray[np.bool_] = (self.image_size[:, 0] > 0) & (self.status != REJECTED)
        return usable

    def select(self, rows: ArrayLike) -> LandmarkTable:
        """Return the table of some rows: integers, in their order, or a Boolean array of length N."""
        chosen = np.arange(len(self))[np.asarray(rows, dtype=None if np.size(rows) else np.intp)]
        return replace(
            self,
            images=tuple(self.images[row] for row in chosen),
            numbers=select_numbers(self.numbers, chosen),
            categories=select_categories(self.categories, chosen),
            **{name: getattr(self, name)[chosen] for name in _ARRAYS},
        )

    def as_scheme(self, scheme: LandmarkScheme) -> LandmarkTable:
        """Convert the landmarks to another scheme.

        Every scheme reduces to ``celeba5``: eye centres, nose, corners of the mouth.

        Raises
        ------
        DataError
            If the scheme is neither that of this table nor ``celeba5``.
        """
        if self.scheme.agrees_with(scheme):
            return self
        return replace(self, scheme=scheme, landmarks=self.scheme.convert(self.landmarks, scheme))


def write_landmarks(path: str | os.PathLike[str], table: LandmarkTable, *, force: bool = False) -> None:
    """Write ``table`` to an HDF5 file that is complete or absent.

    The bytes depend on the table alone, so equal tables give equal files.

    Raises
    ------
    OutputExistsError
        If ``path`` exists and ``force`` is false.
    DataError
        If the table's arrays do not fit each other.
    """
    path = check_output(path, force=force)
    _check(table, path)
    with create_hdf5(path) as file:
        for attribute, name in _NAMES.items():
            file.create_dataset(name, data=_encoded(getattr(table, attribute)), dtype=h5py.string_dtype())
        for attribute, (name, dtype, _) in _ARRAYS.items():
            file.create_dataset(name, data=np.asarray(getattr(table, attribute), dtype))
        write_typed_labels(file, table.numbers, table.categories)
        file.attrs["format"] = FORMAT
        file.attrs["format_version"] = FORMAT_VERSION
        definition = _definition(table.scheme)
        file.create_dataset("scheme", data=definition, dtype=h5py.string_dtype())
        file.attrs["scheme"] = table.scheme.name
        file.attrs["provenance"] = json.dumps(table.provenance, sort_keys=True)
        file.attrs["sha256"] = _digest(table, definition)
        columns = (*checked_columns(file), *label_columns(file))
        file["checksum"] = row_checksums(table.images, [file[name][:] for name in columns])


def checked_columns(file: h5py.File) -> tuple[str, ...]:
    """Return what a row's checksum covers beside its name, in this order, before :func:`label_columns`."""
    return tuple(name for name, _, _ in _ARRAYS.values() if name not in _SINCE_3 or name in file)


def read_landmarks(path: str | os.PathLike[str]) -> LandmarkTable:
    """Read and check a landmark table.

    Raises
    ------
    MissingError
        If there is no such file.
    DataError
        If it is not HDF5, cut short, of another format or version, or damaged: the message names the file and
        what is wrong.
    """
    with open_landmarks(path) as table:
        return replace(table, landmarks=table.landmarks[()])


@contextmanager
def open_landmarks(path: str | os.PathLike[str]) -> Iterator[LandmarkTable]:
    """Check a landmark table and yield it with its landmarks left in the file, to save memory.

    Until the block ends, ``table.landmarks`` is an :class:`h5py.Dataset`: ``table.landmarks[start:stop]`` reads rows.

    Raises
    ------
    MissingError, DataError
        As :func:`read_landmarks`.
    """
    path = Path(path)
    if path.is_dir():
        raise DataError(f"{path}: expected a landmark file, got a directory")
    if not path.exists():
        raise MissingError(f"{path}: no such file; wsegs landmarks makes it")
    with ExitStack() as opened:
        try:
            # Before libhdf5 sees it, which damaged structures can lead astray.
            state = check_digest(path)
            if state == "broken":
                raise OSError("its sha256 differs from the one written in it, or it is another kind of file")
            if state == "none":
                check_readable(path)
            file = opened.enter_context(open_hdf5(path))
            table, definition, digest = _read(file, path)
            _check(table, path)
            intact = digest == _digest(table, definition, file.attrs["format_version"])
        except (OSError, RuntimeError, KeyError, UnicodeDecodeError, SubprocessError) as error:
            # h5py's own words ("truncated file: eof = ...") are in the last parenthesis of a long line.
            raise DataError(f"{path}: not a readable landmark file ({reason_of(error)})") from error
        if not intact:
            raise DataError(f"{path}: damaged, its contents do not have the sha256 that it was written with")
        yield table


def table_sha256(table: LandmarkTable) -> str:
    """Return a sha256 over the whole contents of a table."""
    return _digest(table, _definition(table.scheme))


def _read(file: h5py.File, path: Path) -> tuple[LandmarkTable, str | None, str]:
    """Return the table, the text of its scheme's definition (None in format 1) and the sha256 in the file."""
    if file.attrs.get("format") != FORMAT:
        raise DataError(f"{path}: an HDF5 file, but not landmarks (expected format '{FORMAT}')")
    version = file.attrs.get("format_version")
    if version not in range(1, FORMAT_VERSION + 1):
        raise DataError(
            f"{path}: landmark format {version}, this wsegs reads 1 to {FORMAT_VERSION};"
            " make it anew with wsegs landmarks"
        )
    values: dict[str, Any] = {}
    for attribute, name in _NAMES.items():
        dataset = _dataset(file, name, path)
        if h5py.check_string_dtype(dataset.dtype) is None or dataset.ndim != 1:
            raise DataError(f"{path}: /{name} is {dataset.dtype} {dataset.shape}, expected a list of names")
        values[attribute] = tuple(_decoded(value) for block in _blocks(dataset) for value in block.tolist())
    for attribute, (name, dtype, _) in _ARRAYS.items():
        if version < 3 and attribute in _SINCE_3:
            continue
        dataset = _dataset(file, name, path)
        if dataset.dtype != dtype:
            raise DataError(f"{path}: /{name} is of type {dataset.dtype}, expected {np.dtype(dtype)}")
        values[attribute] = dataset if attribute == "landmarks" else dataset[()]
    try:
        values["numbers"], values["categories"] = read_numbers(file), read_categories(file)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error
    for name in ("scheme", "provenance", "sha256"):
        if not isinstance(file.attrs.get(name), str):
            raise DataError(f"{path}: the attribute '{name}' of / is missing")
    try:
        provenance = json.loads(file.attrs["provenance"])
    except ValueError as error:
        raise DataError(f"{path}: the provenance is not JSON ({error})") from error
    if not isinstance(provenance, dict):
        raise DataError(f"{path}: the provenance is not a JSON object")
    definition = None if version == 1 else _text(file, "scheme", path)
    scheme = _scheme(file.attrs["scheme"], definition, path)
    return LandmarkTable(scheme=scheme, provenance=provenance, **values), definition, file.attrs["sha256"]


def _text(file: h5py.File, name: str, path: Path) -> str:
    dataset = _dataset(file, name, path)
    if h5py.check_string_dtype(dataset.dtype) is None or dataset.shape != ():
        raise DataError(f"{path}: /{name} is {dataset.dtype} {dataset.shape}, expected a text")
    return str(dataset.asstr()[()])


def _definition(scheme: LandmarkScheme) -> str:
    return json.dumps(scheme.as_mapping(average=False), sort_keys=True)


def _scheme(name: str, definition: str | None, path: Path) -> LandmarkScheme:
    """Return the scheme that a file defines, or, in format 1, names."""
    try:
        if definition is None:
            return get_scheme(name)
        return scheme_from_mapping(json.loads(definition), "/scheme")
    except ValueError as error:  # DataError, or what json raises
        raise DataError(f"{path}: {error}") from error


def _dataset(file: h5py.File, name: str, path: Path) -> h5py.Dataset:
    dataset = file.get(name)
    if not isinstance(dataset, h5py.Dataset):
        raise DataError(f"{path}: /{name} is missing")
    return dataset


def _check(table: LandmarkTable, path: Path) -> None:
    """Raise DataError unless shapes and values fit each other."""
    sizes = {"P": table.scheme.count, "A": len(table.attribute_names)}
    for attribute, (name, _, shape) in _ARRAYS.items():
        expected = (len(table.images), *(sizes[n] if isinstance(n, str) else n for n in shape))
        if getattr(table, attribute).shape != expected:
            raise DataError(f"{path}: /{name} has shape {getattr(table, attribute).shape}, expected {expected}")
    try:
        check_labels(len(table.images), table.attribute_names, table.numbers, table.categories)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    outside = next((name for name in table.images if not is_safe_relative_path(name)), None)
    if outside is not None:
        raise DataError(f"{path}: /image: expected names of files below the data set's folder, got '{outside}'")
    if len(set(table.images)) != len(table.images):
        raise DataError(f"{path}: /image holds a name twice")
    wrong = (table.status >= len(table.status_names)) & ~np.isin(table.status, (REJECTED, UNREADABLE))
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(
            f"{path}: /status of {table.images[row]} is {table.status[row]},"
            f" expected 0 to {len(table.status_names) - 1}, {REJECTED} or {UNREADABLE}"
        )
    finite = [np.isfinite(block).all(axis=(1, 2)) for block in _blocks(table.landmarks)]
    wrong = table.found != np.concatenate([np.zeros(0, bool), *finite])
    if wrong.any():
        name = table.images[int(wrong.argmax())]
        raise DataError(f"{path}: /landmarks and /status of {name} disagree on whether a face was found")


def _blocks(rows: Any) -> Iterator[Any]:
    """Yield blocks of rows of an array, a tuple or a dataset in a file."""
    for start in range(0, len(rows), _BLOCK):
        yield rows[start : start + _BLOCK]


def _digest(table: LandmarkTable, definition: str | None, version: int = FORMAT_VERSION) -> str:
    """Return a sha256 over every field."""
    digest = hashlib.sha256(table.scheme.name.encode())
    if definition is not None:
        digest.update(b"\0\0" + definition.encode())
    for name in (each.name for each in fields(table)):
        if name in ("numbers", "categories") or (version < 3 and name in _SINCE_3):  # files are older than they
            continue
        digest.update(b"\0\0" + name.encode())
        if name in _NAMES:
            for number, block in enumerate(_blocks(getattr(table, name))):
                digest.update((b"\0" if number else b"") + b"\0".join(_encoded(block)))
        elif name in _ARRAYS:
            for block in _blocks(getattr(table, name)):
                array = np.ascontiguousarray(block, _ARRAYS[name][1])
                digest.update(array.view(np.uint8).data if array.size else b"")
    digest.update(json.dumps(table.provenance, sort_keys=True).encode())
    for label, numbers in sorted(table.numbers.items()):
        digest.update(b"\0\0numbers/" + label.encode() + b"\0" + np.ascontiguousarray(numbers, "<f4").tobytes())
    for label, category in sorted(table.categories.items()):
        digest.update(b"\0\0categories/" + json.dumps([label, *category.names]).encode() + b"\0")
        digest.update(np.ascontiguousarray(category.codes, "<i4").tobytes())
    return digest.hexdigest()


# A file name need not be UTF-8: Python keeps its odd bytes as surrogates, and so does the file.
def _encoded(names: tuple[str, ...]) -> list[bytes]:
    return [name.encode("utf-8", "surrogateescape") for name in names]


def _decoded(value: bytes | str) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value
