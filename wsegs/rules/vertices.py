"""Vertex lists: landmarks, ranges, points by expression, moved and interpolated points, for a whole batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from wsegs.rules.expressions import Expression
from wsegs.rules.scope import Points, Scope


class Vertices(Protocol):
    """Something that yields V points of each of N faces."""

    @property
    def count(self) -> int:
        """The number of points, V."""

    def points(self, scope: Scope) -> Points:
        """Return x and y, each (V, N) float64."""


@dataclass(frozen=True)
class Landmarks:
    """Landmarks by number: ``36`` or ``36..41``."""

    indices: tuple[int, ...]

    @property
    def count(self) -> int:
        """The number of points."""
        return len(self.indices)

    def points(self, scope: Scope) -> Points:
        """Return the landmarks."""
        indices = list(self.indices)
        return scope.x[indices], scope.y[indices]


@dataclass(frozen=True)
class Point:
    """A point by expressions: ``[x31 - 2, y31]``."""

    x: Expression
    y: Expression
    count: int = 1

    def points(self, scope: Scope) -> Points:
        """Return the point."""
        return _rows(self.x.evaluate(scope), 1, scope), _rows(self.y.evaluate(scope), 1, scope)


@dataclass(frozen=True)
class BetweenPoints:
    """A point on the way from one point (``at`` 0) to another (``at`` 1)."""

    one: Vertices
    other: Vertices
    at: Expression
    count: int = 1

    def points(self, scope: Scope) -> Points:
        """Return the point."""
        (x, y), (other_x, other_y) = self.one.points(scope), self.other.points(scope)
        at = self.at.evaluate(scope)
        return x + at * (other_x - x), y + at * (other_y - y)


@dataclass(frozen=True)
class PointGroup:
    """Points moved by an offset, or each placed by expressions of its own x and y."""

    inner: Vertices
    offset: tuple[Expression, Expression] | None
    x: Expression | None
    y: Expression | None

    @property
    def count(self) -> int:
        """The number of points."""
        return self.inner.count

    def points(self, scope: Scope) -> Points:
        """Return the points: first x: and y:, then the offset."""
        x, y = inner = self.inner.points(scope)
        if self.x is not None or self.y is not None:
            current = scope.at(inner)
            x = x if self.x is None else _rows(self.x.evaluate(current), self.count, scope)
            y = y if self.y is None else _rows(self.y.evaluate(current), self.count, scope)
        if self.offset is not None:
            x = x + self.offset[0].evaluate(scope)
            y = y + self.offset[1].evaluate(scope)
        return x, y


@dataclass(frozen=True)
class Chain:
    """Several of these one after another."""

    parts: tuple[Vertices, ...]

    @property
    def count(self) -> int:
        """The number of points."""
        return sum(part.count for part in self.parts)

    def points(self, scope: Scope) -> Points:
        """Return all points."""
        points = [part.points(scope) for part in self.parts]
        return np.concatenate([x for x, _ in points]), np.concatenate([y for _, y in points])


def _rows(value: object, count: int, scope: Scope) -> np.ndarray:
    return np.broadcast_to(np.asarray(value, dtype=np.float64), (count, scope.faces))
