from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsegs.evaluation.leaning.bootstrap import PeopleBootstrap
from wsegs.evaluation.leaning.reliance import correlations, measure_reliance, rare_side, related_pairs

# Makeup and lipstick go together on six of eight faces; beards are apart from both.
LABELS = np.array(
    [[1, 1, 0], [1, 1, 0], [1, 1, 0], [0, 0, 1], [0, 0, 1], [0, 0, 0], [1, 0, 0], [0, 1, 0]],
)
NAMES = ("Makeup", "Lipstick", "Beard")


@given(st.integers(0, 2**31))
def test_correlations_are_numpys(seed: int) -> None:
    labels = np.random.default_rng(seed).integers(-1, 2, (15, 3))
    found = correlations(labels == 1, labels >= 0)
    for one in range(3):
        for other in range(3):
            known = (labels[:, [one, other]] >= 0).all(axis=1)
            pair = labels[known][:, [one, other]]
            if known.sum() < 2 or (pair.min(axis=0) == pair.max(axis=0)).any():
                assert np.isnan(found[one, other])
            else:
                assert found[one, other] == pytest.approx(np.corrcoef(pair.T)[0, 1])


def test_related_pairs_and_their_rare_sides() -> None:
    assert related_pairs(LABELS, 1) == [(0, 2)] or related_pairs(LABELS, 1) == [(1, 2)]
    assert sorted(related_pairs(LABELS)) == [(0, 1), (0, 2), (1, 2)]
    assert np.flatnonzero(rare_side(LABELS, 0, 1, 0.5)).tolist() == [6, 7]
    assert np.flatnonzero(rare_side(LABELS, 0, 2, -0.5)).tolist() == [5, 7]
    unknown = np.where(LABELS == 1, -1, LABELS)
    assert not rare_side(unknown, 0, 1, 0.5).any()


def test_an_attribute_that_does_not_vary_is_in_no_pair() -> None:
    assert related_pairs(np.array([[1, 0], [1, 1]])) == []


def test_a_network_that_says_lipstick_where_it_sees_makeup() -> None:
    present = LABELS[:, [0, 0, 2]].astype(bool)
    people = PeopleBootstrap(np.arange(8))
    found = measure_reliance(NAMES, present, LABELS, LABELS, people)
    (pair,) = [pair for pair in found.pairs if {pair.attribute, pair.other} == {"Makeup", "Lipstick"}]
    assert (pair.training, pair.labels, pair.predictions) == (0.5, 0.5, 1.0)
    assert pair.excess.value == pytest.approx(0.5)
    assert (pair.rare_faces, pair.common_faces) == (2, 6)
    assert (pair.rare.value, pair.common.value) == (0.5, 1.0)  # makeup right, lipstick wrong on both


def test_a_network_that_is_right_relies_on_nothing() -> None:
    found = measure_reliance(NAMES, LABELS == 1, LABELS, LABELS, PeopleBootstrap(np.arange(8)))
    assert found.excess == (0, 0, 0)
    assert (found.rare.value, found.common.value) == (1, 1)


def test_pairs_are_of_the_training_labels() -> None:
    training = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 1], [0, 1, 1]])
    found = measure_reliance(NAMES, LABELS == 1, LABELS, training, PeopleBootstrap(np.arange(8)), count=1)
    assert [(pair.attribute, pair.other, pair.training) for pair in found.pairs] == [("Makeup", "Lipstick", -1.0)]
    assert found.pairs[0].rare_faces == 6
