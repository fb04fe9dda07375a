"""Read arrays of MATLAB files, numbers and cells of text, in a subprocess.

The official LFWA files are of version 7.3, which is HDF5; SciPy reads older versions.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from wsegs.errors import DataError, MissingError
from wsegs.io.hdf5 import open_hdf5
from wsegs.io.processes.subprocess_call import SubprocessError, call_in_subprocess

_LONGEST = 120.0  # seconds; LFWA's table takes a few
_MOST_VALUES = 100_000_000


def read_arrays(path: Path, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Return arrays of a ``.mat`` file by name, numeric or of str, in MATLAB's shapes.

    Raises
    ------
    MissingError
        If there is no such file.
    DataError
        If it is a directory, is damaged, or lacks one of the arrays.
    """
    if path.is_dir():
        raise DataError(f"{path}: expected a file, got a directory")
    if not path.exists():
        raise MissingError(f"{path}: no such file")
    try:
        packed = call_in_subprocess(
            "wsegs.datasets.layouts.matlab:read_packed", str(path.absolute()), *names, seconds=_LONGEST
        )
    except SubprocessError as error:
        raise DataError(f"{path}: expected a MATLAB file, cannot be read: {error}") from None
    with np.load(io.BytesIO(packed), allow_pickle=False) as arrays_of_file:
        arrays = dict(arrays_of_file)
    for name in names:
        if name not in arrays:
            raise DataError(f"{path}: expected the arrays {', '.join(names)}, '{name}' is missing")
    return arrays


def read_packed(path: str, *names: str) -> bytes:
    """Return the arrays that exist as the bytes of an ``.npz`` file; run in the subprocess."""
    try:
        arrays = _read_hdf5(Path(path), names) if h5py.is_hdf5(path) else _read_scipy(Path(path), names)
    except DataError as error:
        raise DataError(str(error).removeprefix(f"{path}: ")) from None
    for name, array in arrays.items():
        if array.dtype.kind not in "biufU" or array.size > _MOST_VALUES:
            raise DataError(f"expected numbers or texts in '{name}', got {array.dtype} {array.shape}")
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def _read_scipy(path: Path, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    from scipy.io import loadmat

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # an array that cannot be read is otherwise a warning and a string
        found = loadmat(path, appendmat=False, variable_names=list(names))
    return {name: _texts(path, name, found[name]) for name in names if name in found}


def _texts(path: Path, name: str, array: NDArray[Any]) -> NDArray[Any]:
    """Turn a cell array, an object array of arrays of one string, into an array of str."""
    if array.dtype != object:
        return array
    cells = [np.asarray(cell).ravel() for cell in array.ravel()]
    if not all(cell.dtype.kind == "U" and cell.size == 1 for cell in cells):
        raise DataError(f"{path}: expected a string in every cell of '{name}'")
    return np.array([str(cell[0]) for cell in cells]).reshape(array.shape)


def _read_hdf5(path: Path, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    with open_hdf5(path) as file:
        for name in names:
            if name not in file:
                continue
            values = file[name][()]
            if values.dtype == object:
                # A cell array holds references to arrays of UTF-16 code units.
                texts = [
                    file[reference][()].astype("<u2").tobytes().decode("utf-16-le") for reference in values.ravel()
                ]
                values = np.array(texts).reshape(values.shape)
            arrays[name] = values.T  # HDF5 keeps MATLAB's columns as rows
    return arrays
