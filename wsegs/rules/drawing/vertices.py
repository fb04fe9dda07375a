"""Vertex lists: landmarks, points by expressions, moved and interpolated points, for a whole batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from wsegs.rules.drawing.scope import Points, Scope, Space
from wsegs.rules.drawing.splines import CURVE_STEPS, open_spline
from wsegs.rules.language.expressions import Expression


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
class MeanPoint:
    """The mean of points."""

    inner: Vertices
    count: int = 1

    def points(self, scope: Scope) -> Points:
        """Return the mean."""
        x, y = self.inner.points(scope)
        return x.mean(axis=0, keepdims=True), y.mean(axis=0, keepdims=True)


@dataclass(frozen=True)
class AlongChain:
    """Points along a chain of points, by the share of its length (0 the first point, 1 the last)."""

    chain: Vertices
    shares: tuple[Expression, ...]

    @property
    def count(self) -> int:
        """The number of points."""
        return len(self.shares)

    def points(self, scope: Scope) -> Points:
        """Return the points; shares below 0 and above 1 give the ends."""
        x, y = self.chain.points(scope)
        pieces_x, pieces_y = np.diff(x, axis=0), np.diff(y, axis=0)
        lengths = np.hypot(pieces_x, pieces_y)
        begins = np.cumsum(lengths, axis=0) - lengths
        shares = np.concatenate([_rows(share.evaluate(scope), 1, scope) for share in self.shares])
        # Of each piece, the part that lies before the point: (shares, pieces, N) between 0 and 1.
        before = (shares * lengths.sum(axis=0))[:, None] - begins
        part = np.clip(np.divide(before, lengths, out=np.zeros_like(before), where=lengths > 0), 0, 1)
        return x[0] + (part * pieces_x).sum(axis=1), y[0] + (part * pieces_y).sum(axis=1)


@dataclass(frozen=True)
class SmoothChain:
    """A smooth chain through points, from the first to the last."""

    inner: Vertices

    @property
    def count(self) -> int:
        """The number of points."""
        return (self.inner.count - 1) * CURVE_STEPS + 1

    def points(self, scope: Scope) -> Points:
        """Return the points of the spline."""
        x, y = self.inner.points(scope)
        return open_spline(x), open_spline(y)


@dataclass(frozen=True)
class Offset:
    """How far points are moved, and the space whose unit and axes that uses."""

    x: Expression
    y: Expression
    space: Space

    def vector(self, scope: Scope) -> Points:
        """Return the offset in the unit and along the axes of the scope; each broadcastable to (N,)."""
        home = scope.within(self.space)
        return scope.vector_from(self.space, (self.x.evaluate(home), self.y.evaluate(home)))


@dataclass(frozen=True)
class PointGroup:
    """Points moved by an offset, or each placed by expressions of its own x and y."""

    inner: Vertices
    offset: Offset | None
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
            right, down = self.offset.vector(scope)
            x, y = x + right, y + down
        return x, y


@dataclass(frozen=True)
class Chain:
    """Several vertex lists, concatenated."""

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
