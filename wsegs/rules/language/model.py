"""pydantic models of a rule file: its keys and the types of their values.

:mod:`wsegs.rules.compile` checks what values mean: which landmarks exist, whether an expression parses.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    Tag,
)

from wsegs.io.validation import Expected

ExpressionText: TypeAlias = Annotated[StrictInt | StrictFloat | StrictStr, Expected("a number or an expression")]
_POINTS = Expected("a landmark number, a range such as 36..41 or a list of points")
LandmarksText: TypeAlias = Annotated[StrictInt | StrictStr, _POINTS]
RegionNames: TypeAlias = Annotated[StrictStr | list[StrictStr], Expected("a region's name or a list of names")]
Pair: TypeAlias = Annotated[list[ExpressionText], Field(min_length=2, max_length=2)]
Number: TypeAlias = StrictInt | StrictFloat


def _no_truth(value: Any) -> Any:
    """Turn `true`, which equals 1 in Python, into text, so that it is no version."""
    return str(value).lower() if isinstance(value, bool) else value


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


# --- parameters -------------------------------------------------------------------------------------------------------


class Parameter(_Strict):
    """A named value with its unit."""

    value: ExpressionText
    """A number or an expression."""
    unit: Literal["px", "iod", "degrees", "ratio"] | None = None
    """px: pixels; iod: inter-ocular distances; both are converted where a shape counts in the other."""
    description: StrictStr | None = None
    fit: Annotated[list[Number], Field(min_length=2, max_length=2)] | None = None
    """The least and the largest value that `wsegs rules fit` may try; the value must then be a number."""


def _parameter_tag(value: Any) -> str:
    return "body" if isinstance(value, (dict, Parameter)) else "expression"


ParameterValue = Annotated[
    Annotated[ExpressionText, Tag("expression")] | Annotated[Parameter, Tag("body")], Discriminator(_parameter_tag)
]


# --- points -----------------------------------------------------------------------------------------------------------


def _vertex_tag(value: Any) -> str | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, str)):
        return "landmarks"
    if isinstance(value, (list, tuple)):
        return "point"
    if isinstance(value, dict):
        return next((name for name in VERTEX_MODELS if name in value), "group")
    return next((name for name, model in VERTEX_MODELS.items() if isinstance(value, model)), "group")


class Between(_Strict):
    """A point on the way from one point to another."""

    between: Annotated[list[Vertex], Field(min_length=2, max_length=2)]
    at: ExpressionText = 0.5
    """0 is the first point, 1 the second."""


class Along(_Strict):
    """Points along a chain of points, by the share of its length."""

    along: VertexList
    at: ExpressionText | list[ExpressionText] | None = None
    """One share of the chain's length from 0 to 1, or a list of them."""
    count: Annotated[StrictInt, Field(ge=2)] | None = None
    """Instead of `at`: so many points, evenly spaced, both ends included."""


class Mean(_Strict):
    """The mean of several points."""

    mean: VertexList


class SmoothChain(_Strict):
    """A smooth chain through several points, from the first to the last."""

    curve: VertexList


class Group(_Strict):
    """Several points, moved together or each by an expression of its own x and y."""

    points: VertexList
    offset: Pair | None = None
    space: Literal["image", "face"] | None = None
    """Where the offset counts, if not in the shape's own space."""
    x: ExpressionText | None = None
    y: ExpressionText | None = None
    fit: Number | None = None
    """How far `wsegs rules fit` may move the points by changing the numbers of `offset`."""


VERTEX_MODELS: dict[str, type[_Strict]] = {"between": Between, "along": Along, "mean": Mean, "curve": SmoothChain}
Vertex = Annotated[
    Annotated[LandmarksText, Tag("landmarks")]
    | Annotated[Pair, Tag("point")]
    | Annotated[Between, Tag("between")]
    | Annotated[Along, Tag("along")]
    | Annotated[Mean, Tag("mean")]
    | Annotated[SmoothChain, Tag("curve")]
    | Annotated[Group, Tag("group")],
    Discriminator(_vertex_tag),
    _POINTS,
]


def _vertex_list_tag(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return "list"
    return "vertex" if isinstance(value, (dict, _Strict)) else "landmarks"


VertexList: TypeAlias = Annotated[
    Annotated[LandmarksText, Tag("landmarks")]
    | Annotated[list[Vertex], Tag("list")]
    | Annotated[Vertex, Tag("vertex")],
    Discriminator(_vertex_list_tag),
]


# --- shapes -----------------------------------------------------------------------------------------------------------


class ShapeOptions(_Strict):
    """What every shape may say beside its geometry."""

    space: Literal["image", "face"] | None = None
    """image: pixels; face: the face's own frame. The file's `space` if not given."""
    when: StrictStr | None = None
    """Drawn only on faces where this condition holds."""
    mirror: StrictBool = False
    """Also drawn with left and right exchanged."""
    outside: Literal["clip", "drop"] = "clip"
    """drop: nothing at all if a corner has a negative coordinate."""
    grow: ExpressionText | None = None
    """Every side moved outwards by so much, inwards if negative."""


class PolygonShape(ShapeOptions):
    """A filled polygon."""

    polygon: VertexList


class HullShape(ShapeOptions):
    """The convex hull of points."""

    hull: VertexList


class CurveShape(ShapeOptions):
    """A closed smooth curve through points."""

    curve: VertexList


class BoxShape(ShapeOptions):
    """The box, along the axes of the space, that holds all points."""

    box: VertexList


class EllipseBody(_Strict):
    """Centre, the two radii, and the angle of the first in degrees, from the x axis towards the y axis."""

    center: Vertex
    radii: Pair
    angle: ExpressionText = 0


class EllipseShape(ShapeOptions):
    """A filled ellipse."""

    ellipse: EllipseBody


class CircleBody(_Strict):
    """Centre and radius."""

    center: Vertex
    radius: ExpressionText


class CircleShape(ShapeOptions):
    """A filled circle."""

    circle: CircleBody


class LineBody(_Strict):
    """The points that the line runs through, and its full thickness."""

    points: VertexList
    thickness: ExpressionText


class LineShape(ShapeOptions):
    """A thick line with round ends and joints."""

    line: LineBody


class UnionShape(ShapeOptions):
    """All of several shapes, joined before they are filled."""

    union: Annotated[list[Shape], Field(min_length=1)]


class IntersectionShape(ShapeOptions):
    """What several shapes have in common."""

    intersection: Annotated[list[Shape], Field(min_length=2)]


class DifferenceShape(ShapeOptions):
    """The first shape without the others."""

    difference: Annotated[list[Shape], Field(min_length=2)]


SHAPE_MODELS: dict[str, type[ShapeOptions]] = {
    "polygon": PolygonShape,
    "hull": HullShape,
    "curve": CurveShape,
    "box": BoxShape,
    "ellipse": EllipseShape,
    "circle": CircleShape,
    "line": LineShape,
    "union": UnionShape,
    "intersection": IntersectionShape,
    "difference": DifferenceShape,
}
SHAPE_NAMES = tuple(SHAPE_MODELS)


def _shape_tag(value: Any) -> str | None:
    if isinstance(value, dict):
        return next((name for name in SHAPE_NAMES if name in value), None)
    return next((name for name, model in SHAPE_MODELS.items() if isinstance(value, model)), None)


Shape = Annotated[
    Annotated[PolygonShape, Tag("polygon")]
    | Annotated[HullShape, Tag("hull")]
    | Annotated[CurveShape, Tag("curve")]
    | Annotated[BoxShape, Tag("box")]
    | Annotated[EllipseShape, Tag("ellipse")]
    | Annotated[CircleShape, Tag("circle")]
    | Annotated[LineShape, Tag("line")]
    | Annotated[UnionShape, Tag("union")]
    | Annotated[IntersectionShape, Tag("intersection")]
    | Annotated[DifferenceShape, Tag("difference")],
    Discriminator(_shape_tag),
    Expected("a shape or a list of shapes"),
]


# --- regions, attributes, the file ------------------------------------------------------------------------------------


class RegionBody(_Strict):
    """A union of shapes with named values, less or within other regions."""

    shapes: Annotated[list[Shape], Field(min_length=1)]
    let: dict[str, ExpressionText] = {}
    """Named values for this region."""
    minus: RegionNames | None = None
    """Regions that are taken away from it, pixel by pixel."""
    within: RegionNames | None = None
    """Regions that it must stay in, pixel by pixel."""


def _region_tag(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return "shapes"
    if isinstance(value, RegionBody) or (isinstance(value, dict) and "shapes" in value):
        return "body"
    return "shape"


Region = Annotated[
    Annotated[Shape, Tag("shape")]
    | Annotated[list[Shape], Field(min_length=1), Tag("shapes")]
    | Annotated[RegionBody, Tag("body")],
    Discriminator(_region_tag),
]


class AttributeBody(_Strict):
    """Regions, and for which label the mask is drawn."""

    regions: StrictStr
    """Region names with |, &, - and parentheses; all; none."""
    when: Literal["present", "absent", "always"] = "present"


def _attribute_tag(value: Any) -> str:
    return "regions" if isinstance(value, str) else "body"


Attribute = Annotated[
    Annotated[StrictStr, Tag("regions")]
    | Annotated[AttributeBody, Expected("region names such as eyes | mouth, or a mapping"), Tag("body")],
    Discriminator(_attribute_tag),
]


MirrorPair: TypeAlias = Annotated[
    list[StrictStr], Field(min_length=2, max_length=2), Expected("two names that a mirrored image exchanges")
]


class RuleFile(_Strict):
    """A whole rule file."""

    extends: StrictStr | None = None
    """Another rule file, by the name of a shipped one or a path from this file, of which this one changes entries."""
    version: Annotated[Literal[1], BeforeValidator(_no_truth)]
    scheme: StrictStr | dict[str, Any]
    """Which landmarks the numbers mean: a shipped scheme by name, a scheme file beside this one, or a scheme itself."""
    description: StrictStr | None = None
    space: Literal["image", "face"] = "image"
    """For all shapes that do not say otherwise."""
    landmarks: Literal["exact", "integer"] = "exact"
    """integer: rounded to whole pixels first."""
    parameters: dict[str, ParameterValue] = {}
    """Named values; each may use those above it."""
    regions: Annotated[dict[str, Region], Field(min_length=1)]
    """The base regions, at most 64; a pixel of a mask store has one bit for each, in this order."""
    attributes: dict[str, Attribute] = {}
    """What the mask of each attribute is made of."""
    default: Attribute | None = None
    """For attributes that are not listed."""
    mirror: list[MirrorPair] = []
    """Pairs of regions, or of attributes, that a mirrored image exchanges, beside those whose names say left and
    right. A name with itself stays as it is."""


for _model in (Between, Along, Mean, SmoothChain, Group, UnionShape, IntersectionShape, DifferenceShape):
    _model.model_rebuild()
