"""Check features and labels before they are used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsegs.errors import DataError

BLOCK = 4096
"""Rows that are worked on at a time, so that what is computed of them stays in the cache."""


def row_blocks(count: int, length: int = BLOCK) -> Iterator[slice]:
    """Yield slices that cover rows.

    >>> list(row_blocks(5, 2))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    return (slice(first, min(first + length, count)) for first in range(0, count, length))


def check_finite(features: NDArray[np.floating[Any]], numbers: NDArray[np.integer[Any]] | None = None) -> None:
    """Raise a DataError that names the first feature which is nan or infinite.

    Parameters
    ----------
    features
        (N, F).
    numbers
        (N,): what the rows are called, where these are some of all rows.
    """
    for rows in row_blocks(len(features)):
        finite = np.isfinite(features[rows])
        if not finite.all():
            row, column = np.argwhere(~finite)[0]
            value, row = features[rows][row, column], rows.start + row
            name = row if numbers is None else numbers[row]
            raise DataError(f"features: expected finite numbers, got {value} at row {name}, feature {column}")


def check_matrix(features: NDArray[np.floating[Any]], width: int | None = None) -> None:
    """Raise a DataError unless features are (N, F), with ``width`` features where that is given."""
    if features.ndim != 2 or width not in (None, features.shape[1]):
        wanted = "F" if width is None else width
        raise DataError(f"features: expected an array (N, {wanted}), got {features.shape}")


def check_labels(labels: NDArray[np.int8], shape: tuple[int, ...]) -> None:
    """Raise a DataError unless labels are 1, 0 and -1, in an array of a shape; its -1 stand for any length."""
    fits = labels.ndim == len(shape) and all(want in (-1, got) for want, got in zip(shape, labels.shape, strict=True))
    if not fits:
        wanted = ", ".join("any" if length == -1 else str(length) for length in shape)
        raise DataError(f"labels: expected an array ({wanted}), got {labels.shape}")
    other = (labels < -1) | (labels > 1)
    if other.any():
        row, column = np.argwhere(other)[0]
        raise DataError(f"labels: expected 1, 0 or -1, got {labels[row, column]} at row {row}, attribute {column}")
