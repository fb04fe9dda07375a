"""Numbers that a fit may change: the values of parameters and the offsets of points that are marked ``fit:``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wsegs.io.yaml_source import Node
from wsegs.rules.language.expressions import Expression, Kind, Scope


@dataclass(eq=False)
class FreeNumber:
    """A number of a rule file that can be set after compilation. Compared by identity, not by value.

    Attributes
    ----------
    number
        Its value; set it and draw again.
    node
        The scalar of the file that it stands in.
    offset, length
        Its place in the scalar's text, in characters, with its sign.
    owner
        The region that it belongs to, as ``regions.eyes``, or the parameter, as ``parameters.width``.
    bounds
        Of a parameter: the least and the largest value.
    movement
        Of an offset: how far the point may move from where it was written, in the unit of ``space``.
    space
        Of an offset: the space in which it counts.
    """

    number: float
    node: Node
    offset: int
    length: int
    owner: str
    bounds: tuple[float, float] | None = None
    movement: float | None = None
    space: str = "face"
    kind: Kind = "number"

    def evaluate(self, scope: Scope) -> Any:
        """Return the present value."""
        return self.number


@dataclass(frozen=True)
class Quantity:
    """A parameter with a unit of length: computed in the space where the unit is at home, converted to any other."""

    value: Expression
    space: Any  # "image" for pixels, "face" for the inter-ocular distance
    kind: Kind = "number"

    def evaluate(self, scope: Any) -> Any:
        """Return the length in the unit of the scope."""
        return scope.length_from(self.space, self.value.evaluate(scope.within(self.space)))
