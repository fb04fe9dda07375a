"""Expression trees over landmarks, evaluated for a whole batch of faces at once.

:mod:`wsegs.rules.language.arithmetic` reads them from text, and Boolean expressions over region names are
:mod:`wsegs.rules.language.region_expressions`. Nothing reaches Python's ``eval``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

Kind = Literal["number", "condition"]
Array = Any  # float64 or bool, broadcastable to (N,)


class Scope(Protocol):
    """What an expression refers to: landmarks and named values of a batch of N faces."""

    x: np.ndarray  # (P, N) float64
    y: np.ndarray

    @property
    def interocular_distance(self) -> Array:
        """The distance between the eyes in the unit of the scope, broadcastable to (N,)."""

    def value(self, name: str) -> Array:
        """Return the value of a name, broadcastable to (N,)."""


class Expression(Protocol):
    """A parsed expression: ``kind`` says what it yields."""

    @property
    def kind(self) -> Kind:
        """A number or a condition."""

    def evaluate(self, scope: Scope) -> Array:
        """Return the value for every face."""


@dataclass(frozen=True)
class Number:
    """A constant."""

    number: float
    kind: Kind = "number"

    def evaluate(self, scope: Scope) -> Array:
        """Return the constant."""
        return self.number


@dataclass(frozen=True)
class Coordinate:
    """``x12`` or ``y12``."""

    axis: Literal["x", "y"]
    index: int
    kind: Kind = "number"

    def evaluate(self, scope: Scope) -> Array:
        """Return one coordinate of one landmark, (N,)."""
        return (scope.x if self.axis == "x" else scope.y)[self.index]


@dataclass(frozen=True)
class Name:
    """A parameter, or ``x`` and ``y`` of the current point."""

    name: str
    kind: Kind = "number"

    def evaluate(self, scope: Scope) -> Array:
        """Return the named value."""
        return scope.value(self.name)


@dataclass(frozen=True)
class Call:
    """A function or operator applied to its arguments."""

    function: str
    arguments: tuple[Expression, ...]
    kind: Kind

    def evaluate(self, scope: Scope) -> Array:
        """Apply the function to the arguments' values."""
        return FUNCTIONS[self.function].apply(*(argument.evaluate(scope) for argument in self.arguments))


@dataclass(frozen=True)
class Distance:
    """The distance between two landmarks."""

    one: int
    other: int
    kind: Kind = "number"

    def evaluate(self, scope: Scope) -> Array:
        """Return the distance in the unit of the scope, (N,)."""
        return np.hypot(scope.x[self.one] - scope.x[self.other], scope.y[self.one] - scope.y[self.other])


@dataclass(frozen=True)
class InterocularDistance:
    """``iod``: the distance between the eyes, in pixels in the image and 1 in the face's frame."""

    kind: Kind = "number"

    def evaluate(self, scope: Scope) -> Array:
        """Return the distance, (N,) or 1."""
        return scope.interocular_distance


@dataclass(frozen=True)
class Function:
    """A function or operator: what it does, to what, and what it yields."""

    apply: Callable[..., Array]
    arguments: tuple[Kind, ...]
    result: Kind
    variadic: bool = False  # the last kind may repeat


def _fold(function: Callable[[Array, Array], Array]) -> Callable[..., Array]:
    def apply(first: Array, *others: Array) -> Array:
        for other in others:
            first = function(first, other)
        return first

    return apply


_NUMBER: tuple[Kind, ...] = ("number",)
_NUMBERS: tuple[Kind, ...] = ("number", "number")
_CONDITIONS: tuple[Kind, ...] = ("condition", "condition")
FUNCTIONS: dict[str, Function] = {
    "+": Function(np.add, _NUMBERS, "number"),
    "-": Function(np.subtract, _NUMBERS, "number"),
    "*": Function(np.multiply, _NUMBERS, "number"),
    "/": Function(np.divide, _NUMBERS, "number"),
    "negative": Function(np.negative, _NUMBER, "number"),
    "<": Function(np.less, _NUMBERS, "condition"),
    "<=": Function(np.less_equal, _NUMBERS, "condition"),
    ">": Function(np.greater, _NUMBERS, "condition"),
    ">=": Function(np.greater_equal, _NUMBERS, "condition"),
    "==": Function(np.equal, _NUMBERS, "condition"),
    "!=": Function(np.not_equal, _NUMBERS, "condition"),
    "and": Function(np.logical_and, _CONDITIONS, "condition"),
    "or": Function(np.logical_or, _CONDITIONS, "condition"),
    "not": Function(np.logical_not, ("condition",), "condition"),
    "min": Function(_fold(np.minimum), _NUMBERS, "number", variadic=True),
    "max": Function(_fold(np.maximum), _NUMBERS, "number", variadic=True),
    "abs": Function(np.abs, _NUMBER, "number"),
    "trunc": Function(np.trunc, _NUMBER, "number"),
    "round": Function(np.rint, _NUMBER, "number"),
    "floor": Function(np.floor, _NUMBER, "number"),
    "ceil": Function(np.ceil, _NUMBER, "number"),
    "sqrt": Function(np.sqrt, _NUMBER, "number"),
    "if": Function(np.where, ("condition", "number", "number"), "number"),
}
INTEROCULAR_DISTANCE = "iod"
# Named functions of the language; `distance` takes landmarks and is read apart.
FUNCTION_NAMES = (*(name for name in FUNCTIONS if name.isalpha() and name != "negative"), "distance")
