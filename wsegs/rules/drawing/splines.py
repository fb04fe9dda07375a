"""Uniform Catmull-Rom splines through points, one coordinate (V, N) of N faces at a time."""

from __future__ import annotations

import numpy as np

CURVE_STEPS = 6  # vertices of a curve per point that it runs through


def closed_spline(values: np.ndarray) -> np.ndarray:
    """Interpolate a closed chain (V, N) to (V * CURVE_STEPS, N)."""
    return _interpolate(np.stack([np.roll(values, shift, axis=0) for shift in (1, 0, -1, -2)]))


def open_spline(values: np.ndarray) -> np.ndarray:
    """Interpolate an open chain (V, N) to ((V - 1) * CURVE_STEPS + 1, N), both ends included."""
    # Extrapolate one point beyond each end.
    before, after = 2 * values[:1] - values[1:2], 2 * values[-1:] - values[-2:-1]
    longer = np.concatenate([before, values, after])
    pieces = len(values) - 1
    curve = _interpolate(np.stack([longer[k : k + pieces] for k in range(4)]))
    return np.concatenate([curve, values[-1:]])


def _interpolate(neighbours: np.ndarray) -> np.ndarray:
    """Return the pieces between the second and the third of four neighbours (4, V, N), one after another."""
    t = np.arange(CURVE_STEPS)[:, None] / CURVE_STEPS
    basis = np.concatenate(
        [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3], axis=1
    )
    vertices: np.ndarray = np.einsum("sk,kvn->vsn", basis / 2, neighbours).reshape(-1, neighbours.shape[2])
    return vertices
