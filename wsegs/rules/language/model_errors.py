"""A rule file against its model: every mistake of keys and types, each with its place."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from wsegs.errors import RuleError
from wsegs.io.files import did_you_mean
from wsegs.io.yaml_source import Node
from wsegs.rules.language import model

SECTIONS = ("parameters", "regions", "attributes")
REQUIRED = ("version", "scheme", "regions")
Step = str | int
_MOST = 300  # details of pydantic, several of which may be one mistake
# What stands in for a required key that is missing or wrong, so that the rest of the file is checked, too.
_STAND_INS: dict[str, Any] = {"version": 1}


def check_model(root: Node) -> tuple[model.RuleFile | None, list[RuleError]]:
    """Check the keys and types of a rule file.

    Returns
    -------
    What can be used of the file, without the entries that are wrong; None if nothing can.
    Every mistake, with its place, what was expected there and what came.
    """
    if not isinstance(root.value, dict):
        problem = f"expected a mapping with 'version', 'scheme' and 'regions', got {_describe(root.value)}"
        return None, [root.error(problem)]
    data = root.plain()
    try:
        return model.RuleFile.model_validate(data), []
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=True)
    told = [detail for detail in details if not _misspelt(detail, details)]
    errors = _distinct([_Located(root, detail) for detail in told[:_MOST]])
    for detail in details:
        _leave_out(data, detail["loc"])
    try:
        return model.RuleFile.model_validate(data), errors
    except ValidationError:
        return None, errors


def _leave_out(data: dict[str, Any], path: tuple[Step, ...]) -> None:
    """Remove the entry that a mistake lies in."""
    first = str(path[0])
    section = data.get(first)
    if first in SECTIONS and isinstance(section, dict) and len(path) > 1:
        section.pop(str(path[1]), None)
    elif first in _STAND_INS:
        data[first] = _STAND_INS[first]
    else:
        data.pop(first, None)


def _misspelt(missing: Any, details: list[Any]) -> bool:
    """Return whether a missing key is there under a name much like it, which is a mistake of its own."""
    path = missing["loc"]
    return missing["type"] == "missing" and any(
        other["type"] == "extra_forbidden"
        and other["loc"][:-1] == path[:-1]
        and did_you_mean(other["loc"][-1], (path[-1],))
        for other in details
    )


class _Located:
    """A mistake, the nodes that it lies in, and how it is said."""

    def __init__(self, root: Node, detail: Any) -> None:
        path = detail["loc"]
        self.trail = _trail(root, path)
        self.guess = detail["type"] in _EXPECTED  # may be a branch of a union that was not meant
        parent = _trail(root, path[:-1])[-1]
        self.error = _said(detail, self.trail[-1], parent)


def _distinct(located: list[_Located]) -> list[RuleError]:
    """Return one error a place.

    Branches of a union fail together; the failure that got furthest into the file is the one meant.
    """
    inner = {id(node) for item in located for node in item.trail[:-1] if node is not item.trail[-1]}
    found: dict[Any, RuleError] = {}
    for item in located:
        if not (item.guess and id(item.trail[-1]) in inner):
            found.setdefault(item.error.place, item.error)
    return list(found.values())


def _said(detail: Any, node: Node, parent: Node) -> RuleError:
    path, kind = detail["loc"], detail["type"]
    if kind == "extra_forbidden":
        key = str(path[-1])
        known = _known_keys(path)
        place = parent.keys.get(key, node)
        hint = did_you_mean(key, known)
        if key in ("let", "minus", "within"):
            hint = f"; a region with '{key}' has its shapes under 'shapes:'"
        elif key == "<<":
            hint = _NO_MERGE_KEYS
        elif key in model.SHAPE_MODELS:
            hint = "; a shape is of one kind, a list of shapes is their union"
        return place.error(f"unknown key '{key[:60]}'; expected one of {', '.join(known)}{hint}")
    if kind == "missing":
        return parent.error(f"expected a key '{path[-1]}'")
    if kind == "union_tag_not_found":
        return _untagged(node)
    if kind == "literal_error":
        return node.error(f"expected {detail['ctx']['expected']}, got {_describe(node.value)}")
    if kind in ("too_short", "too_long"):
        context = detail["ctx"]
        wanted = context.get("min_length", context.get("max_length"))
        bound = "at least" if kind == "too_short" else "at most"
        hint = ""
        if kind == "too_long" and any("(" in str(part.value) for part in node.value if isinstance(part.value, str)):
            hint = "; an expression with a comma needs quotes"
        return node.error(f"expected {bound} {wanted} values, got {context['actual_length']}{hint}")
    return node.error(f"expected {_expectation(detail)}, got {_describe(node.value)}")


def _expectation(detail: Any) -> str:
    """Return what a value should have been."""
    path, kind = detail["loc"], detail["type"]
    if path[0] in ("attributes", "default") and kind in ("model_type", "model_attributes_type"):
        return "region names such as eyes | mouth, or a mapping"
    if kind == "int_type" and "landmarks" not in path[-2:]:
        return "a number or an expression" if path[-1] == "int" else "a whole number"
    return _EXPECTED.get(kind, str(detail["msg"]).removeprefix("Input should be ").lower())


def _trail(root: Node, path: tuple[Step, ...]) -> list[Node]:
    """Return the nodes down to the one that a mistake's path means; pydantic puts the tags of unions between keys."""
    trail = [root]
    for step in path[:2]:  # a section, and a name in it that may be any word
        trail.append(trail[-1].child(step))
    tagged = None
    for step in path[2:]:
        node = trail[-1]
        if step in (*model.SHAPE_NAMES, *model.VERTEX_MODELS) and node is not tagged:
            tagged = node
        elif node.child(step) is not node:
            trail.append(node.child(step))
    return trail


_NO_MERGE_KEYS = "; merge keys are not part of YAML 1.2, 'extends:' changes another file"
_EXPECTED = {
    "int_type": "a landmark number, a range such as 36..41 or a list of points",
    "float_type": "a number or an expression",
    "string_type": "text",
    "bool_type": "true or false",
    "model_key": "a name",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


def _untagged(node: Node) -> RuleError:
    if isinstance(node.value, dict):
        keys = list(node.value)
        hint = next((did_you_mean(key, model.SHAPE_NAMES) for key in keys if did_you_mean(key, model.SHAPE_NAMES)), "")
        hint = _NO_MERGE_KEYS if "<<" in keys else hint
        got = ", ".join(keys) or "none"
        return node.error(f"expected a shape: one of {', '.join(model.SHAPE_NAMES)}; got the keys {got[:80]}{hint}")
    return node.error(f"expected a shape or a list of shapes, got {_describe(node.value)}")


_POINTS: dict[str, Any] = {"group": model.Group, **model.VERTEX_MODELS}
_HOLD_SHAPES = (model.RuleFile, model.RegionBody, model.UnionShape, model.IntersectionShape, model.DifferenceShape)
_SECTION_BODIES: dict[str, Any] = {
    "attributes": model.AttributeBody,
    "default": model.AttributeBody,
    "parameters": model.Parameter,
}
_INNER: dict[str, Any] = {"ellipse": model.EllipseBody, "circle": model.CircleBody, "line": model.LineBody}


def _known_keys(path: tuple[Step, ...]) -> tuple[str, ...]:
    """Return the keys that the innermost model on a mistake's path has; tags of unions are steps of the path."""
    found: Any = model.RuleFile
    steps = [str(step) for step in path[:-1]]
    for position, step in enumerate(steps):
        if position == 1 and steps[0] in SECTIONS:
            continue  # a name that may be any word
        repeated = position > 0 and steps[position - 1] == step  # the key behind the tag of the same name
        if repeated:
            found = _INNER.get(step, found)
        elif step == "body":
            found = _SECTION_BODIES.get(steps[0], model.RegionBody)
        elif step in model.SHAPE_MODELS and found in _HOLD_SHAPES:
            found = model.SHAPE_MODELS[step]
        elif step in _POINTS:
            found = _POINTS[step]
    return tuple(found.model_fields)


def _describe(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if value is None:
        return "nothing"
    text = " ".join(str(value).lower().split() if isinstance(value, bool) else str(value).split())
    return f"'{text[:40]}'"
