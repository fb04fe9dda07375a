from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, log_loss

from wsegs.errors import DataError, OptionError
from wsegs.heads.choose import choose_penalty
from wsegs.heads.fit import fit_linear
from wsegs.heads.folds import hold_out, person_folds

from .conftest import Data

PENALTIES = (0.01, 100.0, 0.3)


@pytest.fixture
def folds() -> np.ndarray:
    return person_folds(np.random.default_rng(5).integers(0, 90, 300), 3)


@pytest.mark.parametrize("balance", ["none", "class"])
@pytest.mark.parametrize("loss", ["logistic", "hinge"])
def test_logits_are_those_of_fits_without_the_fold(data: Data, folds: np.ndarray, loss: Any, balance: Any) -> None:
    features, labels = data
    factors = np.random.default_rng(1).choice([1.0, 5.0], size=(12, 4))
    options: Any = {"loss": loss, "balance": balance, "factors": factors, "tolerance": 1e-9}
    choice = choose_penalty(features, labels, folds, penalties=PENALTIES, **options)
    assert choice.penalties.tolist() == [100, 0.3, 0.01]
    assert choice.converged.all()
    assert len(set(choice.penalty)) == 1
    starts = []
    for fold in range(3):
        others = folds != fold
        fit = fit_linear(features[others], labels[others], penalty=choice.penalty, **options)
        expected = features[~others] @ fit.weight + fit.bias
        np.testing.assert_allclose(choice.logits[~others], expected, atol=2e-3)
        starts.append(fit.weight)
    np.testing.assert_allclose(choice.start[0], np.mean(starts, axis=0), atol=1e-3)


def test_scores_are_those_of_scikit_learn(data: Data, folds: np.ndarray) -> None:
    features, labels = data
    choice = choose_penalty(features, labels, folds, penalties=PENALTIES, each=True)
    for a in range(4):
        known = labels[:, a] >= 0
        logits, true = choice.logits[known, a].astype(float), labels[known, a]
        loss, precision = log_loss(true, 1 / (1 + np.exp(-logits))), average_precision_score(true, logits)
        assert choice.losses[choice.chosen[a], a] == pytest.approx(loss, abs=1e-5)
        assert choice.losses[:, a].min() == pytest.approx(loss, abs=1e-5)
        assert choice.average_precisions[choice.chosen[a], a] == pytest.approx(precision, abs=1e-5)


def test_rows_are_held_out_once(data: Data) -> None:
    features, labels = data
    held = np.arange(300) >= 200
    choice = choose_penalty(features, labels, hold_out(held), penalties=PENALTIES, tolerance=1e-9)
    fit = fit_linear(features[~held], labels[~held], penalty=choice.penalty, tolerance=1e-9)
    np.testing.assert_allclose(choice.logits[held], features[held] @ fit.weight + fit.bias, atol=2e-3)
    assert np.isnan(choice.logits[~held]).all()
    np.testing.assert_allclose(choice.start[0], fit.weight, atol=1e-3)  # the fit itself
    np.testing.assert_allclose(choice.start[1], fit.bias, atol=1e-3)


@pytest.mark.parametrize("each", [False, True])
@pytest.mark.parametrize("criterion", ["log_loss", "average_precision"])
def test_the_best_is_taken(data: Data, folds: np.ndarray, criterion: Any, each: bool) -> None:
    choice = choose_penalty(*data, folds, penalties=PENALTIES, criterion=criterion, each=each)
    values = choice.losses if criterion == "log_loss" else -choice.average_precisions
    best = values.argmin(axis=0) if each else np.full(4, values.mean(axis=1).argmin())
    np.testing.assert_array_equal(choice.chosen, best)
    table = choice.table()
    assert [row["penalty"] for row in table] == choice.penalties.tolist()
    assert sum(row["attributes"] for row in table) == 4
    assert table[0]["loss"] == pytest.approx(choice.losses[0].mean())
    assert table[0]["average_precision"] == pytest.approx(choice.average_precisions[0].mean())


@pytest.mark.parametrize("each", [False, True])
def test_attributes_of_one_kind_follow_the_others(data: Data, folds: np.ndarray, each: bool) -> None:
    features, labels = data
    more = np.concatenate([labels, np.zeros_like(labels[:, :1])], axis=1)
    choice = choose_penalty(features, more, folds, penalties=PENALTIES, each=each)
    assert np.isnan(choice.losses[:, 4]).all()
    assert np.isnan(choice.average_precisions[:, 4]).all()
    assert (choice.logits[:, 4] < -4).all()
    assert choice.chosen[4] == np.nanmean(choice.losses, axis=1).argmin()


def test_an_attribute_that_is_in_one_fold_alone_has_scores(data: Data, folds: np.ndarray) -> None:
    features, labels = data
    labels = labels.copy()
    labels[:, 0] = 0
    labels[np.flatnonzero(folds == 1)[:5], 0] = 1
    choice = choose_penalty(features, labels, folds, penalties=PENALTIES)
    assert np.isfinite(choice.logits).all()
    assert np.isfinite(choice.losses).all()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"penalties": ()}, OptionError, "penalties: expected one or more, got none"),
        ({"penalties": (1, -1)}, OptionError, "penalty"),
        ({"criterion": "accuracy"}, OptionError, "criterion: expected log_loss or average_precision, got 'accuracy'"),
        ({"folds": np.full(300, -1)}, DataError, "folds: expected a number from 0 for some of 300 rows"),
        ({"folds": np.zeros(3, int)}, DataError, "folds"),
        ({"labels": np.ones((300, 2), np.int8)}, DataError, "labels: no attribute has present and absent ones"),
    ],
)
def test_bad_input_is_told(data: Data, folds: np.ndarray, change: Any, error: type[Exception], message: str) -> None:
    options: Any = {"features": data[0], "labels": data[1], "folds": folds, "penalties": PENALTIES}
    with pytest.raises(error, match=message):
        choose_penalty(**{**options, **change})
