from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from wsegs.errors import DataError
from wsegs.heads.linear import LinearHead
from wsegs.heads.standardise import Standardiser


def make_head(**changes: Any) -> LinearHead:
    parts: dict[str, Any] = {
        "names": ("Smiling", "Bald"),
        "weight": np.array([[1, 0], [2, 1], [0, -1]], np.float32),
        "bias": np.array([0.5, -1], np.float32),
        "standardiser": Standardiser(np.array([1, 0, 0], np.float32), np.array([2, 1, 1], np.float32), 8.0),
        "thresholds": np.array([0, -3], np.float32),
        "fitted": np.array([True, False]),
    }
    return LinearHead(**{**parts, **changes})


def test_logits_by_hand() -> None:
    head = make_head()
    logits = head.logits(np.array([[3, 1, 2], [1, 100, 0]], np.float16))
    np.testing.assert_allclose(logits, [[3.5, -2], [16.5, 7]])  # the second 100 is clipped to 8
    assert head.present(logits).all()
    assert head.present(np.array([[-1, -4]], np.float32)).tolist() == [[False, False]]
    assert head.skipped == ("Bald",)


def test_features_that_do_not_fit_are_told() -> None:
    with pytest.raises(DataError, match=r"features: expected an array \(N, 3\), got \(1, 2\)"):
        make_head().logits(np.zeros((1, 2), np.float32))
    with pytest.raises(DataError, match="features: expected finite numbers, got nan at row 4999, feature 1"):
        make_head().logits(np.array([[0, 0, 0]] * 4999 + [[0, np.nan, 0]], np.float32))


def test_parts_that_do_not_fit_are_told() -> None:
    with pytest.raises(DataError, match=r"linear head: bias: expected \(2,\), got \(3,\)"):
        make_head(bias=np.zeros(3, np.float32))
