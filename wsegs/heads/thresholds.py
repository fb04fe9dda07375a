"""Thresholds of logits from which on an attribute is called present."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wsegs.errors import DataError, OptionError
from wsegs.heads.checks import check_labels

Goal = Literal["accuracy", "balanced_accuracy"]


def choose_thresholds(
    logits: NDArray[np.float32], labels: NDArray[np.int8], goal: Goal, least_gain: float = 0.0
) -> NDArray[np.float32]:
    """Return the threshold of each attribute at which most labels are predicted right, (A,).

    A threshold lies halfway between two logits; of thresholds that are equally good, the one nearest to 0 is taken. It
    is 0 where 0 is as good, and where the known labels of an attribute are all alike.

    Parameters
    ----------
    logits
        float32 (N, A), of images that the fit has not seen; nan is left out.
    labels
        int8 (N, A).
    goal
        ``accuracy``, or ``balanced_accuracy``, the mean of those of present and of absent labels.
    least_gain
        A threshold other than 0 must put more than so many labels right. For balanced accuracy, a label of a kind that
        has n of all N labels counts as N / 2n.

    Raises
    ------
    DataError
        If shapes do not fit.
    OptionError
        If there is no such goal, or the gain is negative.

    Examples
    --------
    >>> logits = np.array([[-3], [-2], [-1], [4]], np.float32)
    >>> choose_thresholds(logits, np.array([[0], [1], [1], [1]], np.int8), "accuracy").tolist()
    [-2.5]
    """
    if logits.ndim != 2:
        raise DataError(f"logits: expected an array (N, A), got {logits.shape}")
    check_labels(labels, logits.shape)
    if goal not in ("accuracy", "balanced_accuracy"):
        raise OptionError(f"goal: expected accuracy or balanced_accuracy, got {goal!r}")
    if not least_gain >= 0:
        raise OptionError(f"least gain: expected 0 or more, got {least_gain}")
    result = np.zeros(labels.shape[1], np.float32)
    for a in range(labels.shape[1]):
        known = (labels[:, a] >= 0) & ~np.isnan(logits[:, a])
        result[a] = _threshold(logits[known, a].astype(np.float32), labels[known, a] == 1, goal, least_gain)
    return result


def _threshold(logits: NDArray[np.float32], present: NDArray[np.bool_], goal: Goal, least_gain: float) -> np.float32:
    positives, negatives = int(present.sum()), int((~present).sum())
    if not positives or not negatives:
        return np.float32(0)
    order = np.argsort(logits)
    logits, present = logits[order], present[order]
    # Cut c calls the first c logits absent, and the others present. Whole numbers, so that equals are equal.
    absent_right = np.concatenate([[0], np.cumsum(~present)])
    present_right = positives - np.concatenate([[0], np.cumsum(present)])
    balanced = goal == "balanced_accuracy"
    right = absent_right * positives + present_right * negatives if balanced else absent_right + present_right
    images = len(logits) / (2 * positives * negatives) if balanced else 1.0
    low, high = np.append(logits[0] - 1, logits), np.append(logits, logits[-1] + 1)
    cuts = np.flatnonzero(low < high)  # none lies between equal logits
    here = np.searchsorted(logits, 0)  # of the threshold 0
    if (right[cuts].max() - right[here]) * images <= least_gain:
        return np.float32(0)
    best = cuts[right[cuts] == right[cuts].max()]
    # A logit at the threshold is present, so halfway may be rounded up to the higher logit, but not down to the lower.
    middle = (low[best] / 2 + high[best] / 2).astype(np.float32)
    middle = np.where(middle > low[best], middle, high[best])
    return np.float32(middle[np.abs(middle).argmin()])
