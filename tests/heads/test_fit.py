from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from wsegs.errors import DataError, OptionError
from wsegs.heads.fit import LinearFit, fit_linear, label_costs
from wsegs.heads.losses import LOSSES
from wsegs.heads.minimise import Objective

from .conftest import Data, make_data

EXACT: Any = {"tolerance": 1e-10, "max_iterations": 500}


def objective(place: np.ndarray, data: Data, penalty: Any, loss: str, factors: Any = 1.0, balance: Any = "none") -> Any:
    """Return the objective of each attribute at weights and bias (F + 1, A), as the docstring of fit_linear says it."""
    features, labels = data
    logits = features.astype(float) @ place[:-1] + place[-1]
    values = LOSSES[loss].value(logits, (labels == 1).astype(float))
    costs = np.where(labels == 1, label_costs(labels, balance)[1], label_costs(labels, balance)[0]) * (labels >= 0)
    return (values * costs).sum(axis=0) + (factors * penalty * place[:-1] ** 2).sum(axis=0) / 2


def place_of(fit: LinearFit) -> np.ndarray:
    return np.concatenate([fit.weight, fit.bias[None]]).astype(float)


@pytest.mark.parametrize("balance", ["none", "class"])
@pytest.mark.parametrize("penalty", [1e-3, 0.1, 10.0])
def test_logistic_is_that_of_scikit_learn(data: Data, penalty: float, balance: Any) -> None:
    features, labels = data
    fit = fit_linear(features, labels, penalty=penalty, balance=balance, **EXACT)
    assert fit.converged.all()
    for a in range(labels.shape[1]):
        known = labels[:, a] >= 0
        other = LogisticRegression(
            C=1 / (penalty * known.sum()),
            tol=1e-8,
            max_iter=5000,
            class_weight="balanced" if balance == "class" else None,
        ).fit(features[known].astype(float), labels[known, a])
        np.testing.assert_allclose(fit.weight[:, a], other.coef_[0], atol=1e-3)
        np.testing.assert_allclose(fit.bias[a], other.intercept_[0], atol=1e-3)


@pytest.mark.parametrize("balance", ["none", "class"])
@pytest.mark.parametrize("penalty", [1e-3, 0.1])
def test_hinge_is_that_of_scikit_learn(data: Data, penalty: float, balance: Any) -> None:
    features, labels = data
    fit = fit_linear(features, labels, penalty=penalty, loss="hinge", balance=balance, **EXACT)
    assert fit.converged.all()
    for a in range(labels.shape[1]):
        known = labels[:, a] >= 0
        other = LinearSVC(
            C=1 / (penalty * known.sum()),
            dual=False,
            tol=1e-9,
            max_iter=100_000,
            intercept_scaling=1000,  # it penalises the bias; so, next to nothing
            class_weight="balanced" if balance == "class" else None,
        ).fit(features[known].astype(float), labels[known, a])
        # Its C has no half, and its penalty has one.
        np.testing.assert_allclose(fit.weight[:, a], other.coef_[0], atol=1e-3)
        np.testing.assert_allclose(fit.bias[a], other.intercept_[0], atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("shift", [0.0, 5.0])
def test_minimum_is_that_of_scipy(data: Data, loss: Any, shift: float) -> None:
    features, labels = data[0] + np.float32(shift), data[1]
    factors = np.random.default_rng(1).choice([1.0, 3.0, 30.0], size=(12, 4))
    penalties = np.array([1e-3, 1e-2, 1e-1, 1.0])
    fit = fit_linear(features, labels, penalty=penalties, loss=loss, factors=factors, **EXACT)
    found = objective(place_of(fit), (features, labels), penalties, loss, factors)
    for a in range(4):
        only = (features, labels[:, a : a + 1])

        def value(place: np.ndarray, only: Any = only, a: int = a) -> float:
            return float(objective(place[:, None], only, penalties[a], loss, factors[:, a : a + 1])[0])

        least = minimize(value, np.zeros(13), method="BFGS", options={"gtol": 1e-7, "maxiter": 2000}).fun
        assert found[a] == pytest.approx(least, abs=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
def test_more_features_than_images(loss: Any) -> None:
    features, labels = make_data(40, 90)
    fit = fit_linear(features, labels, penalty=0.01, loss=loss, factors=np.tile([[1.0], [3.0]], (45, 4)), **EXACT)
    assert fit.converged.all()
    best = objective(place_of(fit), (features, labels), 0.01, loss, np.tile([[1.0], [3.0]], (45, 1)))
    rng = np.random.default_rng(0)
    for size in (1e-3, 1e-2, 1e-1):
        near = place_of(fit) + size * rng.normal(size=(91, 4))
        assert (objective(near, (features, labels), 0.01, loss, np.tile([[1.0], [3.0]], (45, 1))) > best).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_gradient_is_that_of_finite_differences(data: Data, loss: str) -> None:
    features, labels = data
    rng = np.random.default_rng(2)
    place, step = 0.3 * rng.normal(size=(13, 4)), 1e-5
    factors = rng.uniform(0.5, 5, size=(12, 4))
    at = Objective(features, labels, label_costs(labels, "class"), 0.1 * factors, LOSSES[loss], place)
    gradient = at.gradient()
    for row in range(13):
        moved = np.zeros((13, 1))
        moved[row] = step
        after, before = (objective(place + sign * moved, data, 0.1, loss, factors, "class") for sign in (1, -1))
        np.testing.assert_allclose(gradient[row], (after - before) / (2 * step), atol=2e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_factor_is_a_smaller_feature(data: Data, loss: Any) -> None:
    features, labels = data
    factors = np.random.default_rng(3).uniform(0.5, 20, size=12)
    fit = fit_linear(features, labels, penalty=0.05, loss=loss, factors=np.tile(factors[:, None], 4), **EXACT)
    smaller = (features / np.sqrt(factors)).astype(np.float32)
    other = fit_linear(smaller, labels, penalty=0.05, loss=loss, **EXACT)
    np.testing.assert_allclose(fit.weight, other.weight / np.sqrt(factors)[:, None], atol=1e-4)
    np.testing.assert_allclose(fit.bias, other.bias, atol=1e-4)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["logistic", "hinge"]), st.sampled_from(["none", "class"]))
def test_unknown_labels_change_nothing(seed: int, loss: Any, balance: Any) -> None:
    features, labels = make_data(60, 5, 3, seed=seed)
    together = fit_linear(features, labels, penalty=0.1, loss=loss, balance=balance, **EXACT)
    for a in range(3):
        known = labels[:, a] >= 0
        alone = fit_linear(features[known], labels[known, a : a + 1], penalty=0.1, loss=loss, balance=balance, **EXACT)
        np.testing.assert_allclose(together.weight[:, a], alone.weight[:, 0], atol=1e-3)
        np.testing.assert_allclose(together.bias[a], alone.bias[0], atol=1e-3)


def test_attributes_of_one_kind_are_not_fitted(data: Data) -> None:
    features, labels = data
    more = np.concatenate([labels, np.ones_like(labels[:, :1]), np.full_like(labels[:, :2], -1)], axis=1)
    more[:3, 4], more[0, 5] = -1, 0
    fit = fit_linear(features, more, penalty=0.1)
    assert fit.fitted.tolist() == [True] * 4 + [False] * 3
    assert fit.converged.all()
    assert not fit.weight[:, 4:].any()
    np.testing.assert_allclose(fit.bias[4:], [np.log(298), np.log(1 / 2), 0], rtol=1e-6)
    alone = fit_linear(features, labels, penalty=0.1)
    np.testing.assert_array_equal(fit.weight[:, :4], alone.weight)
    assert not fit_linear(features, more[:, 4:], penalty=0.1).fitted.any()


def test_a_start_near_the_minimum_saves_steps(data: Data) -> None:
    features, labels = data
    cold = fit_linear(features, labels, penalty=0.01, tolerance=1e-9)
    stronger = fit_linear(features, labels, penalty=0.012, tolerance=1e-9)
    warm = fit_linear(features, labels, penalty=0.01, start=(stronger.weight, stronger.bias), tolerance=1e-9)
    assert warm.iterations.sum() < cold.iterations.sum()
    np.testing.assert_allclose(warm.weight, cold.weight, atol=1e-3)
    again = fit_linear(features, labels, penalty=0.01, start=(cold.weight, cold.bias), tolerance=1e-8)
    assert not again.iterations.any()


def test_steps_that_are_used_up_are_told(data: Data) -> None:
    fit = fit_linear(*data, penalty=1e-4, max_iterations=1)
    assert not fit.converged.any()
    assert fit.iterations.tolist() == [1] * 4


def test_separable_labels_are_fitted() -> None:
    features = np.array([[-1.0], [1.0]], np.float32)
    fit = fit_linear(features, np.array([[0], [1]], np.int8), penalty=1e-6)
    assert fit.converged.all()
    assert fit.weight[0, 0] > 5


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_features_that_are_not_finite_are_refused(data: Data, bad: float) -> None:
    features = data[0].copy()
    features[17, 3] = bad
    with pytest.raises(DataError, match=rf"^features: expected finite numbers, got {bad} at row 17, feature 3$"):
        fit_linear(features, data[1], penalty=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"penalty": 0}, "penalty: expected one number above 0, or 4, got 0"),
        ({"penalty": np.nan}, "penalty"),
        ({"penalty": [1, 2]}, "penalty"),
        ({"factors": np.zeros((12, 4))}, "factors"),
        ({"factors": np.ones((12, 1))}, "factors"),
        ({"loss": "perceptron"}, "loss: expected logistic or hinge, got 'perceptron'"),
        ({"balance": "all"}, "balance: expected none or class, got 'all'"),
    ],
)
def test_options_that_do_not_fit_are_told(data: Data, change: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        fit_linear(*data, **{"penalty": 1, **change})


@pytest.mark.parametrize(
    ("features", "labels", "message"),
    [
        (np.zeros(3, np.float32), np.zeros((3, 1), np.int8), r"features: expected an array \(N, F\), got \(3,\)"),
        (np.zeros((3, 2)), np.zeros((3, 1), np.int8), "features: expected float32, got float64"),
        (
            np.zeros((3, 2), np.float32),
            np.zeros((2, 1), np.int8),
            r"labels: expected an array \(3, any\), got \(2,",
        ),
        (
            np.zeros((1, 2), np.float32),
            np.full((1, 1), 2, np.int8),
            "labels: expected 1, 0 or -1, got 2 at row 0, a",
        ),
    ],
)
def test_arrays_that_do_not_fit_are_told(features: Any, labels: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        fit_linear(features, labels, penalty=1)


def test_a_start_that_does_not_fit_is_told(data: Data) -> None:
    with pytest.raises(DataError, match="start: expected"):
        fit_linear(*data, penalty=1, start=(np.zeros((12, 3)), np.zeros(4)))
