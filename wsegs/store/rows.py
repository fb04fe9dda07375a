"""Which rows an index means: as numpy selects, for everything that reads rows of a file."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = slice | Sequence[int] | NDArray[Any]
"""A slice, a list or an integer array of rows, counted from the end where negative, or a boolean array (N,)."""


def rows_of(index: Rows, count: int, source: str | Path) -> NDArray[np.intp]:
    """Return the rows (B,) that an index into ``count`` rows means, each from 0 on, in the order of the index.

    Raises
    ------
    IndexError
        If there is no such row, or the index is of another shape or type. The message begins with ``source``.
    """
    if isinstance(index, slice):
        try:
            return np.arange(count)[index]
        except TypeError:
            raise IndexError(f"{source}: expected a slice of whole numbers, got {index}") from None
    try:
        chosen = np.asarray(index)
    except ValueError:  # lists of several lengths
        chosen = np.asarray(index, object)
    if chosen.shape == (0,):
        chosen = chosen.astype(np.intp)
    if chosen.ndim != 1 or chosen.dtype.kind not in "iub":
        got = f"{type(index).__name__} of shape {chosen.shape} and type {chosen.dtype}"
        raise IndexError(f"{source}: expected a slice, rows (B,) or a boolean array ({count},), got {got}")
    if chosen.dtype.kind == "b":
        if len(chosen) != count:
            raise IndexError(f"{source}: expected a boolean array ({count},), got {chosen.shape}")
        return np.flatnonzero(chosen)
    outside = (chosen < -count) | (chosen >= count)
    if outside.any():
        raise IndexError(f"{source}: row {chosen[outside][0]} of {count}")
    return chosen.astype(np.intp) % max(1, count)


def row_of(index: object, count: int, source: str | Path) -> int:
    """Return the row that a number means, from 0 on.

    Raises
    ------
    IndexError
        If there is no such row, or the index is no whole number; True and False are none.
    """
    try:
        if isinstance(index, bool):
            raise TypeError
        row = operator.index(index)  # type: ignore[arg-type]
    except TypeError:
        raise IndexError(
            f"{source}: expected a row, a slice, rows (B,) or a boolean array ({count},), got {type(index).__name__}"
        ) from None
    return int(rows_of([row], count, source)[0])
