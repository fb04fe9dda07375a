"""The compiled form of a rule file: frozen dataclasses that are evaluated over batches of faces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal, TypeVar

from wsegs.rules.drawing.scope import Space
from wsegs.rules.drawing.shapes import Geometry
from wsegs.rules.language.expressions import Expression
from wsegs.rules.language.free import FreeNumber
from wsegs.rules.language.region_expressions import RegionExpression
from wsegs.schemes import LandmarkScheme

PRESENT, ABSENT, ALWAYS = 1, 0, 2
Part = TypeVar("Part")
LABELS: dict[str, int] = {"present": PRESENT, "absent": ABSENT, "always": ALWAYS}


def find_parts(tree: Any, kind: type[Part]) -> Iterator[Part]:
    """Yield every object of a type within compiled data: nested dataclasses, tuples and mappings."""
    if isinstance(tree, kind):
        yield tree
    if isinstance(tree, (tuple, list)):
        for item in tree:
            yield from find_parts(item, kind)
    elif isinstance(tree, Mapping):
        yield from find_parts(tuple(tree.values()), kind)
    elif is_dataclass(tree) and not isinstance(tree, FreeNumber):
        for part in fields(tree):
            yield from find_parts(getattr(tree, part.name), kind)


@dataclass(frozen=True)
class SetOperation:
    """The union, intersection or difference of shapes, as geometry."""

    kind: Literal["union", "intersection", "difference"]
    shapes: tuple[Shape, ...]

    @property
    def vertex_count(self) -> int:
        """The number of vertices of all shapes."""
        return sum(shape.geometry.vertex_count * (2 if shape.mirror else 1) for shape in self.shapes)


@dataclass(frozen=True)
class Shape:
    """One shape of a region and its options."""

    geometry: Geometry | SetOperation
    space: Space
    when: Expression | None
    mirror: bool
    outside: Literal["clip", "drop"]
    grow: Expression | None


@dataclass(frozen=True)
class Region:
    """A union of shapes, and the regions that it leaves out (``minus``) or stays in (``within``)."""

    name: str
    let: Mapping[str, Expression]
    shapes: tuple[Shape, ...]
    minus: RegionExpression | None
    within: RegionExpression | None

    @property
    def is_cut(self) -> bool:
        """Whether other regions say where it ends."""
        return self.minus is not None or self.within is not None


@dataclass(frozen=True)
class AttributeRule:
    """What an attribute is made of, and the label for which it is drawn."""

    regions: RegionExpression
    label: int


@dataclass(frozen=True)
class Program:
    """Everything that a rule file says."""

    scheme: LandmarkScheme
    integer_landmarks: bool
    parameters: Mapping[str, Expression]
    regions: tuple[Region, ...]
    order: tuple[int, ...]  # in which regions are drawn: those that minus and within name come first
    attributes: Mapping[str, AttributeRule]
    default: AttributeRule | None = field(default=None)
    mirror: tuple[tuple[str, str], ...] = ()  # regions or attributes that a mirrored image exchanges
