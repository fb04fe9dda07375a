"""Losses of a logit, with their derivatives, for labels that are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Array = NDArray[np.floating[Any]]


class Loss(NamedTuple):
    """A convex loss of a logit.

    Attributes
    ----------
    value
        Of logits and what is present (1 or 0), arrays of one shape and type.
    derivatives
        Of the same: the first and the second derivative by the logit.
    """

    value: Callable[[Array, Array], Array]
    derivatives: Callable[[Array, Array], tuple[Array, Array]]


def _logistic(logits: Array, present: Array) -> Array:
    return np.asarray(np.logaddexp(0, (1 - 2 * present) * logits))


def _logistic_derivatives(logits: Array, present: Array) -> tuple[Array, Array]:
    probability = expit(logits)
    return probability - present, probability * (1 - probability)


def _squared_hinge(logits: Array, present: Array) -> Array:
    return np.asarray(np.square(np.maximum(1 - (2 * present - 1) * logits, 0)))


def _squared_hinge_derivatives(logits: Array, present: Array) -> tuple[Array, Array]:
    sign = 2 * present - 1
    missing = np.maximum(1 - sign * logits, 0)
    return -2 * sign * missing, 2 * (missing > 0).astype(logits.dtype)


LOSSES = {
    "logistic": Loss(_logistic, _logistic_derivatives),
    "hinge": Loss(_squared_hinge, _squared_hinge_derivatives),
}
"""``logistic``: cross entropy with logits. ``hinge``: squared, max(0, 1 - z)^2 with z the logit or its negative."""
