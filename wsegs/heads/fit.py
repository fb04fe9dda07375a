"""Fit linear heads of all attributes together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wsegs.errors import DataError, OptionError
from wsegs.heads.axes import PrincipalAxes
from wsegs.heads.checks import check_finite, check_labels, check_matrix
from wsegs.heads.losses import LOSSES
from wsegs.heads.minimise import Objective, minimise
from wsegs.tasks.attributes import class_weights

LossName = Literal["logistic", "hinge"]
Balance = Literal["none", "class"]


@dataclass(frozen=True, eq=False)
class LinearFit:
    """Fitted heads.

    Attributes
    ----------
    weight
        float32 (F, A).
    bias
        float32 (A,).
    fitted
        bool (A,): False for attributes whose known labels are all alike. Their weights are 0, and their bias is the
        logit of their rate, by Laplace's rule.
    converged
        bool (A,): False where the iterations were used up.
    iterations
        int (A,).
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    fitted: NDArray[np.bool_]
    converged: NDArray[np.bool_]
    iterations: NDArray[np.intp]


def fit_linear(
    features: NDArray[np.float32],
    labels: NDArray[np.int8],
    *,
    penalty: ArrayLike,
    loss: LossName = "logistic",
    factors: NDArray[np.floating] | None = None,
    balance: Balance = "none",
    start: tuple[NDArray[np.floating], NDArray[np.floating]] | None = None,
    axes: PrincipalAxes | None = None,
    tolerance: float = 1e-6,
    max_iterations: int = 200,
) -> LinearFit:
    """Fit a linear head for each attribute.

    An attribute's objective is the mean loss of its known labels, plus half the penalty times the sum of its squared
    weights, each multiplied by its factor. The bias is not penalised.

    Parameters
    ----------
    features
        float32 (N, F), standardised.
    labels
        int8 (N, A).
    penalty
        Above 0, one for all or (A,). Scikit-learn's C is 1 / (penalty * known labels).
    loss
        ``logistic``, or ``hinge``, which is squared.
    factors
        (F, A) above 0; None is 1.
    balance
        ``class``: present and absent labels count alike as a whole; see
        :func:`wsegs.tasks.attributes.class_weights`.
    start
        Weight (F, A) and bias (A,), such as the fit at the next larger penalty.
    axes
        Of the features, where they are known; they are measured otherwise.
    tolerance
        An attribute is done when its next step is expected to lower its objective by no more.
    max_iterations
        Of each attribute.

    Raises
    ------
    DataError
        If shapes do not fit, or features are not finite.
    OptionError
        If a penalty or a factor is not above 0.
    """
    _check(features, labels)
    if loss not in LOSSES:
        raise OptionError(f"loss: expected {' or '.join(LOSSES)}, got {loss!r}")
    size, count = features.shape[1], labels.shape[1]
    penalties = check_penalties(penalty, count)
    if factors is not None and (factors.shape != (size, count) or not (factors > 0).all()):
        raise OptionError(f"factors: expected numbers above 0 ({size}, {count}), got {factors.shape}")
    costs, fitted, place = label_costs(labels, balance), both_kinds(labels), np.zeros((size + 1, count))
    place[-1] = first_bias(labels)
    if start is not None:
        if start[0].shape != (size, count) or start[1].shape != (count,):
            raise DataError(f"start: expected ({size}, {count}) and ({count},), got {start[0].shape}, {start[1].shape}")
        place[:-1, fitted], place[-1, fitted] = start[0][:, fitted], start[1][fitted]
    steps, converged = np.zeros(count, np.intp), np.ones(count, bool)
    if fitted.any():
        some = np.ones((size, 1)) if factors is None else factors[:, fitted].astype(float)
        objective = Objective(
            features,
            labels if fitted.all() else np.compress(fitted, labels, axis=1),
            costs[:, fitted],
            np.broadcast_to(some * penalties[fitted], (size, int(fitted.sum()))),
            LOSSES[loss],
            place[:, fitted],
        )
        average = penalties[fitted] * np.exp(np.log(some).mean(axis=0))
        found = minimise(objective, axes or PrincipalAxes.measure(features), average, tolerance, max_iterations)
        place[:, fitted], steps[fitted], converged[fitted] = found.place, found.steps, found.converged
    return LinearFit(place[:-1].astype(np.float32), place[-1].astype(np.float32), fitted, converged, steps)


def check_penalties(penalty: ArrayLike, count: int) -> NDArray[np.float64]:
    """Return a penalty for each of ``count`` attributes; raise an OptionError unless they are finite and above 0."""
    penalties = np.asarray(penalty, float)
    if penalties.shape not in ((), (count,)) or not (np.isfinite(penalties) & (penalties > 0)).all():
        raise OptionError(f"penalty: expected one number above 0, or {count}, got {penalty!r}")
    return np.broadcast_to(penalties, (count,))


def label_costs(labels: NDArray[np.int8], balance: Balance) -> NDArray[np.float64]:
    """Return what an absent and a present label of each attribute count in a mean over the known ones, (2, A)."""
    if balance not in ("none", "class"):
        raise OptionError(f"balance: expected none or class, got {balance!r}")
    weights = class_weights(labels).numpy().astype(float) if balance == "class" else np.ones((2, labels.shape[1]))
    return np.asarray(weights / np.maximum((labels >= 0).sum(axis=0), 1))


def both_kinds(labels: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Return which attributes have present and absent labels, bool (A,)."""
    return np.asarray((labels == 1).any(axis=0) & (labels == 0).any(axis=0))


def first_bias(labels: NDArray[np.int8]) -> NDArray[np.float64]:
    """Return the logit of each attribute's rate, (A,), by Laplace's rule."""
    return np.asarray(np.log(((labels == 1).sum(axis=0) + 1) / ((labels == 0).sum(axis=0) + 1)))


def _check(features: NDArray[np.float32], labels: NDArray[np.int8]) -> None:
    check_matrix(features)
    if features.dtype != np.float32:
        raise DataError(f"features: expected float32, got {features.dtype}")
    check_labels(labels, (len(features), -1))
    check_finite(features)
