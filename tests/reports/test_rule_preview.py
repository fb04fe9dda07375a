"""The picture of a rule file shows the whole face."""

from __future__ import annotations

import numpy as np
import pytest

from wsegs.reports.rule_preview import _BORDER, _CLOSE, _FRAME, _framed, draw_rules
from wsegs.rules import load_rules
from wsegs.schemes import IBUG68


@pytest.mark.parametrize("frame", [_FRAME, _CLOSE])
@pytest.mark.parametrize("longer", [1.0, 1.3, 2.0])
def test_the_whole_chin_is_in_the_frame(frame, longer) -> None:
    face = np.array(IBUG68.average, np.float32)
    face[face[:, 1] > 0.8, 1] *= longer
    picture, points = _framed(frame, IBUG68, face * 90 + 200, None)
    assert picture.shape == (*frame.size, 3)
    assert points.min() >= _BORDER
    assert (points < np.array(frame.size[::-1]) - _BORDER).all()


def test_masks_are_drawn_as_the_labels_want_them() -> None:
    rules = load_rules("celeba")
    face = np.array(IBUG68.average) * 90 + 200
    plain = draw_rules(rules, face, None, "x")
    assert np.array_equal(plain, draw_rules(rules, face, None, "x", {"Other": 0}))
    assert not np.array_equal(plain, draw_rules(rules, face, None, "x", {"Smiling": 0}))
