from __future__ import annotations

import numpy as np
import pytest

from wsegs.evaluation.leaning.balance import balanced_accuracy, balanced_weights
from wsegs.evaluation.leaning.bootstrap import PeopleBootstrap, rightness


def test_each_attribute_is_present_on_half() -> None:
    labels = np.random.default_rng(0).choice([-1, 0, 1], (50, 6), p=[0.1, 0.7, 0.2])
    weights = balanced_weights(labels)
    for label in (0, 1):
        half = np.where(labels == label, weights, 0).sum(axis=0)
        np.testing.assert_allclose(half, (labels >= 0).sum(axis=0) / 2)


def test_an_attribute_that_nobody_or_everybody_has_cannot_be() -> None:
    weights = balanced_weights(np.array([[1, 0, -1], [1, 1, -1]]))
    assert np.isnan(weights[:, [0, 2]]).all()
    np.testing.assert_array_equal(weights[:, 1], 1)


def test_by_hand() -> None:
    labels = np.array([[1], [0], [0], [0]])
    right = rightness(np.array([[-1.0], [-1], [-1], [1]]), labels)  # wrong where it is present
    mean, (each,) = balanced_accuracy(right, balanced_weights(labels), PeopleBootstrap(np.arange(4)))
    assert mean[0] == each[0] == pytest.approx(1 / 3)
    plain, _ = balanced_accuracy(right, np.ones((4, 1)), PeopleBootstrap(np.arange(4)))
    assert plain[0] == 0.5


def test_half_present_already_is_plain_accuracy() -> None:
    rng = np.random.default_rng(1)
    labels = np.stack([rng.permutation([0, 1] * 10) for _ in range(3)], axis=1)
    right = rightness(rng.normal(size=(20, 3)), labels)
    people = PeopleBootstrap(rng.integers(0, 6, 20))
    np.testing.assert_allclose(balanced_accuracy(right, balanced_weights(labels), people)[0], people.accuracy(right))
