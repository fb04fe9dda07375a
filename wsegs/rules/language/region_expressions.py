"""Boolean expressions over regions, of which attributes are made.

A pixel is one integer, bit r for region r, so an expression is bit arithmetic on that integer. It works on anything
that has ``&``, ``|``, ``~`` and ``!=``: numpy arrays, torch tensors, Python integers in an array.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from wsegs.io.files import did_you_mean
from wsegs.io.yaml_source import Node
from wsegs.rules.language.tokens import Token, TokenReader, shorten

RESERVED = ("all", "none")


class RegionExpression(Protocol):
    """A tree over region bits."""

    def evaluate(self, regions: Any) -> Any:
        """Return a Boolean array or tensor of the shape of the integer ``regions``."""


@dataclass(frozen=True)
class AnyOf:
    """True where at least one of some regions lies: a region name, a union, ``all`` or ``none``."""

    bits: int
    everything: bool = False  # written as ``all``

    def evaluate(self, regions: Any) -> Any:
        """Test the bits."""
        return (regions & mask_for(self.bits, regions)) != 0


@dataclass(frozen=True)
class Combined:
    """Two expressions joined by ``&``, ``|`` or ``-``."""

    operator: Literal["&", "|", "-"]
    left: RegionExpression
    right: RegionExpression

    def evaluate(self, regions: Any) -> Any:
        """Join both sides."""
        left, right = self.left.evaluate(regions), self.right.evaluate(regions)
        if self.operator == "&":
            return left & right
        if self.operator == "|":
            return left | right
        return left & ~right


def bits_of(expression: RegionExpression | None, *, by_name: bool = False) -> int:
    """Return the bits of all regions that an expression means, 0 of none; ``by_name`` leaves those of ``all`` out."""
    if isinstance(expression, Combined):
        return bits_of(expression.left, by_name=by_name) | bits_of(expression.right, by_name=by_name)
    if expression is None:
        return 0
    assert isinstance(expression, AnyOf)
    return 0 if by_name and expression.everything else expression.bits


def mask_for(bits: int, regions: Any) -> Any:
    """Return bits as what can be combined with region integers by ``&``."""
    if isinstance(regions, (np.ndarray, np.generic)):
        # A numpy integer of the same type: the array is not widened, and bit 63 fits.
        return np.array(bits & ((1 << (8 * regions.dtype.itemsize)) - 1), dtype=np.uint64).astype(regions.dtype)
    return bits - (1 << 64) if bits >> 63 else bits  # torch has only signed 64-bit integers


# As in Python: - binds tighter than &, & tighter than |.
_BINDING: dict[str, int] = {"|": 1, "&": 2, "-": 3}


def parse_regions(text: str, node: Node, region_names: Sequence[str]) -> RegionExpression:
    """Parse ``cheeks | (eyes & brows) - nose``.

    Raises
    ------
    RuleError
        With the column of the first wrong word; an unknown region comes with the nearest known name.
    """
    reader = TokenReader(text, node)
    expression = _parse(reader, {name: bit for bit, name in enumerate(region_names)}, 0)
    if reader.current.kind != "end":
        raise reader.error(f"expected |, & or -, got {reader.describe(reader.current)}")
    return expression


def _parse(reader: TokenReader, bits: dict[str, int], binding: int) -> RegionExpression:
    reader.descend()
    left = _parse_operand(reader, bits, reader.read())
    while reader.current.kind == "operator" and _BINDING.get(reader.current.text, 0) > binding:
        operator = reader.read().text
        right = _parse(reader, bits, _BINDING[operator])
        if operator == "|" and isinstance(left, AnyOf) and isinstance(right, AnyOf):
            left = AnyOf(left.bits | right.bits)  # most attributes are unions: one test instead of many
        else:
            left = Combined(operator, left, right)  # type: ignore[arg-type]
    reader.ascend()
    return left


def _parse_operand(reader: TokenReader, bits: dict[str, int], token: Token) -> RegionExpression:
    if token.kind == "operator" and token.text == "(":
        inner = _parse(reader, bits, 0)
        reader.expect(")")
        return inner
    if token.kind != "name":
        raise reader.error(f"expected a region or '(', got {reader.describe(token)}", token)
    if token.text == "all":
        return AnyOf((1 << len(bits)) - 1, everything=True)
    if token.text == "none":
        return AnyOf(0)
    if token.text not in bits:
        hint = did_you_mean(token.text, tuple(bits)) or f"; the regions are {shorten(', '.join(bits))}"
        raise reader.error(f"unknown region '{shorten(token.text)}'{hint}", token)
    return AnyOf(1 << bits[token.text])
