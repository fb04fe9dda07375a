"""Move outlines inwards by what filling adds.

OpenCV fills a polygon with its border, which adds half a pixel on every side. Rules in pixels want that: they name the
pixels of the corners. Rules in the face's frame mean areas, and half a pixel is much of a small face's eye: against
human masks at half the size that the shipped rules were fitted to, eyes lost 0.035 of IoU and mouths 0.027; with this
correction 0.007 and 0.011.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wsegs.rules.drawing.scope import Points

# In pixels, along the axis by which OpenCV rasterises a side. A little less than the half pixel that filling adds.
INSET = 0.45
MEAN_INSET = 0.9 * INSET  # perpendicular to a side, averaged over directions: for geometry without sides
_LEAST = 0.5  # bounds how far a sharp corner moves: to about twice the inset
_LEAST_TURN = 0.1


def inset(points: Points, kept: Sequence[int] = (), where: np.ndarray | bool = True) -> Points:
    """Move the sides of polygons inwards by what filling adds; corners are mitred.

    Parameters
    ----------
    points
        x and y, each (V, N), in pixels. Faces with nan stay nan.
    kept
        Sides that stay where they are, each by the vertex that it begins at.
    where
        On which faces they do, bool: (N,), or (K, N) for the K sides.

    Returns
    -------
    As many points. A polygon thinner than the inset is turned inside out by less than a pixel and is still filled.
    """
    x, y = np.broadcast_arrays(*points)
    next_x, next_y = np.concatenate([x[1:], x[:1]]), np.concatenate([y[1:], y[:1]])
    side_x, side_y = next_x - x, next_y - y
    length = np.sqrt(side_x**2 + side_y**2)  # in a sixth of the time of hypot
    if not length.all():
        side_x, side_y, length = _without_gaps(side_x, side_y, length)
    clockwise = np.where((x * next_y - next_x * y).sum(axis=0) < 0, -1.0, 1.0)
    normal_x, normal_y = -clockwise * side_y / length, clockwise * side_x / length
    distance = INSET * np.maximum(np.abs(normal_x), np.abs(normal_y))
    if len(kept):
        distance[list(kept)] = np.where(where, 0, distance[list(kept)])
    before_x, before_y, before = (
        np.concatenate([values[-1:], values[:-1]]) for values in (normal_x, normal_y, distance)
    )
    # A corner stays on both of its sides: it moves by `distance` along one normal and by `before` along the other.
    # Solved in the basis of the normals' sum and its perpendicular; bounded where sides are nearly parallel.
    cosine, turn = normal_x * before_x + normal_y * before_y, normal_x * before_y - normal_y * before_x
    sum_x, sum_y = normal_x + before_x, normal_y + before_y
    along = (distance + before) / 2 / np.maximum(1 + cosine, _LEAST)
    across = (distance - before) / 2 * turn / np.maximum(turn**2, _LEAST_TURN)
    return x + sum_x * along + sum_y * across, y + sum_y * along - sum_x * across


def _without_gaps(
    side_x: np.ndarray, side_y: np.ndarray, length: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give repeated points, which have no side of their own, the next real side, so that they move together."""
    vertices = len(length)
    for vertex in [*range(vertices - 2, -1, -1), *range(vertices - 1, -1, -1)]:
        repeated, following = length[vertex] == 0, (vertex + 1) % vertices
        for values in (side_x, side_y, length):
            values[vertex] = np.where(repeated, values[following], values[vertex])
    return side_x, side_y, np.where(length == 0, 1.0, length)
