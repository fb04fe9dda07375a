from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsegs.errors import DataError, OptionError
from wsegs.heads.thresholds import choose_thresholds

GOALS = ("accuracy", "balanced_accuracy")
scores = st.one_of(st.sampled_from([-2.0, -0.5, 0.0, 0.25, 3.0]), st.floats(-5, 5, width=32))
images = st.lists(st.tuples(scores, st.sampled_from([-1, 0, 1])), min_size=1, max_size=25)


def right(logits: np.ndarray, labels: np.ndarray, threshold: float, goal: str) -> float:
    """Return how many of the labels, all known, are right."""
    good = (logits >= np.float32(threshold)) == (labels == 1)
    if goal == "accuracy":
        return float(good.sum())
    return float((good[labels == 1].mean() + good[labels == 0].mean()) / 2 * len(labels))


@given(images, st.sampled_from(GOALS))
def test_no_threshold_is_better(pairs: Any, goal: Any) -> None:
    logits, labels = np.array([p[0] for p in pairs], np.float32), np.array([p[1] for p in pairs], np.int8)
    found = choose_thresholds(logits[:, None], labels[:, None], goal)[0]
    known = labels >= 0
    if not (labels == 0).any() or not (labels == 1).any():
        assert found == 0
        return
    logits, labels = logits[known], labels[known]
    best = right(logits, labels, found, goal)
    for threshold in (*logits, -9.0, 9.0, 0.0):  # presence from each logit on, all, none
        assert right(logits, labels, threshold, goal) <= best + 1e-5
    if right(logits, labels, 0.0, goal) > best - 1e-5:
        assert found == 0


@given(images, st.sampled_from(GOALS), st.floats(0, 5))
def test_a_small_gain_moves_nothing(pairs: Any, goal: Any, least: float) -> None:
    logits, labels = np.array([[p[0]] for p in pairs], np.float32), np.array([[p[1]] for p in pairs], np.int8)
    freely, found = choose_thresholds(logits, labels, goal)[0], choose_thresholds(logits, labels, goal, least)[0]
    assert found in (0, freely)
    if freely:
        known = labels[:, 0] >= 0
        at_found, at_zero = (right(logits[known, 0], labels[known, 0], at, goal) for at in (freely, 0.0))
        gain = at_found - at_zero
        if abs(gain - least) > 1e-4:
            assert (found != 0) == (gain > least)


@pytest.mark.parametrize(
    ("logits", "labels", "expected"),
    [
        ([-3, -2, -1, 4], [0, 0, 1, 1], -1.5),
        ([1, 2, 3], [0, 0, 1], 2.5),
        ([1, 2], [1, 0], 0),  # all, none, or the first wrong: equal, and 0 says all
        ([-1, -2, -4], [0, 1, 1], -4.5),  # below all
        ([6, 5, 1], [0, 0, 1], 6.5),  # above all
        ([-6, -5, 5, 6], [1, 1, 0, 0], -6.5),  # 0 is the worst; all and none are equal
        ([-6, -3, -1, 2], [1, 0, 1, 1], -2),  # -6.5 is as good, and farther
        ([2, 2, 2], [0, 0, 1], 2.5),  # equal logits are not parted
        ([np.nan, 1, 2], [1, 0, 1], 1.5),
    ],
)
def test_accuracy_by_hand(logits: Any, labels: Any, expected: float) -> None:
    found = choose_thresholds(np.array(logits, np.float32)[:, None], np.array(labels, np.int8)[:, None], "accuracy")
    assert found.tolist() == [expected]


def test_the_goals_differ_where_labels_are_rare() -> None:
    logits, labels = np.arange(1, 101, dtype=np.float32)[:, None], np.zeros((100, 1), np.int8)
    labels[[88, 97], 0] = 1
    assert choose_thresholds(logits, labels, "accuracy").tolist() == [100.5]
    assert choose_thresholds(logits, labels, "balanced_accuracy").tolist() == [88.5]


def test_attributes_have_thresholds_of_their_own() -> None:
    logits = np.array([[1, -4], [2, -2], [3, 0]], np.float32)
    assert choose_thresholds(logits, np.array([[0, 0], [1, 1], [1, 1]], np.int8), "accuracy").tolist() == [1.5, -3]


def test_neighbours_in_float32_are_parted() -> None:
    low = np.float32(1)
    for _ in range(4):
        high = np.nextafter(low, np.float32(2))
        found = choose_thresholds(np.array([[low], [high]]), np.array([[0], [1]], np.int8), "accuracy")[0]
        assert low < found <= high
        low = high


def test_bad_input_is_told() -> None:
    logits, labels = np.zeros((2, 1), np.float32), np.zeros((2, 1), np.int8)
    with pytest.raises(OptionError, match="goal: expected accuracy or balanced_accuracy, got 'error'"):
        choose_thresholds(logits, labels, "error")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="least gain: expected 0 or more, got -1"):
        choose_thresholds(logits, labels, "accuracy", -1)
    with pytest.raises(DataError, match=r"labels: expected an array \(2, 1\), got \(1, 1\)"):
        choose_thresholds(logits, labels[:1], "accuracy")
    with pytest.raises(DataError, match="logits: expected an array"):
        choose_thresholds(logits[:, 0], labels, "accuracy")
