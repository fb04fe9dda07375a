"""Boxes: x, y, width, height in pixels, the corner of a box at the corner of a pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def box_overlap(boxes: NDArray[np.floating], others: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the intersection over union of pairs of boxes, (...) of two arrays (..., 4); nan counts as no overlap.

    >>> box_overlap(np.array([[0.0, 0, 2, 2]]), np.array([[1.0, 0, 2, 2]])).round(3).tolist()
    [0.333]
    """
    one, other = np.asarray(boxes, np.float64), np.asarray(others, np.float64)
    first = np.maximum(one[..., :2], other[..., :2])
    last = np.minimum(one[..., :2] + one[..., 2:], other[..., :2] + other[..., 2:])
    common = np.clip(last - first, 0, None).prod(axis=-1)
    union = one[..., 2:].prod(axis=-1) + other[..., 2:].prod(axis=-1) - common
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.nan_to_num(common / union))


def box_about(points: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the smallest upright box (..., 4) about points (..., P, 2); nan where one of them is."""
    low, high = points.min(axis=-2), points.max(axis=-2)
    return np.concatenate([low, high - low], axis=-1).astype(np.float32)
