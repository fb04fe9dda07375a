from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.svm import LinearSVC

from wsegs.errors import DataError, OptionError
from wsegs.heads.fit import fit_linear
from wsegs.heads.svm import fit_at, fit_svms

from .conftest import Data

PEOPLE = np.random.default_rng(2).integers(0, 60, 300)


@pytest.mark.parametrize("balance", ["none", "class"])
def test_arrays_decide_as_scikit_learn_does(data: Data, balance: Any) -> None:
    features, labels = data
    found = fit_svms(features, labels, PEOPLE, balance=balance)
    decisions = features @ found.fit.weight + found.fit.bias
    for a in range(4):
        known = labels[:, a] >= 0
        machine = LinearSVC(
            C=found.cost[a],
            dual=False,
            intercept_scaling=30,
            tol=1e-9,
            class_weight="balanced" if balance == "class" else None,
        ).fit(features[known], labels[known, a])
        own = machine.decision_function(features)
        np.testing.assert_allclose(decisions[:, a], own, atol=1e-3)
        clear = np.abs(own) > 1e-3
        np.testing.assert_array_equal((decisions[:, a] > 0)[clear], machine.predict(features)[clear] == 1)


@pytest.mark.parametrize("penalty", [0.03, 1.0])
def test_optimum_is_nearly_that_of_our_own_fit(data: Data, penalty: float) -> None:
    ours = fit_linear(*data, penalty=penalty, loss="hinge", tolerance=1e-10)
    theirs = fit_at(*data, penalty)
    np.testing.assert_allclose(theirs.weight, ours.weight, atol=5e-3)
    np.testing.assert_allclose(theirs.bias, ours.bias, atol=5e-3)
    assert theirs.converged.all()


def test_c_is_that_of_the_least_loss_on_people_held_out(data: Data) -> None:
    features, labels = data
    found = fit_svms(features, labels, PEOPLE, penalties=[0.01, 100.0, 0.3], folds=4, seed=3)
    assert found.folds == 4
    best = found.choice.penalties[found.choice.losses.argmin(axis=0)]
    np.testing.assert_allclose(found.cost, 1 / (best * (labels >= 0).sum(axis=0)))
    assert not np.isnan(found.choice.logits).any()
    again = fit_svms(features, labels, PEOPLE, penalties=[0.3, 100.0, 0.01], folds=4, seed=3)
    np.testing.assert_array_equal(again.fit.weight, found.fit.weight)


def test_attribute_of_one_kind_is_not_fitted(data: Data) -> None:
    labels = data[1].copy()
    labels[:, 1] = np.where(labels[:, 1] == 1, -1, labels[:, 1])
    found = fit_svms(data[0], labels, PEOPLE).fit
    assert found.fitted.tolist() == [True, False, True, True]
    assert not found.weight[:, 1].any()
    assert found.bias[1] < 0


def test_folds_are_no_more_than_people(data: Data) -> None:
    features, labels = (values[:40] for values in data)
    assert fit_svms(features, labels, np.arange(40) % 3, folds=5).folds == 3
    with pytest.raises(DataError, match=r"images of two people or more, got 1$"):
        fit_svms(features, labels, np.zeros(40, int))


def test_bad_input_is_told(data: Data) -> None:
    features, labels = data
    with pytest.raises(DataError, match="people: expected a number for each of 300 images"):
        fit_svms(features, labels, PEOPLE[:9])
    with pytest.raises(OptionError, match="penalty: expected"):
        fit_svms(features, labels, PEOPLE, penalties=[0.0])
    broken = features.copy()
    broken[3, 2] = np.nan
    with pytest.raises(DataError, match="got nan at row 3, feature 2"):
        fit_at(broken, labels, 1.0)


def test_a_fit_that_does_not_converge_says_so_in_its_arrays(data: Data) -> None:
    found = fit_at(*data, 1e-3, max_iterations=1)
    assert not found.converged.any()
    assert fit_at(*data, 1e-3).converged.all()
