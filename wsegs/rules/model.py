"""The shape of a rule file, as pydantic models: which keys there are and what each may hold.

What a value means (which landmarks exist, whether an expression can be read) is :mod:`wsegs.rules.compile`'s business.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StrictFloat,
    StrictInt,
    StrictStr,
    Tag,
    ValidationError,
)

from wsegs.errors import RuleError
from wsegs.files import nearest
from wsegs.rules.yaml_source import Node

# A number or the text of an expression.
ExpressionText: TypeAlias = StrictInt | StrictFloat | StrictStr


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


# --- points -----------------------------------------------------------------------------------------------------------


def _vertex_tag(value: Any) -> str | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, str)):
        return "landmarks"
    if isinstance(value, (list, tuple)):
        return "point"
    if isinstance(value, dict):
        return "between" if "between" in value else "group"
    return {"Between": "between", "Group": "group"}.get(type(value).__name__)


class Between(_Strict):
    """A point on the way from one point to another."""

    between: Annotated[list[Vertex], Field(min_length=2, max_length=2)]
    at: ExpressionText = 0.5


class Group(_Strict):
    """Several points, moved together or each by an expression of its own x and y."""

    points: VertexList
    offset: Annotated[list[ExpressionText], Field(min_length=2, max_length=2)] | None = None
    x: ExpressionText | None = None
    y: ExpressionText | None = None


Vertex = Annotated[
    Annotated[StrictInt | StrictStr, Tag("landmarks")]
    | Annotated[list[ExpressionText], Field(min_length=2, max_length=2), Tag("point")]
    | Annotated[Between, Tag("between")]
    | Annotated[Group, Tag("group")],
    Discriminator(_vertex_tag),
]
VertexList: TypeAlias = StrictInt | StrictStr | list[Vertex]


# --- shapes -----------------------------------------------------------------------------------------------------------


class ShapeOptions(_Strict):
    """What every shape may say beside its geometry."""

    space: Literal["image", "face"] | None = None
    when: StrictStr | None = None
    mirror: bool = False
    outside: Literal["clip", "drop"] = "clip"
    grow: ExpressionText | None = None


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
    radii: Annotated[list[ExpressionText], Field(min_length=2, max_length=2)]
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


_SHAPES = {
    "polygon": PolygonShape,
    "hull": HullShape,
    "curve": CurveShape,
    "box": BoxShape,
    "ellipse": EllipseShape,
    "circle": CircleShape,
    "line": LineShape,
}
SHAPE_NAMES = tuple(_SHAPES)


def _shape_tag(value: Any) -> str | None:
    if isinstance(value, dict):
        return next((name for name in SHAPE_NAMES if name in value), None)
    return next((name for name, model in _SHAPES.items() if isinstance(value, model)), None)


Shape = Annotated[
    Annotated[PolygonShape, Tag("polygon")]
    | Annotated[HullShape, Tag("hull")]
    | Annotated[CurveShape, Tag("curve")]
    | Annotated[BoxShape, Tag("box")]
    | Annotated[EllipseShape, Tag("ellipse")]
    | Annotated[CircleShape, Tag("circle")]
    | Annotated[LineShape, Tag("line")],
    Discriminator(_shape_tag),
]


# --- regions, attributes, the file ------------------------------------------------------------------------------------


class RegionBody(_Strict):
    """A union of shapes with named values, less or within other regions."""

    shapes: Annotated[list[Shape], Field(min_length=1)]
    let: dict[str, ExpressionText] = {}
    minus: StrictStr | list[StrictStr] | None = None
    within: StrictStr | list[StrictStr] | None = None


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
    when: Literal["present", "absent", "always"] = "present"


def _attribute_tag(value: Any) -> str:
    return "regions" if isinstance(value, str) else "body"


Attribute = Annotated[
    Annotated[StrictStr, Tag("regions")] | Annotated[AttributeBody, Tag("body")],
    Discriminator(_attribute_tag),
]


class RuleFile(_Strict):
    """A whole rule file."""

    version: Literal[1]
    scheme: StrictStr
    description: StrictStr | None = None
    space: Literal["image", "face"] = "image"
    landmarks: Literal["exact", "integer"] = "exact"
    parameters: dict[str, ExpressionText] = {}
    regions: Annotated[dict[str, Region], Field(min_length=1)]
    attributes: dict[str, Attribute] = {}
    default: Attribute | None = None


Between.model_rebuild()
Group.model_rebuild()


def check_model(root: Node) -> RuleFile:
    """Check the keys and types of a rule file.

    Raises
    ------
    RuleError
        With the place of the first mistake, what was expected there and what came.
    """
    if not isinstance(root.value, dict):
        raise root.error(f"expected a mapping with 'version', 'scheme' and 'regions', got {_describe(root.value)}")
    try:
        return RuleFile.model_validate(root.plain())
    except ValidationError as error:
        found = [_located(root, detail) for detail in error.errors(include_url=False, include_context=True)]
    # Branches of a union fail together; the failure that got furthest into the file is the one meant.
    raise max(found, key=lambda item: item[0])[1]


def _located(root: Node, detail: Any) -> tuple[int, RuleError]:
    path = detail["loc"]
    kind = detail["type"]
    parent = _find(root, path[:-1])
    node = _find(root, path)
    depth = len(path)
    if kind == "extra_forbidden":
        key = str(path[-1])
        known = _known_keys(path)
        place = parent.keys.get(key, node)
        return depth + 10, place.error(f"unknown key '{key}'; expected one of {', '.join(known)}{nearest(key, known)}")
    if kind == "missing":
        return depth, parent.error(f"expected a key '{path[-1]}'")
    if kind == "union_tag_not_found":
        return depth, _untagged(node)
    if kind == "literal_error":
        return depth, node.error(f"expected {detail['ctx']['expected']}, got {_describe(node.value)}")
    if kind in ("too_short", "too_long"):
        context = detail["ctx"]
        wanted = context.get("min_length", context.get("max_length"))
        bound = "at least" if kind == "too_short" else "at most"
        return depth, node.error(f"expected {bound} {wanted} values, got {context['actual_length']}")
    expected = _EXPECTED.get(kind, detail["msg"].lower())
    return depth, node.error(f"expected {expected}, got {_describe(node.value)}")


def _find(root: Node, path: tuple[str | int, ...]) -> Node:
    """Return the node that an error's path means; pydantic puts the tags of unions between the keys."""
    node, tagged = root.find(path[:2]), None  # a section, and a name in it that may be any word
    for step in path[2:]:
        if step in (*SHAPE_NAMES, "between") and node is not tagged:
            tagged = node
        else:
            node = node.child(step)
    return node


_EXPECTED = {
    "int_type": "a landmark number, a range such as 36..41 or a list of points",
    "float_type": "a number or an expression",
    "string_type": "text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


def _untagged(node: Node) -> RuleError:
    if isinstance(node.value, dict):
        keys = list(node.value)
        hint = next((nearest(key, SHAPE_NAMES) for key in keys if nearest(key, SHAPE_NAMES)), "")
        got = ", ".join(keys) or "none"
        return node.error(f"expected a shape: one of {', '.join(SHAPE_NAMES)}; got the keys {got[:80]}{hint}")
    return node.error(f"expected a shape or a point, got {_describe(node.value)}")


def _known_keys(path: tuple[str | int, ...]) -> tuple[str, ...]:
    """Return the keys that the innermost model on an error's path has; tags of unions are steps of the path."""
    bodies: dict[str, Any] = {"between": Between, "group": Group, "body": RegionBody}
    model: Any = RuleFile
    steps = [str(step) for step in path[:-1]]
    for position, step in enumerate(steps):
        inside_shape = position > 0 and steps[position - 1] == step
        if step in ("ellipse", "circle", "line") and inside_shape:
            model = {"ellipse": EllipseBody, "circle": CircleBody, "line": LineBody}[step]
        elif step in _SHAPES:
            model = _SHAPES[step]
        elif step == "body" and steps[0] in ("attributes", "default"):
            model = AttributeBody
        elif step in bodies:
            model = bodies[step]
    return tuple(model.model_fields)


def _describe(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if value is None:
        return "nothing"
    text = " ".join(str(value).lower().split() if isinstance(value, bool) else str(value).split())
    return f"'{text[:40]}'"
