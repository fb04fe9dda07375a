"""Compile the shapes and vertex lists of a checked rule file."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from wsegs.io.files import did_you_mean
from wsegs.io.yaml_source import Node
from wsegs.rules.drawing import shapes, vertices
from wsegs.rules.drawing.program import SetOperation, Shape
from wsegs.rules.drawing.scope import Space
from wsegs.rules.language import model
from wsegs.rules.language.arithmetic import MakeNumber, Names, constant, parse_arithmetic
from wsegs.rules.language.expressions import Expression, Number
from wsegs.rules.language.free import FreeNumber
from wsegs.rules.language.problems import Problems

MAX_VERTICES = 1_000
# Of all shapes of one set operation: self-crossing outlines cost the square of it.
MAX_SET_VERTICES = 250
MAX_ALONG = 50_000  # points times pieces of a chain
# Replaces wrong points; enough of them for any shape.
_STAND_IN = vertices.Landmarks((0, 0, 0))
_OPERATIONS = ("union", "intersection", "difference")
_RANGE = re.compile(r"\s*([0-9]{1,12})\s*(?:\.\.\s*([0-9]{1,12})\s*)?")


class ShapeCompiler:
    """Compiles the shapes of one region.

    Parameters
    ----------
    names
        The names that their expressions may use.
    space
        The file's, for shapes that do not say their own.
    owner
        The region, for the numbers that a fit may change.
    free
        Where these numbers are collected; None to keep them constant.
    problems
        Collects mistakes: a stand-in replaces a wrong part, so that the rest of the shape is checked, too.
    """

    def __init__(
        self, names: Names, space: Space, owner: str, free: list[FreeNumber] | None, problems: Problems
    ) -> None:
        self.names = names
        self.space = space
        self.owner = owner
        self.free = free
        self.problems = problems

    def shape(self, body: model.ShapeOptions, node: Node) -> Shape:
        """Compile one shape."""
        if body.space is not None and body.space != self.space:
            return ShapeCompiler(self.names, body.space, self.owner, self.free, self.problems).shape(body, node)
        when = None
        if body.when is not None:
            with self.problems.collect():
                when = parse_arithmetic(body.when, node.child("when"), self.names, "condition")
        grow = None if body.grow is None else self._number(body.grow, node.child("grow"))
        for kind in _OPERATIONS:
            parts = getattr(body, kind, None)
            if parts is not None:
                geometry: Any = self._set_operation(kind, parts, node.child(kind))
                break
        else:
            geometry = self._geometry(body, node)
            count = geometry.vertex_count
            if grow is not None and not geometry.grows and count > MAX_SET_VERTICES:
                problem = f"expected at most {MAX_SET_VERTICES} vertices in a polygon that grows, got {count:,}"
                raise node.child("grow").error(problem)
        return Shape(geometry, self.space, when, body.mirror, body.outside, grow)

    def _set_operation(self, kind: Any, parts: list[model.ShapeOptions], node: Node) -> SetOperation:
        operation = SetOperation(kind, tuple(self.shape(part, node.child(i)) for i, part in enumerate(parts)))
        if operation.vertex_count > MAX_SET_VERTICES:
            raise node.error(
                f"expected shapes of at most {MAX_SET_VERTICES} vertices in a {kind}, got {operation.vertex_count:,}"
            )
        return operation

    def _geometry(self, body: model.ShapeOptions, node: Node) -> shapes.Geometry:
        if isinstance(body, model.PolygonShape):
            return shapes.Polygon(self._vertices(body.polygon, node.child("polygon"), 3))
        if isinstance(body, model.HullShape):
            return shapes.Hull(self._vertices(body.hull, node.child("hull"), 3))
        if isinstance(body, model.CurveShape):
            return shapes.Curve(self._vertices(body.curve, node.child("curve"), 3))
        if isinstance(body, model.BoxShape):
            return shapes.Box(self._vertices(body.box, node.child("box"), 2))
        if isinstance(body, model.EllipseShape):
            inner, node = body.ellipse, node.child("ellipse")
            radii = self._pair(inner.radii, node.child("radii"))
            angle = self._number(inner.angle, node.child("angle"))
            return shapes.Ellipse(self._one(inner.center, node.child("center")), radii, angle)
        if isinstance(body, model.CircleShape):
            circle, node = body.circle, node.child("circle")
            radius = self._number(circle.radius, node.child("radius"))
            return shapes.Ellipse(self._one(circle.center, node.child("center")), (radius, radius), Number(0.0))
        assert isinstance(body, model.LineShape)
        line, node = body.line, node.child("line")
        thickness = self._number(line.thickness, node.child("thickness"))
        return shapes.Line(self._vertices(line.points, node.child("points"), 1), thickness)

    def _number(
        self,
        value: model.ExpressionText,
        node: Node,
        names: Names | None = None,
        make_number: MakeNumber = constant,
    ) -> Expression:
        with self.problems.collect():
            return parse_arithmetic(value, node, names or self.names, "number", make_number)
        return Number(0.0)

    def _pair(self, values: list[Any], node: Node) -> tuple[Expression, Expression]:
        return self._number(values[0], node.child(0)), self._number(values[1], node.child(1))

    def _vertices(self, value: Any, node: Node, least: int) -> vertices.Vertices:
        """Compile a vertex list of at least ``least`` points."""
        compiled = self._list(value, node)
        if compiled.count < least:
            raise node.error(f"expected at least {least} points, got {compiled.count}")
        if compiled.count > MAX_VERTICES:
            raise node.error(f"expected at most {MAX_VERTICES:,} points, got {compiled.count:,}")
        return compiled

    def _list(self, value: Any, node: Node) -> vertices.Vertices:
        """Compile a vertex list of any length."""
        if not isinstance(value, list):
            return self._vertex(value, node)
        parts: list[vertices.Vertices] = []
        for position, item in enumerate(value):
            with self.problems.collect():
                parts.append(self._vertex(item, node.child(position)))
                continue
            parts.append(_STAND_IN)
        return parts[0] if len(parts) == 1 else vertices.Chain(_joined(tuple(parts)))

    def _one(self, value: Any, node: Node) -> vertices.Vertices:
        vertex = self._vertex(value, node)
        if vertex.count != 1:
            raise node.error(f"expected one point, got {vertex.count}")
        return vertex

    def _vertex(self, value: Any, node: Node) -> vertices.Vertices:
        if isinstance(value, (int, str)):
            return vertices.Landmarks(self._landmarks(str(value), node))
        if isinstance(value, list):
            return vertices.Point(*self._pair(value, node))
        if isinstance(value, model.Between):
            ends = node.child("between")
            one, other = (self._one(end, ends.child(i)) for i, end in enumerate(value.between))
            return vertices.BetweenPoints(one, other, self._number(value.at, node.child("at")))
        if isinstance(value, model.Along):
            return self._along(value, node)
        if isinstance(value, model.Mean):
            return vertices.MeanPoint(self._vertices(value.mean, node.child("mean"), 1))
        if isinstance(value, model.SmoothChain):
            return vertices.SmoothChain(self._vertices(value.curve, node.child("curve"), 2))
        return self._group(value, node)

    def _along(self, along: model.Along, node: Node) -> vertices.Vertices:
        inner = self._vertices(along.along, node.child("along"), 2)
        if (along.at is None) == (along.count is None):
            raise node.error("expected either 'at' or 'count' beside 'along'")
        if along.count is not None:
            if along.count > MAX_VERTICES:
                raise node.child("count").error(f"expected at most {MAX_VERTICES:,} points, got {along.count:,}")
            shares: list[Expression] = [Number(i / (along.count - 1)) for i in range(along.count)]
        elif isinstance(along.at, list):
            shares = [self._number(share, node.child("at").child(i)) for i, share in enumerate(along.at)]
            if not shares:
                raise node.child("at").error("expected at least 1 values, got 0")
        else:
            assert along.at is not None
            shares = [self._number(along.at, node.child("at"))]
        if inner.count * len(shares) > MAX_ALONG:
            raise node.error(f"expected at most {MAX_ALONG:,} points times pieces, got {inner.count * len(shares):,}")
        return vertices.AlongChain(inner, tuple(shares))

    def _group(self, group: model.Group, node: Node) -> vertices.Vertices:
        inner = self._list(group.points, node.child("points"))
        space = group.space or self.space
        if group.offset is None and (group.fit is not None or group.space is not None):
            raise node.error(f"expected an offset beside '{'fit' if group.fit is not None else 'space'}'")
        offset = None
        if group.offset is not None:
            at = node.child("offset")
            right, down = (
                self._number(value, at.child(i), make_number=self._maker(group, at.child(i), node, space))
                for i, value in enumerate(group.offset)
            )
            offset = vertices.Offset(right, down, space)
        point_names = replace(self.names, kinds={**self.names.kinds, "x": "number", "y": "number"})
        x = None if group.x is None else self._number(group.x, node.child("x"), point_names)
        y = None if group.y is None else self._number(group.y, node.child("y"), point_names)
        return vertices.PointGroup(inner, offset, x, y)

    def _maker(self, group: model.Group, scalar: Node, node: Node, space: Space) -> MakeNumber:
        """Return the factory for the numbers of an offset: free numbers where it is marked ``fit:``."""
        movement = group.fit
        if movement is None:
            return constant
        if not movement > 0:
            raise node.child("fit").error(f"expected a distance above 0, got {movement}")

        def make(number: float, offset: int, length: int) -> Expression:
            found = FreeNumber(number, scalar, offset, length, self.owner, movement=float(movement), space=space)
            if self.free is not None:
                self.free.append(found)
            return found

        return make

    def _landmarks(self, text: str, node: Node) -> tuple[int, ...]:
        """Read ``17``, a range ``17..21`` (downwards where the first is larger) or a name of the scheme."""
        named = self.names.landmark_names.get(text.strip())
        if named is not None:
            return named
        match = _RANGE.fullmatch(text)
        if match is None:
            raise node.error(
                f"expected a landmark number, a range such as 36..41, a point [x, y] or a group, got '{text[:40]}'"
                f"{_range_hint(text) or did_you_mean(text.strip(), tuple(self.names.landmark_names))}"
            )
        first = int(match[1])
        last = first if match[2] is None else int(match[2])
        for number in (first, last):
            if number >= self.names.points:
                raise node.error(f"{self.names.scheme} has landmarks 0 to {self.names.points - 1}, got {number}")
        return tuple(range(first, last + 1) if first <= last else range(first, last - 1, -1))


def _range_hint(text: str) -> str:
    """Return what a range written another way may have meant."""
    found = re.fullmatch(r"\s*([0-9]{1,4})\s*(?:-|:|to|\.\.\.)\s*([0-9]{1,4})\s*", text)
    return f"; did you mean '{found[1]}..{found[2]}'?" if found else ""


def _joined(parts: tuple[vertices.Vertices, ...]) -> tuple[vertices.Vertices, ...]:
    """Merge neighbouring landmarks, so that they are indexed at once."""
    joined: list[vertices.Vertices] = []
    for part in parts:
        last = joined[-1] if joined else None
        if isinstance(part, vertices.Landmarks) and isinstance(last, vertices.Landmarks):
            joined[-1] = vertices.Landmarks(last.indices + part.indices)
        else:
            joined.append(part)
    return tuple(joined)
