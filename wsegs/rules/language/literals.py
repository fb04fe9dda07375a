"""Write numbers back into the text of a rule file without changing any other character."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from wsegs.rules.language.free import FreeNumber

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")
_AFTER_OPERATOR = re.compile(r"(?<=[\w.)])(\s*)([-+])(\s*)$")


def decimals_for(unit: float) -> int:
    """Return how many decimals keep the rounding error of a number below a fiftieth of ``unit``.

    >>> decimals_for(0.1), decimals_for(30)
    (3, 0)
    """
    return max(0, math.ceil(-math.log10(unit / 25)))


def replace_numbers(text: str, values: Mapping[FreeNumber, tuple[float, int]]) -> str:
    """Return the text of a rule file with other numbers.

    Parameters
    ----------
    text
        The file that the numbers were read from.
    values
        Number -> its new value and how many decimals to write.

    Raises
    ------
    RuleError
        If the text does not have a number as it was read, as in quoted text of several lines.
    """
    lines = _LINE.findall(text)
    places: dict[tuple[int, int], tuple[FreeNumber, str]] = {}
    for number, (value, decimals) in values.items():
        # An alias reads one place several times: all of these have one value.
        places[number.node.line - 1, number.node.column - 1 + number.offset] = number, _written(value, decimals)
    for (row, start), (number, new) in sorted(places.items(), key=lambda place: place[0], reverse=True):
        line, end = lines[row] if row < len(lines) else "", start + number.length
        if line[start:end] != literal(number):
            raise number.node.error("expected the numbers that a fit may change on one line and without escapes")
        head, operator = line[:start], _AFTER_OPERATOR.search(line[:start])
        if operator is not None and new.startswith("-"):
            # "0.1 - -0.2 * turn" would be right, too, and hard to read.
            before, sign, after = operator.groups()
            head = head[: operator.start()] + before + ("+" if sign == "-" else "-") + after
            new = new[1:]
        lines[row] = head + new + line[end:]
    return "".join(lines)


def literal(number: FreeNumber) -> str:
    """Return the characters of a number in its file."""
    return (number.node.text or "")[number.offset : number.offset + number.length]


def _written(value: float, decimals: int) -> str:
    plain = f"{value:.{decimals}f}"
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return "0" if plain in ("-0", "") else plain
