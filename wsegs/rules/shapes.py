"""Shapes: each turns points of a batch of faces into outlines, the closed polygons that are filled.

Everything is arithmetic on arrays (V, N): V vertices of N faces. A face for which a shape cannot be drawn has nan in
its column.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from wsegs.rules.expressions import Expression
from wsegs.rules.scope import Points, Scope
from wsegs.rules.vertices import Vertices

ELLIPSE_VERTICES = 32
CURVE_STEPS = 6  # vertices of a curve for each of the points that it runs through
CAP_VERTICES = 8  # vertices of each round end of a thick line
_MITRE_LIMIT = 2.0  # how far a sharp corner may move when a polygon grows, in units of the growth


class Geometry(Protocol):
    """The geometry of a shape."""

    def outlines(self, scope: Scope, grow: np.ndarray | float) -> list[Points]:
        """Return the outlines, grown by ``grow`` (a number or (N,)) in the unit of the scope."""


@dataclass(frozen=True)
class Polygon:
    """A polygon through its vertices in order."""

    vertices: Vertices

    def outlines(self, scope: Scope, grow: np.ndarray | float) -> list[Points]:
        """Return the polygon."""
        return [grown(self.vertices.points(scope), grow)]


@dataclass(frozen=True)
class Hull:
    """The convex hull of points."""

    vertices: Vertices

    def outlines(self, scope: Scope, grow: np.ndarray | float) -> list[Points]:
        """Return the hull; faces with fewer corners than points repeat the last."""
        x, y = (axis.copy() for axis in self.vertices.points(scope))
        for face in range(scope.faces):
            points = np.stack([x[:, face], y[:, face]], axis=1)
            if not np.isfinite(points).all():
                continue
            corners = cv2.convexHull(points.astype(np.float32), returnPoints=False)[:, 0]
            padded = np.concatenate([corners, np.full(len(points) - len(corners), corners[-1])])
            x[:, face], y[:, face] = points[padded].T
        return [grown((x, y), grow)]


@dataclass(frozen=True)
class Box:
    """The smallest box along the axes of the space that holds all points."""

    vertices: Vertices

    def outlines(self, scope: Scope, grow: np.ndarray | float) -> list[Points]:
        """Return the box."""
        x, y = self.vertices.points(scope)
        left, right = x.min(axis=0) - grow, x.max(axis=0) + grow
        top, bottom = y.min(axis=0) - grow, y.max(axis=0) + grow
        vanished = np.where((left > right) | (top > bottom), np.nan, 0.0)
        return [(np.stack([left, right, right, left]) + vanished, np.stack([top, top, bottom, bottom]))]


@dataclass(frozen=True)
class Ellipse:
    """An ellipse; ``angle`` in degrees turns its first radius from the x axis towards the y axis."""

    center: Vertices
    radii: tuple[Expression, Expression]
    angle: Expression

    def outlines(self, scope: Scope, grow: np.ndarray | float) -> list[Points]:
        """Return the ellipse as a polygon."""
        center_x, center_y = self.center.points(scope)
        first, second = (radius.evaluate(scope) + grow for radius in self.radii)
        vanished = np.where(np.minimum(first, second) < 0, np.nan, 0.0)
        turn = np.deg2rad(self.angle.evaluate(scope))
        around = np.linspace(0, 2 * math.pi, ELLIPSE_VERTICES, endpoint=False)[:, None]
        along, across = first * np.cos(around) + vanished, second * np.sin(around)
        x = center_x + along * np.cos(turn) - across * np.sin(turn)
        y = center_y + along * np.sin(turn) + across * np.cos(turn)
        return [(x, y)]


@dataclass(frozen=True)
class Line:
    """A thick line: one capsule for each piece, so that ends and joints are round at any angle."""

    vertices: Vertices
    thickness: Expression

    def outlines(self, scope: Scope, grow: np.ndarray | float) -> list[Points]:
        """Return the capsules, which overlap at the joints."""
        x, y = self.vertices.points(scope)
        radius = self.thickness.evaluate(scope) / 2 + grow
        radius = np.where(radius < 0, np.nan, radius)
        if len(x) == 1:
            x, y = np.repeat(x, 2, axis=0), np.repeat(y, 2, axis=0)
        direction = np.arctan2(np.diff(y, axis=0), np.diff(x, axis=0))
        cap = np.linspace(-math.pi / 2, math.pi / 2, CAP_VERTICES)[:, None]
        outlines = []
        for piece, turn in enumerate(direction):
            front, back = turn + cap, turn + math.pi + cap
            outlines.append(
                (
                    np.concatenate([x[piece + 1] + radius * np.cos(front), x[piece] + radius * np.cos(back)]),
                    np.concatenate([y[piece + 1] + radius * np.sin(front), y[piece] + radius * np.sin(back)]),
                )
            )
        return outlines


@dataclass(frozen=True)
class Curve:
    """A closed smooth curve through its points (a uniform Catmull-Rom spline)."""

    vertices: Vertices

    def outlines(self, scope: Scope, grow: np.ndarray | float) -> list[Points]:
        """Return the curve as a polygon."""
        x, y = (_catmull_rom(axis) for axis in self.vertices.points(scope))
        return [grown((x, y), grow)]


def _catmull_rom(values: np.ndarray) -> np.ndarray:
    """Interpolate one coordinate (V, N) of a closed chain to (V * CURVE_STEPS, N)."""
    t = np.arange(CURVE_STEPS)[:, None] / CURVE_STEPS
    basis = np.concatenate(
        [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3], axis=1
    )
    neighbours = np.stack([np.roll(values, shift, axis=0) for shift in (1, 0, -1, -2)])  # (4, V, N)
    return np.einsum("sk,kvn->vsn", basis / 2, neighbours).reshape(-1, values.shape[1])


def grown(points: Points, grow: np.ndarray | float) -> Points:
    """Move every side of a polygon outwards by ``grow``, inwards if negative.

    Corners are mitred, and cut where they are sharp. Meant for a growth that is small beside the sides. A polygon
    that shrinks to nothing becomes nan.
    """
    if not np.any(grow):
        return points
    x, y = points
    vertices = len(x)
    # The direction of the side after each vertex. Repeated vertices take over that of the next real side.
    side_x, side_y = np.roll(x, -1, axis=0) - x, np.roll(y, -1, axis=0) - y
    for vertex in [*range(vertices - 2, -1, -1), *range(vertices - 1, -1, -1)]:
        repeated = (side_x[vertex] == 0) & (side_y[vertex] == 0)
        following = (vertex + 1) % vertices
        side_x[vertex] = np.where(repeated, side_x[following], side_x[vertex])
        side_y[vertex] = np.where(repeated, side_y[following], side_y[vertex])
    length = np.hypot(side_x, side_y)
    length = np.where(length == 0, 1.0, length)
    outwards = np.where(_signed_area(x, y) < 0, -1.0, 1.0)
    normal_x, normal_y = outwards * side_y / length, -outwards * side_x / length
    before_x, before_y = np.roll(normal_x, 1, axis=0), np.roll(normal_y, 1, axis=0)
    sum_x, sum_y = normal_x + before_x, normal_y + before_y
    square = np.maximum(sum_x**2 + sum_y**2, 1e-12)
    scale = grow * np.minimum(2 / square, _MITRE_LIMIT / np.sqrt(square))
    new_x, new_y = x + sum_x * scale, y + sum_y * scale
    # Turned inside out, in one direction (the area changes its sign) or in both (the sides do): nothing is left.
    sides = (np.roll(new_x, -1, axis=0) - new_x) * side_x + (np.roll(new_y, -1, axis=0) - new_y) * side_y
    turned = (grow < 0) & ((_signed_area(new_x, new_y) * outwards <= 0) | ((sides / length).sum(axis=0) <= 0))
    return np.where(turned, np.nan, new_x), new_y


def _signed_area(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    next_x, next_y = np.roll(x, -1, axis=0), np.roll(y, -1, axis=0)
    return np.asarray((x * next_y - next_x * y).sum(axis=0) / 2)
