"""Shapes and vertex lists of a checked rule file, compiled."""

from __future__ import annotations

import re
from typing import Any

from wsegs.rules import model, shapes, vertices
from wsegs.rules.expressions import Expression, Names, Number, parse_arithmetic
from wsegs.rules.program import Shape
from wsegs.rules.scope import Space
from wsegs.rules.yaml_source import Node

MAX_VERTICES = 1_000
_RANGE = re.compile(r"\s*([0-9]{1,12})\s*(?:\.\.\s*([0-9]{1,12})\s*)?")


class ShapeCompiler:
    """Compiles shapes that may use the given names; ``space`` is the file's default."""

    def __init__(self, names: Names, space: Space) -> None:
        self.names = names
        self.space = space

    def shape(self, body: model.ShapeOptions, node: Node) -> Shape:
        """Compile one shape."""
        when = None if body.when is None else parse_arithmetic(body.when, node.child("when"), self.names, "condition")
        grow = None if body.grow is None else self._number(body.grow, node.child("grow"))
        return Shape(self._geometry(body, node), body.space or self.space, when, body.mirror, body.outside, grow)

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

    def _number(self, value: model.ExpressionText, node: Node) -> Expression:
        return parse_arithmetic(value, node, self.names, "number")

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
        if not isinstance(value, list):
            return self._vertex(value, node)
        parts = tuple(self._vertex(item, node.child(i)) for i, item in enumerate(value))
        return parts[0] if len(parts) == 1 else vertices.Chain(_joined(parts))

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
        return self._group(value, node)

    def _group(self, group: model.Group, node: Node) -> vertices.Vertices:
        inner = self._list(group.points, node.child("points"))
        offset = None if group.offset is None else self._pair(group.offset, node.child("offset"))
        point_names = Names(self.names.points, self.names.scheme, {**self.names.kinds, "x": "number", "y": "number"})
        x = None if group.x is None else parse_arithmetic(group.x, node.child("x"), point_names, "number")
        y = None if group.y is None else parse_arithmetic(group.y, node.child("y"), point_names, "number")
        return vertices.PointGroup(inner, offset, x, y)

    def _landmarks(self, text: str, node: Node) -> tuple[int, ...]:
        """Read ``17`` or a range ``17..21``, downwards where the first is larger."""
        match = _RANGE.fullmatch(text)
        if match is None:
            raise node.error(
                f"expected a landmark number, a range such as 36..41, a point [x, y] or a group, got '{text[:40]}'"
            )
        first = int(match[1])
        last = first if match[2] is None else int(match[2])
        for number in (first, last):
            if number >= self.names.points:
                raise node.error(f"{self.names.scheme} has landmarks 0 to {self.names.points - 1}, got {number}")
        return tuple(range(first, last + 1) if first <= last else range(first, last - 1, -1))


def _joined(parts: tuple[vertices.Vertices, ...]) -> tuple[vertices.Vertices, ...]:
    """Join neighbouring landmarks, so that they are fetched at once."""
    joined: list[vertices.Vertices] = []
    for part in parts:
        last = joined[-1] if joined else None
        if isinstance(part, vertices.Landmarks) and isinstance(last, vertices.Landmarks):
            joined[-1] = vertices.Landmarks(last.indices + part.indices)
        else:
            joined.append(part)
    return tuple(joined)
