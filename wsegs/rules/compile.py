"""A checked rule file to a program: names resolved, expressions parsed, every mistake with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from wsegs.errors import DataError, RuleError
from wsegs.rules import model
from wsegs.rules.compile_shapes import ShapeCompiler
from wsegs.rules.expressions import FUNCTION_NAMES, Expression, Kind, Names, parse_arithmetic
from wsegs.rules.program import LABELS, AttributeRule, Program, Region
from wsegs.rules.region_expressions import RESERVED, AnyOf, Combined, RegionExpression, parse_regions
from wsegs.rules.yaml_source import Node, read_nodes
from wsegs.schemes import get_scheme

MAX_REGIONS = 64
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TAKEN_NAMES = {"x", "y", "and", "or", "not", *FUNCTION_NAMES}


class Problems:
    """Mistakes found so far, so that one pass finds those of all regions and attributes."""

    def __init__(self) -> None:
        self.found: list[RuleError] = []

    @contextmanager
    def collect(self) -> Iterator[None]:
        """Keep a mistake and go on behind the block."""
        try:
            yield
        except RuleError as error:
            self.found.append(error)

    def raise_first(self) -> None:
        """Raise the first mistake, if any, and say how many more there are."""
        if self.found:
            more = f" (and {len(self.found) - 1} more)" if len(self.found) > 1 else ""
            raise RuleError(f"{self.found[0]}{more}")


def compile_program(text: str, source: str) -> Program:
    """Compile a rule file.

    Parameters
    ----------
    text
        Its contents.
    source
        Its name, for messages.

    Raises
    ------
    RuleError
        At the first mistake: file, line, column, what was expected and what came.
    """
    root = read_nodes(text, source)
    checked = model.check_model(root)
    try:
        scheme = get_scheme(checked.scheme)
    except DataError as error:
        raise root.child("scheme").error(str(error)) from None
    if len(checked.regions) > MAX_REGIONS:
        extra = list(checked.regions)[MAX_REGIONS]
        raise (
            root.child("regions")
            .keys[extra]
            .error(f"expected at most {MAX_REGIONS} regions, got {len(checked.regions)}; '{extra}' is one too many")
        )
    problems = Problems()
    names = Names(scheme.count, scheme.name, {})
    parameters: dict[str, Expression] = {}
    with problems.collect():
        parameters, names = _compile_names(checked.parameters, root.child("parameters"), names)
    problems.raise_first()  # what follows would only repeat an unknown parameter

    region_names = tuple(checked.regions)
    regions: list[Region] = []
    for name, body in checked.regions.items():
        with problems.collect():
            node = root.child("regions")
            _check_name(name, node.keys[name], RESERVED)
            regions.append(_compile_region(name, body, node.child(name), names, region_names, checked.space))
    attributes: dict[str, AttributeRule] = {}
    for name, attribute in checked.attributes.items():
        with problems.collect():
            attributes[name] = _compile_attribute(attribute, root.find(("attributes", name)), region_names)
    default = None
    if checked.default is not None:
        with problems.collect():
            default = _compile_attribute(checked.default, root.child("default"), region_names)
    problems.raise_first()
    order = _drawing_order(regions, root.child("regions"))
    return Program(scheme, checked.landmarks == "integer", parameters, tuple(regions), order, attributes, default)


def _check_name(name: str, node: Node, taken: Any) -> None:
    if not _IDENTIFIER.fullmatch(name):
        raise node.error(
            f"expected a name of letters, digits and _ that does not begin with a digit, got '{name[:40]}'"
        )
    if name in taken:
        raise node.error(f"'{name}' has a meaning of its own; choose another name")


def _compile_names(
    values: Mapping[str, model.ExpressionText], node: Node, names: Names
) -> tuple[dict[str, Expression], Names]:
    """Compile ``parameters`` or ``let``: each may use the ones above it."""
    compiled: dict[str, Expression] = {}
    kinds: dict[str, Kind] = dict(names.kinds)
    for name, value in values.items():
        _check_name(name, node.keys[name], _TAKEN_NAMES)
        if re.fullmatch(r"[xy][0-9]+", name):
            raise node.keys[name].error(f"'{name}' is a landmark's coordinate; choose another name")
        if name in kinds:
            raise node.keys[name].error(f"'{name}' is defined already")
        compiled[name] = parse_arithmetic(
            value, node.child(name), Names(names.points, names.scheme, dict(kinds)), "number"
        )
        kinds[name] = "number"
    return compiled, Names(names.points, names.scheme, kinds)


def _compile_region(
    name: str, body: Any, node: Node, names: Names, region_names: tuple[str, ...], space: Any
) -> Region:
    let: dict[str, Expression] = {}
    minus = within = None
    if isinstance(body, model.RegionBody):
        let, names = _compile_names(body.let, node.child("let"), names)
        minus = _compile_region_set(body.minus, node.child("minus"), region_names)
        within = _compile_region_set(body.within, node.child("within"), region_names)
        shapes, nodes = body.shapes, node.child("shapes")
    elif isinstance(body, list):
        shapes, nodes = body, node
    else:
        compiler = ShapeCompiler(names, space)
        return Region(name, let, (compiler.shape(body, node),), None, None)
    compiler = ShapeCompiler(names, space)
    compiled = tuple(compiler.shape(shape, nodes.child(i)) for i, shape in enumerate(shapes))
    return Region(name, let, compiled, minus, within)


def _compile_region_set(
    value: str | list[str] | None, node: Node, region_names: tuple[str, ...]
) -> RegionExpression | None:
    """Compile ``minus`` and ``within``: an expression, or a list of them for their union."""
    if value is None:
        return None
    if isinstance(value, str):
        return parse_regions(value, node, region_names)
    union: RegionExpression = AnyOf(0)
    for position, text in enumerate(value):
        part = parse_regions(text, node.child(position), region_names)
        if isinstance(union, AnyOf) and isinstance(part, AnyOf):
            union = AnyOf(union.bits | part.bits)
        else:
            union = Combined("|", union, part)
    return union


def _compile_attribute(attribute: Any, node: Node, region_names: tuple[str, ...]) -> AttributeRule:
    if isinstance(attribute, str):
        return AttributeRule(parse_regions(attribute, node, region_names), LABELS["present"])
    return AttributeRule(parse_regions(attribute.regions, node.child("regions"), region_names), LABELS[attribute.when])


def _bits_of(expression: RegionExpression | None) -> int:
    if expression is None:
        return 0
    if isinstance(expression, Combined):
        return _bits_of(expression.left) | _bits_of(expression.right)
    assert isinstance(expression, AnyOf)
    return expression.bits


def _drawing_order(regions: list[Region], node: Node) -> tuple[int, ...]:
    """Sort the regions so that each comes after those that its ``minus`` and ``within`` name."""
    needs = [_bits_of(region.minus) | _bits_of(region.within) for region in regions]
    order: list[int] = []
    done = 0
    while len(order) < len(regions):
        ready = [i for i in range(len(regions)) if not done >> i & 1 and needs[i] & ~done == 0]
        if not ready:
            stuck = next(i for i in range(len(regions)) if not done >> i & 1)
            name = regions[stuck].name
            raise node.keys[name].error(f"'{name}' depends on itself through minus: or within:")
        order.extend(ready)
        done |= sum(1 << i for i in ready)
    return tuple(order)
