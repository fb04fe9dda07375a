"""Paired differences and their intervals."""

from __future__ import annotations

import numpy as np
import pytest

from wsegs.errors import RuleError
from wsegs.rules.tuning.compare import compare_scores
from wsegs.rules.tuning.score import RegionScores


def _scores(iou: np.ndarray, names: tuple[str, ...] = ("a", "b")) -> RegionScores:
    """Scores of given intersections over union, (N, R) in thousandths; nan where the region does not count."""
    common = np.rint(np.nan_to_num(iou) * 1000).astype(np.int64)
    human = np.where(np.isnan(iou), 0, 1000)
    return RegionScores(names, common, common, human, 10)


@pytest.fixture
def pair() -> tuple[RegionScores, RegionScores]:
    """Two sets of 300 faces and two regions: B better by 0.05 in the first, equal on average in the second."""
    generator = np.random.default_rng(3)
    a = generator.uniform(0.2, 0.8, (300, 2))
    a[::7, 1] = np.nan
    b = a + generator.normal([0.05, 0], 0.05, (300, 2))
    return _scores(a), _scores(b)


def test_the_interval_holds_the_true_difference_and_says_which_is_better(pair):
    (first, second), mean = compare_scores(*pair)
    assert first.low < 0.05 < first.high
    assert second.low < 0 < second.high
    assert mean.low < 0.025 < mean.high
    assert (first.better, second.better, mean.better) == ("B", None, "B")
    assert (first.images, second.images, mean.images) == (300, 257, 300)
    assert first.difference == pytest.approx(first.b - first.a)
    assert mean.a == pytest.approx((first.a + second.a) / 2)
    assert mean.difference == pytest.approx((first.difference + second.difference) / 2)


@pytest.mark.slow
def test_exchanging_a_and_b_negates_everything(pair):
    forth, back = compare_scores(*pair), compare_scores(*pair[::-1])
    for one, other in zip([*forth[0], forth[1]], [*back[0], back[1]], strict=True):
        assert (one.a, one.b) == (other.b, other.a)
        assert one.difference == pytest.approx(-other.difference)
        assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
        assert {one.better, other.better} in ({None}, {"A", "B"})


def test_the_interval_is_as_wide_as_theory_says():
    generator = np.random.default_rng(5)
    a = np.full((400, 1), 0.5)
    b = a + generator.normal(0, 0.1, (400, 1))
    (comparison,), mean = compare_scores(_scores(a, ("a",)), _scores(b, ("a",)))
    assert comparison.high - comparison.low == pytest.approx(2 * 1.96 * 0.1 / np.sqrt(400), rel=0.1)
    assert (mean.low, mean.high) == (comparison.low, comparison.high)  # of one region


@pytest.mark.slow
def test_pairing_is_what_makes_it_narrow(pair):
    generator = np.random.default_rng(1)
    shuffled = generator.permutation(300)
    b = RegionScores(
        pair[1].regions, *(array[shuffled] for array in (pair[1].common, pair[1].drawn, pair[1].human)), 10
    )
    (paired, _), _ = compare_scores(*pair)
    wide = compare_scores(_scores(pair[0].iou[:, :1], ("a",)), _scores(b.iou[:, :1], ("a",)))[1]
    assert wide.high - wide.low > 3 * (paired.high - paired.low)


def test_no_difference():
    same = _scores(np.random.default_rng(0).uniform(size=(20, 2)))
    comparisons, mean = compare_scores(same, same)
    for comparison in (*comparisons, mean):
        assert (comparison.difference, comparison.low, comparison.high, comparison.better) == (0, 0, 0, None)


def test_too_few_images():
    a = np.array([[0.5, np.nan, np.nan], [0.7, 0.5, np.nan]])
    (two, one, none), mean = compare_scores(_scores(a, ("a", "b", "c")), _scores(a + 0.1, ("a", "b", "c")))
    assert (two.images, two.low) == (2, pytest.approx(0.1))
    assert (one.images, one.difference, one.low, one.better) == (1, pytest.approx(0.1), None, None)
    assert (none.images, none.a, none.difference, none.better) == (0, None, None, None)
    assert (mean.images, mean.difference, mean.better) == (2, pytest.approx(0.1), None)
    ten = np.full((10, 1), 0.5)
    (enough,), _ = compare_scores(_scores(ten, ("a",)), _scores(ten + 0.1, ("a",)))
    assert (enough.images, enough.better) == (10, "B")


def test_regions_that_only_one_has_are_left_out():
    one = _scores(np.full((3, 2), 0.5), ("nose", "eyes"))
    other = _scores(np.full((3, 2), 0.6), ("eyes", "mouth"))
    assert [comparison.region for comparison in compare_scores(one, other)[0]] == ["eyes"]
    with pytest.raises(RuleError, match="no region in common: A has nose, eyes; B has ears"):
        compare_scores(one, _scores(np.full((3, 1), 0.5), ("ears",)))
    with pytest.raises(ValueError, match="got 3 and 4"):
        compare_scores(one, _scores(np.full((4, 2), 0.5), ("nose", "eyes")))
