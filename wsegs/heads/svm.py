"""Linear support vector machines, one an attribute, as scikit-learn fits them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wsegs.errors import DataError
from wsegs.heads.checks import check_finite, check_labels, check_matrix
from wsegs.heads.choose import Criterion, PenaltyChoice, choose_penalty
from wsegs.heads.fit import Balance, LinearFit, both_kinds, check_penalties, first_bias, label_costs
from wsegs.heads.folds import person_folds
from wsegs.io.extras import needs_extras

PENALTIES = (10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01)
"""What is tried by default. Of 2,000 images, C is between 5e-5 and 0.05."""

# liblinear penalises the bias like a weight of a feature with this value: 1 / 900 of a weight is none to speak of.
_BIAS_FEATURE = 30.0
_TOLERANCE = 1e-6  # its own default, 1e-4, moves decisions by hundredths where features outnumber images


@dataclass(frozen=True, eq=False)
class SvmFit:
    """Linear support vector machines, and how their C was chosen.

    Attributes
    ----------
    fit
        Weights (F, A) and biases (A,) of the decisions ``features @ weight + bias``; above 0 is present.
    choice
        The penalties that were tried, and the decisions about each image by machines that saw nobody like it.
    cost
        float64 (A,): scikit-learn's C of each attribute, 1 / (penalty * known labels).
    folds
        How many folds of people the choice was made by.
    """

    fit: LinearFit
    choice: PenaltyChoice
    cost: NDArray[np.float64]
    folds: int


def fit_svms(
    features: NDArray[np.float32],
    labels: NDArray[np.int8],
    people: NDArray[np.integer[Any]],
    *,
    penalties: Sequence[float] = PENALTIES,
    criterion: Criterion = "log_loss",
    each: bool = True,
    balance: Balance = "none",
    folds: int = 5,
    seed: int = 0,
) -> SvmFit:
    """Fit a support vector machine for each attribute, whose C is that which is best on people held out.

    C is chosen by :func:`wsegs.heads.choose.choose_penalty` with the squared hinge, all attributes and folds at once;
    scikit-learn then fits all images at that C. The arrays are all that is needed of it afterwards.

    Parameters
    ----------
    features
        float32 (N, F), standardised.
    labels
        int8 (N, A).
    people
        int (N,): who is on each image; -1 is unknown, a person of its own.
    penalties
        To try: C times the number of known labels is one by it. Of equals the strongest is taken.
    criterion, each, balance
        See :func:`wsegs.heads.choose.choose_penalty`. ``log_loss`` is the squared hinge here.
    folds
        Of people; no more than there are.
    seed
        Which people come together.

    Raises
    ------
    DataError
        If shapes do not fit, features are not finite, there are fewer than two people, or no attribute has both kinds
        of labels among those held out.
    OptionError
        If a penalty is not above 0.
    MissingPackageError
        If scikit-learn is not installed.
    """
    if people.shape != (len(features),):
        raise DataError(f"people: expected a number for each of {len(features)} images, got {people.shape}")
    count = len(np.unique(people[people >= 0])) + int((people < 0).sum())
    if count < 2:
        raise DataError(f"support vector machines: expected images of two people or more, got {count}")
    count = min(folds, count)
    choice = choose_penalty(
        features,
        labels,
        person_folds(people, count, seed),
        penalties=penalties,
        criterion=criterion,
        each=each,
        loss="hinge",
        balance=balance,
    )
    fit = fit_at(features, labels, choice.penalty, balance=balance)
    known = np.maximum((labels >= 0).sum(axis=0), 1)
    return SvmFit(fit, choice, 1 / (choice.penalty * known), count)


def fit_at(
    features: NDArray[np.float32],
    labels: NDArray[np.int8],
    penalty: ArrayLike,
    *,
    balance: Balance = "none",
    max_iterations: int = 1000,
) -> LinearFit:
    """Fit a support vector machine for each attribute at a given penalty.

    Parameters
    ----------
    features, labels, penalty, balance, max_iterations
        See :func:`wsegs.heads.fit.fit_linear`, whose optimum with the squared hinge this is, near enough: liblinear
        penalises the bias a little.

    Raises
    ------
    DataError, OptionError, MissingPackageError
        See :func:`fit_svms`.
    """
    with needs_extras("support vector machines"):
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.svm import LinearSVC
    check_matrix(features)
    check_labels(labels, (len(features), -1))
    check_finite(features)
    count = labels.shape[1]
    penalties, costs, fitted = check_penalties(penalty, count), label_costs(labels, balance), both_kinds(labels)
    weight, bias = np.zeros((features.shape[1], count), np.float32), first_bias(labels).astype(np.float32)
    converged, iterations = np.ones(count, bool), np.zeros(count, np.intp)
    for a in np.flatnonzero(fitted):
        known = labels[:, a] >= 0
        machine = LinearSVC(
            C=1 / penalties[a],
            dual=False,
            class_weight={0: costs[0, a], 1: costs[1, a]},
            intercept_scaling=_BIAS_FEATURE,
            max_iter=max_iterations,
            tol=_TOLERANCE,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            machine.fit(features if known.all() else features[known], labels[known, a])
        weight[:, a], bias[a] = machine.coef_[0], machine.intercept_[0]
        iterations[a] = machine.n_iter_
        converged[a] = machine.n_iter_ < max_iterations
    return LinearFit(weight, bias, fitted, converged, iterations)
