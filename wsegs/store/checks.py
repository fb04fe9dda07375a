"""Check that a file is a complete mask store before its contents are believed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import h5py

from wsegs.errors import DataError, MissingError
from wsegs.io.hdf5 import check_readable
from wsegs.io.image_header import MAX_PIXELS
from wsegs.io.integrity import check_structure
from wsegs.io.processes.subprocess_call import SubprocessError
from wsegs.store.format import FORMAT_NAME, FORMAT_VERSION

if TYPE_CHECKING:
    from wsegs.store.reader import MaskStore

_OBJECTS = ("regions", "attributes", "landmarks", "affine", "image", "identity", "split", "status")
_HEADER = (
    *("wsegs", "rules", "rules_source", "rules_sha256", "scheme", "region_names"),
    *("attribute_names", "status_names", "frame", "provenance"),
)


def check_before_opening(path: Path) -> None:
    """Check a file before libhdf5 sees it, which damaged structures can lead astray.

    Damaged pixels are found when they are read.

    Raises
    ------
    MissingError
        If there is none.
    DataError
        If it is a folder, or damaged.
    """
    if not path.exists():
        raise MissingError(f"{path}: no such mask store; wsegs masks makes it")
    if path.is_dir():
        raise DataError(f"{path}: expected a mask store, got a folder")
    state = check_structure(path)
    if state == "broken":
        raise DataError(
            f"{path}: expected a mask store, got a damaged or other file (its sha256 differs from the one"
            " written in it); wsegs store verify says more"
        )
    try:
        if state == "none":
            check_readable(path)
    except (OSError, SubprocessError) as error:
        raise DataError(f"{path}: expected a mask store, got a damaged or other file ({error})") from None


def read_header(path: Path, open_file: Callable[[], h5py.File]) -> dict[str, str]:
    """Return the header of a complete store of this format.

    Raises
    ------
    DataError
        If the file is something else, or incomplete.
    """
    try:
        file = open_file()
    except OSError as error:
        raise DataError(f"{path}: expected a mask store, got a damaged or other file ({error})") from None
    if file.attrs.get("format") != FORMAT_NAME:
        raise DataError(f"{path}: expected a mask store, got another HDF5 file")
    version = file.attrs.get("version")
    if version != FORMAT_VERSION:
        raise DataError(f"{path}: expected format {FORMAT_VERSION} of the mask store, got {version}")
    missing = [name for name in _OBJECTS if name not in file]
    missing += [name for name in _HEADER if name not in file.attrs]
    if missing:
        raise DataError(f"{path}: the mask store has no '{missing[0]}'; it is damaged")
    rows = len(file["regions"])
    for name in _OBJECTS:
        if len(file[name]) != rows:
            raise DataError(f"{path}: '{name}' has {len(file[name])} rows, 'regions' has {rows}")
    missing = [name for name in _HEADER if not isinstance(file.attrs[name], str)]
    if missing:
        raise DataError(f"{path}: expected a text in the attribute '{missing[0]}'; it is damaged")
    return {name: str(file.attrs[name]) for name in _HEADER}


def check_shapes(store: MaskStore, file: h5py.File) -> None:
    """Check that the arrays are of the shapes and types that the header says.

    Raises
    ------
    DataError
        If they are not.
    """
    path, rows = store.path, len(file["regions"])
    if store.region_names != store.rules.region_names:
        raise DataError(f"{path}: its regions are not those of its rules; it is damaged")
    expected: dict[str, tuple[tuple[int, ...], str]] = {
        "regions": ((rows, *store.size), "u"),
        "attributes": ((rows, len(store.attribute_names)), "i"),
        "landmarks": ((rows, store.scheme.count, 2), "f"),
        "affine": ((rows, 2, 3), "f"),
        "image": ((rows,), "OS"),
        "identity": ((rows,), "i"),
        "split": ((rows,), "i"),
        "status": ((rows,), "u"),
    }
    for name, (shape, kind) in expected.items():
        if file[name].shape != shape or file[name].dtype.kind not in kind:
            got = f"{file[name].dtype} {file[name].shape}"
            raise DataError(f"{path}: '{name}' is {got}, expected shape {shape}; it is damaged")
    if store.size[0] * store.size[1] > MAX_PIXELS:
        raise DataError(f"{path}: masks of {store.size[0]}x{store.size[1]}, more than {MAX_PIXELS:,} pixels")
