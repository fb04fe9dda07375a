# ruff: noqa: E501
"""Arithmetic: precedence, functions and conditions, on two faces at once."""

import numpy as np
import pytest

from wsegs.io.yaml_source import Node
from wsegs.rules.drawing.scope import Scope
from wsegs.rules.language.arithmetic import Names, parse_arithmetic

NAMES = Names(5, "celeba5", {"width": "number"})
# Landmark i of face f lies at (10 * f + i, 2 * i).
SCOPE = Scope(
    np.array([[i, 10 + i] for i in range(5)], float), np.array([[2 * i, 2 * i] for i in range(5)], float), {}, None, {"width": 7.0}
)  # fmt: skip

VALUES = {
    "1 + 2 * 3": [7, 7],
    "(1 + 2) * 3": [9, 9],
    "8 - 4 - 2": [2, 2],
    "16 / 4 / 2": [2, 2],
    "-2 * -3": [6, 6],
    "2 - -x1": [3, 13],
    "+x1": [1, 11],
    "x3 - x1": [2, 2],
    "x0 + y4": [8, 18],
    "width / 2": [3.5, 3.5],
    "1.5e1 + .5 + 2.": [17.5, 17.5],
    "min(x1, 5, 3)": [1, 3],
    "max(x1, 5)": [5, 11],
    "abs(0 - x1)": [1, 11],
    "trunc(0 - 1.7)": [-1, -1],
    "floor(0 - 1.2)": [-2, -2],
    "ceil(1.2)": [2, 2],
    "round(2.5) + round(3.5)": [6, 6],
    "sqrt(x4 * x4)": [4, 14],
    "if(x1 > 5, 1, 2)": [2, 1],
    "if(x0 == 0, 0, 1 / x0)": [0, 0.1],
    "distance(0, 3)": [np.hypot(3, 6)] * 2,
    "trunc(1.1 * y4) - y1": [6, 6],
}
CONDITIONS = {
    "x1 < 5": [True, False],
    "x1 <= 1 and y1 >= 2": [True, False],
    "x1 > 5 or x1 != 11": [True, True],
    "not x1 > 5": [True, False],
    "not x1 > 5 and x1 == 1": [True, False],
    "x0 > 5 or x0 < 1 and x1 > 100": [False, True],
}


@pytest.mark.parametrize("text", VALUES)
def test_number(text):
    expression = parse_arithmetic(text, Node("t", 1, 1, text), NAMES, "number")
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(np.broadcast_to(expression.evaluate(SCOPE), 2), VALUES[text])


@pytest.mark.parametrize("text", CONDITIONS)
def test_condition(text):
    expression = parse_arithmetic(text, Node("t", 1, 1, text), NAMES, "condition")
    np.testing.assert_array_equal(np.broadcast_to(expression.evaluate(SCOPE), 2), CONDITIONS[text])
