"""Arrays of MATLAB files: numbers and cells of text, nothing that could run.

The official LFWA files are of version 7.3, which is HDF5; older versions go through SciPy.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from wsegs.errors import DataError, MissingError
from wsegs.hdf5 import open_hdf5


def read_arrays(path: Path, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Return arrays of a ``.mat`` file by name, numeric or of str, shaped as MATLAB shows them.

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
        arrays = _read_hdf5(path, names) if h5py.is_hdf5(path) else _read_scipy(path, names)
    except DataError:
        raise
    except Exception as error:
        # Both readers let through whatever a damaged file trips over: KeyError, zlib.error, struct.error, ...
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: expected a MATLAB file, cannot be read: {reason}") from error
    for name in names:
        if name not in arrays:
            raise DataError(f"{path}: expected the arrays {', '.join(names)}, '{name}' is missing")
    return arrays


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
