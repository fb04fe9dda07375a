"""Rows that were made once, kept in a file that all workers map into memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


class RowCache:
    """Arrays of one shape by row, filled as they are asked for.

    A mapped file rather than memory of its own: workers share it under fork and spawn, /dev/shm (64 MB in many
    containers) is not needed, and the system gives the memory up when others need it.

    Parameters
    ----------
    path
        The file; ``path`` with ``.filled`` appended keeps which rows are there.
    rows
        The number of rows.
    shape, dtype
        Of one row.
    """

    def __init__(self, path: Path, rows: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self._path = path
        self._shape = (rows, *shape)
        self._dtype = dtype
        self._open(mode="w+")

    def get(self, row: int, make: Callable[[int], NDArray[Any]]) -> NDArray[Any]:
        """Return a row, which ``make`` makes the first time."""
        if not self._filled[row]:
            self._data[row] = make(row)
            self._filled[row] = 1  # after the data, since another worker may look between the two
        out: NDArray[Any] = self._data[row]
        return out

    def _open(self, mode: Any) -> None:
        self._data = np.memmap(self._path, self._dtype, mode, shape=self._shape)
        self._filled = np.memmap(f"{self._path}.filled", np.uint8, mode, shape=self._shape[:1])

    def __getstate__(self) -> dict[str, Any]:
        return {"_path": self._path, "_shape": self._shape, "_dtype": self._dtype}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open(mode="r+")
