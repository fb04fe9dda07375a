"""A Pratt parser: text of an arithmetic expression or a condition to its tree."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from wsegs.io.files import did_you_mean
from wsegs.io.yaml_source import Node
from wsegs.rules.language.expressions import (
    FUNCTION_NAMES,
    FUNCTIONS,
    INTEROCULAR_DISTANCE,
    Call,
    Coordinate,
    Distance,
    Expression,
    InterocularDistance,
    Kind,
    Name,
    Number,
)
from wsegs.rules.language.tokens import Token, TokenReader, shorten

_WORD_OPERATORS = ("and", "or", "not")
_BINDING = {"or": 1, "and": 2, "<": 4, "<=": 4, ">": 4, ">=": 4, "==": 4, "!=": 4, "+": 5, "-": 5, "*": 6, "/": 6}
_NOT_BINDING, _NEGATIVE_BINDING = 3, 7


@dataclass(frozen=True)
class Names:
    """The names that an expression may use."""

    points: int  # landmarks of the scheme
    scheme: str
    kinds: dict[str, Kind]  # parameters, and x and y where there is a current point
    landmark_names: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # of the scheme: one or more points


# Makes the expression of a number; called with its value, its offset and its length in the text.
MakeNumber = Callable[[float, int, int], Expression]


def constant(number: float, offset: int, length: int) -> Expression:
    """Return a constant."""
    return Number(number)


def parse_arithmetic(
    value: str | int | float, node: Node, names: Names, expected: Kind, make_number: MakeNumber = constant
) -> Expression:
    """Parse an arithmetic expression or a condition.

    Parameters
    ----------
    value
        A number or the expression's text.
    node
        Where it stands.
    names
        The landmarks and parameters that it may use.
    expected
        Whether it must be a number or a condition.
    make_number
        Makes the expression of a number: a constant, unless a fit may change it.

    Raises
    ------
    RuleError
        With the column of the first wrong word.
    """
    if isinstance(value, (int, float)):
        value = repr(value) if node.text is None else node.text
    reader = TokenReader(value, node)
    start = reader.current
    expression = _Parser(reader, names, make_number).parse(0)
    if reader.current.kind != "end":
        raise reader.error(f"expected an operator, got {reader.describe(reader.current)}")
    _require(reader, expression, expected, start)
    return expression


def _require(reader: TokenReader, expression: Expression, expected: Kind, token: Token) -> None:
    if expression.kind != expected:
        example = " such as x0 < x17" if expected == "condition" else ""
        raise reader.error(f"expected a {expected}{example}, got a {expression.kind}", token)


class _Parser:
    """A Pratt parser over the words of one expression."""

    def __init__(self, reader: TokenReader, names: Names, make_number: MakeNumber) -> None:
        self.reader = reader
        self.names = names
        self.make_number = make_number

    def parse(self, binding: int) -> Expression:
        """Parse operators that bind tighter than ``binding``."""
        reader = self.reader
        reader.descend()
        start = reader.current
        left = self._prefix()
        while True:
            operator = reader.current
            strength = _BINDING.get(operator.text, 0) if operator.kind != "end" else 0
            if strength <= binding:
                break
            reader.read()
            function = FUNCTIONS[operator.text]
            after = reader.current
            right = self.parse(strength)
            _require(reader, left, function.arguments[0], start)
            _require(reader, right, function.arguments[1], after)
            left = Call(operator.text, (left, right), function.result)
        reader.ascend()
        return left

    def _prefix(self) -> Expression:
        reader = self.reader
        token = reader.read()
        if token.kind == "number":
            return self._number(token, token.offset, 1.0)
        if token.kind == "operator" and token.text == "(":
            inner = self.parse(0)
            reader.expect(")")
            return inner
        if token.kind == "operator" and token.text in "+-":
            sign = 1.0 if token.text == "+" else -1.0
            if reader.current.kind == "number":
                # The sign belongs to the number: nothing that binds tighter can follow.
                return self._number(reader.read(), token.offset, sign)
            after = reader.current
            operand = self.parse(_NEGATIVE_BINDING)
            _require(reader, operand, "number", after)
            return operand if sign > 0 else Call("negative", (operand,), "number")
        if token.kind == "name" and token.text == "not":
            after = reader.current
            operand = self.parse(_NOT_BINDING)
            _require(reader, operand, "condition", after)
            return Call("not", (operand,), "condition")
        if token.kind == "name" and token.text not in _WORD_OPERATORS:
            return self._name(token)
        raise reader.error(f"expected a number, a landmark such as x17 or a name, got {reader.describe(token)}", token)

    def _number(self, token: Token, start: int, sign: float) -> Expression:
        number = sign * float(token.text)
        if not math.isfinite(number):
            raise self.reader.error(f"expected a finite number, got '{shorten(token.text)}'", token)
        return self.make_number(number, start, token.offset + len(token.text) - start)

    def _name(self, token: Token) -> Expression:
        reader, names = self.reader, self.names
        if reader.current.kind == "operator" and reader.current.text == "(":
            return self._call(token)
        if token.text in names.kinds:
            return Name(token.text, names.kinds[token.text])
        if token.text == INTEROCULAR_DISTANCE:
            return InterocularDistance()
        if re.fullmatch(r"[xy][0-9]{1,9}", token.text):
            index = int(token.text[1:])
            if index >= names.points:
                raise reader.error(f"{names.scheme} has landmarks 0 to {names.points - 1}, got '{token.text}'", token)
            return Coordinate("x" if token.text[0] == "x" else "y", index)
        if token.text[:2] in ("x_", "y_") and token.text[2:] in names.landmark_names:
            return Coordinate("x" if token.text[0] == "x" else "y", self._one_landmark(token, token.text[2:]))
        known = (*names.kinds, *FUNCTION_NAMES, INTEROCULAR_DISTANCE)
        known += tuple(f"{axis}_{name}" for name in names.landmark_names for axis in "xy")
        hint = did_you_mean(token.text, known)
        if token.text in ("x", "y"):
            hint = "; x and y are the current point, which only the x: and y: of a point group have"
        elif token.text in FUNCTION_NAMES:
            hint = f"; a function takes parentheses: {token.text}(...)"
        raise reader.error(f"unknown name '{shorten(token.text)}'{hint}", token)

    def _one_landmark(self, token: Token, name: str) -> int:
        """Return the number of a landmark that the scheme names."""
        indices = self.names.landmark_names[name]
        if len(indices) != 1:
            raise self.reader.error(f"expected one landmark, '{name}' is {len(indices)}", token)
        return indices[0]

    def _call(self, token: Token) -> Expression:
        reader = self.reader
        if token.text not in FUNCTION_NAMES:
            hint = did_you_mean(token.text, FUNCTION_NAMES)
            raise reader.error(f"unknown function '{shorten(token.text)}'{hint}", token)
        reader.expect("(")
        if token.text == "distance":
            one = self._landmark()
            reader.expect(",")
            other = self._landmark()
            reader.expect(")")
            return Distance(one, other)
        function = FUNCTIONS[token.text]
        arguments: list[Expression] = []
        while True:
            start = reader.current
            argument = self.parse(0)
            expected = function.arguments[min(len(arguments), len(function.arguments) - 1)]
            _require(reader, argument, expected, start)
            arguments.append(argument)
            if not reader.accept(","):
                break
        reader.expect(")")
        wanted = len(function.arguments)
        if len(arguments) < wanted or (len(arguments) > wanted and not function.variadic):
            more = " or more" if function.variadic else ""
            raise reader.error(f"{token.text}() takes {wanted}{more} arguments, got {len(arguments)}", token)
        return Call(token.text, tuple(arguments), function.result)

    def _landmark(self) -> int:
        """Read a landmark by number or name."""
        reader, names = self.reader, self.names
        token = reader.read()
        if token.kind == "name" and token.text in names.landmark_names:
            return self._one_landmark(token, token.text)
        if token.kind == "number" and token.text.isdigit() and len(token.text) <= 9 and int(token.text) < names.points:
            return int(token.text)
        raise reader.error(
            f"distance() takes two landmark numbers from 0 to {names.points - 1}, got {reader.describe(token)}", token
        )
