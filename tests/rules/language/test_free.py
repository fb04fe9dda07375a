"""Numbers marked ``fit:`` can be set after compilation; everything else is as without."""

import numpy as np
import pytest

from wsegs.rules import compile_rules

TEXT = """version: 1
scheme: celeba5
space: face
parameters:
  wide: {value: 0.5, unit: iod, fit: [0.1, 0.9]}
  high: 0.25
regions:
  it:
    - box: [[-wide, 0], {points: [[0, 0]], offset: [+0.25, -1e-1 + 0.5 * high], fit: 0.1}]
    - box: [0, {points: 0, offset: ["1 / 4", 0], space: image, fit: 3}]
"""
FACE = np.array([[[10, 10], [30, 10], [20, 20], [15, 30], [25, 30]]], dtype=float)


@pytest.fixture
def compiled():
    free = []
    return compile_rules(TEXT, "t.yaml", free=free), free


def test_they_say_where_they_stand(compiled):
    _, free = compiled
    lines = TEXT.splitlines()
    written = []
    for number in free:
        column = number.node.column - 1 + number.offset
        written.append(lines[number.node.line - 1][column : column + number.length])
        assert float(written[-1]) == number.number
    assert written == ["0.5", "+0.25", "-1e-1", "0.5", "1", "4", "0"]
    assert [number.owner for number in free] == ["parameters.wide"] + ["regions.it"] * 6
    assert free[0].bounds == (0.1, 0.9)
    assert [(number.movement, number.space) for number in free[1:]] == [(0.1, "face")] * 3 + [(3, "image")] * 3


def test_setting_them_is_writing_them(compiled):
    rules, free = compiled
    for number, value in zip(free, (0.7, 0.4, 0.3, 1, 2, 1, 3), strict=True):
        number.number = value
    text = TEXT.replace("value: 0.5", "value: 0.7").replace("+0.25, -1e-1 + 0.5 *", "0.4, 0.3 + 1 *")
    written = compile_rules(text.replace('1 / 4", 0', '2 / 1", 3'), "t.yaml")
    got = rules.draw(FACE, (40, 40))
    np.testing.assert_array_equal(got, written.draw(FACE, (40, 40)))
    assert (got != compile_rules(TEXT, "t.yaml").draw(FACE, (40, 40))).any()


def test_rules_that_nobody_fits_are_the_same(compiled):
    rules, _ = compiled
    np.testing.assert_array_equal(rules.draw(FACE, (40, 40)), compile_rules(TEXT, "t.yaml").draw(FACE, (40, 40)))
