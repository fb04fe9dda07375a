"""Compile a checked rule file to a program: resolve names, parse expressions, find every mistake."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from wsegs.errors import DataError, RuleError
from wsegs.io.yaml_source import Node
from wsegs.rules.compile_shapes import ShapeCompiler
from wsegs.rules.drawing.program import LABELS, AttributeRule, Program, Region
from wsegs.rules.language import model
from wsegs.rules.language.arithmetic import Names, parse_arithmetic
from wsegs.rules.language.expressions import FUNCTION_NAMES, INTEROCULAR_DISTANCE, Expression, Kind
from wsegs.rules.language.free import FreeNumber, Quantity
from wsegs.rules.language.model_errors import check_model
from wsegs.rules.language.problems import Problems, TooManyMistakesError
from wsegs.rules.language.region_expressions import RESERVED, AnyOf, Combined, RegionExpression, bits_of, parse_regions
from wsegs.schemes import LandmarkScheme, get_scheme, scheme_from_node

MAX_REGIONS = 64
MAX_NAMES = 200  # parameters, and names of a region's `let`
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TAKEN_NAMES = {"x", "y", "and", "or", "not", INTEROCULAR_DISTANCE, *FUNCTION_NAMES}
_HOME: dict[str | None, Any] = {"px": "image", "iod": "face"}  # where a parameter of this unit is computed


def compile_nodes(root: Node, free: list[FreeNumber] | None = None) -> tuple[Program | None, list[RuleError]]:
    """Compile a rule file, and find every mistake in it.

    Parameters
    ----------
    root
        The file, with what it extends merged in.
    free
        If a list, the numbers marked ``fit:`` can be changed in the program and are appended to it.

    Returns
    -------
    The program; None if there is a mistake.
    The mistakes in the order of the file: file, line, column, what was expected and what came.
    """
    checked, errors = check_model(root)
    problems = Problems()
    problems.found.extend(errors)
    program = None
    if checked is not None:
        with suppress(TooManyMistakesError), problems.collect():
            program = _Compiler(root, checked, problems, free).program()
    errors = sorted(problems.found, key=lambda error: error.place or ("", 0, 0))
    return (None if errors else program), errors


class _Compiler:
    """Compiles the entries of a file one by one; mistakes go to ``problems``."""

    def __init__(self, root: Node, checked: model.RuleFile, problems: Problems, free: list[FreeNumber] | None) -> None:
        self.root = root
        self.checked = checked
        self.problems = problems
        self.free = free
        # Other entries may name wrong ones, too.
        self.region_names = tuple(_keys(root.child("regions")))

    def program(self) -> Program:
        root, checked = self.root, self.checked
        scheme = self._scheme(root.child("scheme"))
        if len(self.region_names) > MAX_REGIONS:
            extra = self.region_names[MAX_REGIONS]
            problem = f"expected at most {MAX_REGIONS} regions, got {len(self.region_names)}; '{extra}' is one too many"
            raise root.child("regions").keys[extra].error(problem)
        names = Names(scheme.count, scheme.name, {}, scheme.names)
        parameters, names = self._parameters(names)
        regions = []
        for name, body in checked.regions.items():
            with self.problems.collect():
                node = root.child("regions")
                _check_name(name, node.keys[name], RESERVED)
                regions.append(self._region(name, body, node.child(name), names))
        attributes: dict[str, AttributeRule] = {}
        for name, attribute in checked.attributes.items():
            with self.problems.collect():
                attributes[name] = self._attribute(attribute, root.find(("attributes", name)))
        default = None
        if checked.default is not None:
            with self.problems.collect():
                default = self._attribute(checked.default, root.child("default"))
        order: tuple[int, ...] = ()
        if len(regions) == len(self.region_names):
            order = _drawing_order(regions, root.child("regions"))
        integer = checked.landmarks == "integer"
        mirror = tuple((one, other) for one, other in checked.mirror)
        return Program(scheme, integer, parameters, tuple(regions), order, attributes, default, mirror)

    def _scheme(self, node: Node) -> LandmarkScheme:
        if isinstance(node.value, dict):
            return scheme_from_node(node)
        try:
            return get_scheme(node.value)
        except DataError as error:
            raise node.error(str(error)) from None

    def _parameters(self, names: Names) -> tuple[dict[str, Expression], Names]:
        """Compile the parameters. Each may use those above it, wrong ones too, which have an error already."""
        node = self.root.child("parameters")
        _check_count("parameters", node)
        compiled: dict[str, Expression] = {}
        for name in _keys(node):
            if name in self.checked.parameters:
                with self.problems.collect():
                    _check_new_name(name, node.keys[name], names)
                    compiled[name] = self._parameter(name, self.checked.parameters[name], node.child(name), names)
            names = replace(names, kinds={**names.kinds, name: "number"})
        return compiled, names

    def _parameter(self, name: str, value: Any, node: Node, names: Names) -> Expression:
        if not isinstance(value, model.Parameter):
            return parse_arithmetic(value, node, names, "number")
        scalar = node.child("value")
        if value.fit is None:
            expression = parse_arithmetic(value.value, scalar, names, "number")
        else:
            expression = self._free_parameter(name, value, node, names)
        home = _HOME.get(value.unit)
        return expression if home is None else Quantity(expression, home)

    def _free_parameter(self, name: str, value: model.Parameter, node: Node, names: Names) -> Expression:
        assert value.fit is not None
        scalar, (low, high) = node.child("value"), value.fit
        if not low < high:
            raise node.child("fit").error(f"expected the least and the largest value, got {low} and {high}")
        if isinstance(value.value, str) or not low <= value.value <= high:
            raise scalar.error(f"expected a number from {low} to {high}, since it is marked fit:, got '{value.value}'")

        def make(number: float, offset: int, length: int) -> Expression:
            found = FreeNumber(number, scalar, offset, length, f"parameters.{name}", bounds=(low, high))
            if self.free is not None:
                self.free.append(found)
            return found

        return parse_arithmetic(value.value, scalar, names, "number", make)

    def _region(self, name: str, body: Any, node: Node, names: Names) -> Region:
        let: dict[str, Expression] = {}
        minus = within = None
        shapes, nodes = body, node
        if isinstance(body, model.RegionBody):
            let, names = _compile_let(body.let, node.child("let"), names)
            minus = _compile_region_set(body.minus, node.child("minus"), self.region_names)
            within = _compile_region_set(body.within, node.child("within"), self.region_names)
            shapes, nodes = body.shapes, node.child("shapes")
        compiler = ShapeCompiler(names, self.checked.space, f"regions.{name}", self.free, self.problems)
        if not isinstance(shapes, list):
            return Region(name, let, (compiler.shape(shapes, nodes),), minus, within)
        compiled = []
        for position, shape in enumerate(shapes):
            with self.problems.collect():
                compiled.append(compiler.shape(shape, nodes.child(position)))
        return Region(name, let, tuple(compiled), minus, within)

    def _attribute(self, attribute: Any, node: Node) -> AttributeRule:
        if isinstance(attribute, str):
            return AttributeRule(parse_regions(attribute, node, self.region_names), LABELS["present"])
        regions = parse_regions(attribute.regions, node.child("regions"), self.region_names)
        return AttributeRule(regions, LABELS[attribute.when])


def _keys(node: Node) -> list[str]:
    return list(node.value) if isinstance(node.value, dict) else []


def _check_count(what: str, node: Node) -> None:
    if len(_keys(node)) > MAX_NAMES:
        raise node.error(f"expected at most {MAX_NAMES} {what}, got {len(_keys(node)):,}")


def _check_name(name: str, node: Node, taken: Any) -> None:
    if not _IDENTIFIER.fullmatch(name):
        raise node.error(
            f"expected a name of letters, digits and _ that does not begin with a digit, got '{name[:40]}'"
        )
    if name in taken:
        raise node.error(f"'{name}' has a meaning of its own; choose another name")


def _check_new_name(name: str, node: Node, names: Names) -> None:
    _check_name(name, node, _TAKEN_NAMES)
    if re.fullmatch(r"[xy][0-9]+", name):
        raise node.error(f"'{name}' is a landmark's coordinate; choose another name")
    if name in names.kinds:
        raise node.error(f"'{name}' is defined already")


def _compile_let(
    values: Mapping[str, model.ExpressionText], node: Node, names: Names
) -> tuple[dict[str, Expression], Names]:
    """Compile the names of a region; each may use those above it."""
    _check_count("names", node)
    compiled: dict[str, Expression] = {}
    for name, value in values.items():
        _check_new_name(name, node.keys[name], names)
        compiled[name] = parse_arithmetic(value, node.child(name), names, "number")
        kinds: dict[str, Kind] = {**names.kinds, name: "number"}
        names = replace(names, kinds=kinds)
    return compiled, names


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


def _drawing_order(regions: list[Region], node: Node) -> tuple[int, ...]:
    """Sort the regions so that each comes after those that its ``minus`` and ``within`` name."""
    needs = [bits_of(region.minus) | bits_of(region.within) for region in regions]
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
