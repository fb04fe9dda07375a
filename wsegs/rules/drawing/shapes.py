"""Shapes: from the points of a batch of faces to outlines, the closed polygons that are filled.

All arrays are (V, N): V vertices of N faces. Where a shape cannot be drawn on a face, that column has nan.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Protocol

import cv2
import numpy as np

from wsegs.rules.drawing.scope import Points, Scope
from wsegs.rules.drawing.splines import CURVE_STEPS, closed_spline
from wsegs.rules.drawing.vertices import Vertices
from wsegs.rules.language.expressions import Expression

ELLIPSE_VERTICES = 32
_LARGEST = 1e9  # coordinates of a hull; far beyond the drawable, far below overflow
CAP_VERTICES = 8  # vertices of each round end of a thick line


class Geometry(Protocol):
    """The geometry of a shape."""

    grows: ClassVar[bool]
    """Whether ``outlines`` applies the growth; else :mod:`wsegs.rules.drawing.set_operations` does."""

    @property
    def vertex_count(self) -> int:
        """The number of vertices of all outlines."""

    def outlines(self, scope: Scope, grow: np.ndarray | float) -> list[Points]:
        """Return the outlines, grown by ``grow`` (a number or (N,)) in the scope's unit where ``grows``."""


@dataclass(frozen=True)
class Polygon:
    """A polygon through its vertices in order."""

    vertices: Vertices
    grows: ClassVar[bool] = False

    @property
    def vertex_count(self) -> int:
        """The number of vertices."""
        return self.vertices.count

    def outlines(self, scope: Scope, grow: np.ndarray | float) -> list[Points]:
        """Return the polygon."""
        return [self.vertices.points(scope)]


@dataclass(frozen=True)
class Hull:
    """The convex hull of points."""

    vertices: Vertices
    grows: ClassVar[bool] = False

    @property
    def vertex_count(self) -> int:
        """The number of vertices, at most."""
        return self.vertices.count

    def outlines(self, scope: Scope, grow: np.ndarray | float) -> list[Points]:
        """Return the hull; faces with fewer corners than points repeat the last."""
        x, y = (axis.copy() for axis in self.vertices.points(scope))
        for face in range(scope.faces):
            points = np.stack([x[:, face], y[:, face]], axis=1)
            if not (np.abs(points) < _LARGEST).all():
                continue
            corners = cv2.convexHull(points.astype(np.float32), returnPoints=False)
            if corners is None:  # all points are one
                continue
            corners = corners[:, 0]
            padded = np.concatenate([corners, np.full(len(points) - len(corners), corners[-1])])
            x[:, face], y[:, face] = points[padded].T
        return [(x, y)]


@dataclass(frozen=True)
class Box:
    """The smallest box along the axes of the space that holds all points."""

    vertices: Vertices
    grows: ClassVar[bool] = True
    vertex_count: ClassVar[int] = 4

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
    grows: ClassVar[bool] = True
    vertex_count: ClassVar[int] = ELLIPSE_VERTICES

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
    grows: ClassVar[bool] = True

    @property
    def vertex_count(self) -> int:
        """The number of vertices of all capsules."""
        return 2 * CAP_VERTICES * max(1, self.vertices.count - 1)

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
    """A closed smooth curve through its points."""

    vertices: Vertices
    grows: ClassVar[bool] = False

    @property
    def vertex_count(self) -> int:
        """The number of vertices."""
        return CURVE_STEPS * self.vertices.count

    def outlines(self, scope: Scope, grow: np.ndarray | float) -> list[Points]:
        """Return the curve as a polygon."""
        x, y = self.vertices.points(scope)
        return [(closed_spline(x), closed_spline(y))]
