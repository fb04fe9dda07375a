"""Peaks of a response map (Liu, Luo, Wang & Tang, equation 3, after Rodriguez & Laio), and windows about them.

A cell has a density rho, its response, and a distance sigma, to the nearest cell of higher density; of the highest
cells it is the distance to the farthest cell. Peaks are cells with a large d = sqrt(rho^2 + sigma^2). The highest cell
always has the largest d; what the distance separates are further faces.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree


class Density(NamedTuple):
    """Maps (h, w) float64: the distance to a higher cell, and d of equation 3."""

    sigma: NDArray[np.float64]
    d: NDArray[np.float64]


def density_peaks(rho: NDArray[np.floating]) -> Density:
    """Return sigma and d of a response map (h, w), in units of cells and responses, as the paper adds them.

    Most cells have a higher neighbour, or are 0 and look for the nearest cell that is not. The few others are searched.
    """
    values = np.asarray(rho, np.float64)
    height, width = values.shape
    beside = np.full(values.shape, -np.inf)
    corner = np.full(values.shape, -np.inf)
    padded = np.pad(values, 1, constant_values=-np.inf)
    for down in (-1, 0, 1):
        for across in (-1, 0, 1):
            moved = padded[1 + down : 1 + down + height, 1 + across : 1 + across + width]
            if down or across:
                into = corner if down and across else beside
                np.maximum(into, moved, out=into)
    sigma = np.where(beside > values, 1.0, np.where(corner > values, np.sqrt(2), np.nan))
    lowest, places = values.min(), np.argwhere(values > values.min())
    if len(places):
        flat = np.isnan(sigma) & (values == lowest)
        if flat.any():
            sigma[flat] = cKDTree(places).query(np.argwhere(flat))[0]
    order = np.argsort(-values[tuple(places.T)], kind="stable")
    places = places[order]
    heights = -values[tuple(places.T)]  # ascending
    for row, column in np.argwhere(np.isnan(sigma)):
        higher = places[: np.searchsorted(heights, -values[row, column])]
        if len(higher):
            sigma[row, column] = np.hypot(*(higher - (row, column)).T).min()
        else:
            sigma[row, column] = np.hypot(max(row, height - 1 - row), max(column, width - 1 - column))
    return Density(sigma, np.hypot(values, sigma))


class Window(NamedTuple):
    """Cells of a response map about a peak: first row and column, last ones, the peak, and the mean response."""

    top: int
    left: int
    bottom: int
    right: int
    peak: tuple[int, int]
    score: float


def window_about(rho: NDArray[np.floating], peak: tuple[int, int], threshold: float) -> Window:
    """Return the box of the connected cells about a peak whose response is above a share of the peak's.

    The paper says "the region with the highest density"; the threshold is chosen on validation images.

    Parameters
    ----------
    rho
        (h, w).
    peak
        Row and column.
    threshold
        Share of the peak's response, 0 to below 1. Corners connect cells, too.
    """
    above = rho > threshold * rho[peak]
    above[peak] = True
    cells, _ = ndimage.label(above, structure=np.ones((3, 3)))
    rows, columns = np.nonzero(cells == cells[peak])
    top, bottom, left, right = int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max())
    return Window(top, left, bottom, right, peak, float(rho[top : bottom + 1, left : right + 1].mean()))


def highest_peaks(density: Density, rho: NDArray[np.floating], count: int) -> list[tuple[int, int]]:
    """Return the responding cells (row, column) with the largest d; of equal ones, the first row by row."""
    order = np.argsort(-density.d, axis=None, kind="stable")
    order = order[rho.ravel()[order] > 0][:count]
    return [(int(row), int(column)) for row, column in zip(*np.unravel_index(order, rho.shape), strict=True)]
