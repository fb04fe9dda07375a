from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from wsegs.evaluation.leaning.bootstrap import PeopleBootstrap, estimate, mean_of, rightness
from wsegs.tasks.scores import score_attribute


def test_the_first_sample_is_the_set_itself() -> None:
    people = PeopleBootstrap(np.array([4, 4, 7, -1]))
    assert (people.count, people.over) == (3, "people")
    np.testing.assert_array_equal(people.weights[0], 1)
    np.testing.assert_array_equal(people.weights[:, 0], people.weights[:, 1])  # one person's faces come together
    np.testing.assert_array_equal(people.weights[:, [0, 2, 3]].sum(axis=1), 3)
    assert people.means(np.array([1.0, 0.0, 1.0, np.nan]))[0] == pytest.approx(2 / 3)


def test_without_identities_it_is_over_faces() -> None:
    people = PeopleBootstrap(np.full(5, -1))
    assert (people.count, people.over) == (5, "faces")


def test_an_interval_over_people_is_wider_than_one_over_their_faces() -> None:
    identity = np.repeat(np.arange(40), 5)
    right = np.repeat(np.random.default_rng(0).integers(0, 2, 40), 5).astype(float)  # all faces of a person are alike
    widths = []
    for who in (identity, np.full(200, -1)):
        value, low, high = estimate(PeopleBootstrap(who).means(right))
        assert low < value == right.mean() < high
        widths.append(high - low)
    assert widths[0] > 1.5 * widths[1]


@given(st.integers(0, 2**31), st.booleans())
def test_scores_of_the_set_are_those_of_the_evaluation(seed: int, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    logits, labels = rng.normal(size=12), rng.integers(-1, 2, 12)
    if ties:
        logits = logits.round()
    people = PeopleBootstrap(np.arange(12), samples=3)
    scores = score_attribute("Smiling", torch.from_numpy(logits).float(), torch.from_numpy(labels))
    right = rightness(logits[:, None], labels[:, None])
    found = (
        people.means(right[:, 0])[0],
        people.precision_of(logits, labels)[0],
        people.balanced_of(right[:, 0], labels)[0],
    )
    expected = (scores.accuracy, scores.average_precision, scores.balanced_accuracy)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_what_nothing_defines_is_nan() -> None:
    people = PeopleBootstrap(np.arange(3), samples=5)
    empty = people.means(np.full(3, np.nan))
    assert np.isnan(empty).all()
    assert np.isnan(estimate(empty)).all()
    assert estimate(empty).as_fields("gap") == {"gap": None, "gap_low": None, "gap_high": None}
    np.testing.assert_array_equal(mean_of([empty, np.ones(6)]), 1)
    assert np.isnan(people.precision_of(np.zeros(3), np.ones(3, int))).all()


def test_weights_of_one_change_nothing() -> None:
    people = PeopleBootstrap(np.arange(6), samples=20)
    values = np.array([1, 0, 1, np.nan, 0, 1])
    np.testing.assert_allclose(people.means(values, np.ones(6)), people.means(values))
    assert people.means(values, np.array([3.0, 1, 0, 9, 0, 0]))[0] == 0.75


@given(st.integers(0, 2**31))
def test_sums_by_person_are_those_over_images(seed: int) -> None:
    rng = np.random.default_rng(seed)
    people = PeopleBootstrap(rng.integers(-1, 4, 15), samples=6)
    values, weights = rng.choice([0, 1, 0.5, np.nan], 15), rng.random(15)
    known = ~np.isnan(values)
    drawn = people.weights[:, known] * weights[known]
    total = drawn.sum(axis=1)
    expected = np.where(total > 0, drawn @ values[known] / np.where(total > 0, total, 1), np.nan)
    np.testing.assert_allclose(people.means(values, weights), expected, rtol=1e-6)
