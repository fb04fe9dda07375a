"""A test set in which every attribute is half present, by weights: the idea of UMD-AED, without its faces.

Always to say what most faces are is right on most faces. UMD-AED has as many faces with each attribute as without, and
others for each attribute. Here the faces stay, and for each attribute the rarer label counts more.

There are no weights that balance all attributes on the same faces: four colours of hair exclude each other, so that
not each of them can be on half.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wsegs.evaluation.leaning.bootstrap import PeopleBootstrap, Samples, mean_of


def balanced_weights(labels: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the weights under which each attribute is present on half of the faces.

    Parameters
    ----------
    labels
        (N, A): 1, 0, or -1 for unknown.

    Returns
    -------
    float64 (N, A), of mean 1 over the known labels of an attribute; nan for an attribute of one kind of label.

    >>> balanced_weights(np.array([[1, 1], [0, 0], [0, 1], [0, 0]])).round(2).tolist()
    [[2.0, 1.0], [0.67, 1.0], [0.67, 1.0], [0.67, 1.0]]
    """
    present, absent = (labels == 1).sum(axis=0), (labels == 0).sum(axis=0)
    count = np.where(labels == 1, present, absent)
    weights = np.full(labels.shape, np.nan)
    varies = (present > 0) & (absent > 0)
    np.divide((present + absent) / 2, count, out=weights, where=varies & (labels >= 0))
    return np.where((labels < 0) & varies, 0.0, weights)


def balanced_accuracy(
    right: NDArray[np.floating], weights: NDArray[np.floating], people: PeopleBootstrap
) -> tuple[Samples, list[Samples]]:
    """Return the accuracy under weights, its mean over the attributes that have some, and that of each attribute.

    Weights of the test set itself: on it this is the mean of the accuracies on positives and on negatives, and with
    weights of 1 plain accuracy.

    Parameters
    ----------
    right
        (N, A): 1 where a label is predicted right, 0 where wrong, nan where it is unknown.
    weights
        (N, A), as :func:`balanced_weights` returns them.
    people
        The bootstrap over the N faces.
    """
    each = []
    for a in range(right.shape[1]):
        usable = ~np.isnan(weights[:, a])
        each.append(people.means(np.where(usable, right[:, a], np.nan), np.nan_to_num(weights[:, a])))
    return mean_of([samples for samples in each if not np.isnan(samples[0])]), each
