"""How well each layer tells attributes, by linear heads on it (Liu, Luo, Wang & Tang, figure 9)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from wsegs.errors import DataError
from wsegs.evaluation.inside.layers import LayerResponses
from wsegs.heads.choose import choose_penalty
from wsegs.heads.folds import person_folds
from wsegs.heads.standardise import Standardiser
from wsegs.tasks.scores import score_attributes

_PENALTIES = (10.0, 1.0, 0.1)
_FOLDS = 5
_RARE = 5  # labels of a kind below which an attribute is not probed


@dataclass(frozen=True, eq=False)
class ProbedLayers:
    """Scores of linear heads on layers, by folds of people.

    Attributes
    ----------
    layers
        L names.
    attribute_names
        A names: those that have labels of both kinds.
    scores
        float (L, A): balanced accuracy.
    related
        float (A,): how much of an attribute is a matter of who somebody is, see :func:`share_of_person`; nan without
        people of several images.
    """

    layers: tuple[str, ...]
    attribute_names: tuple[str, ...]
    scores: NDArray[np.float64]
    related: NDArray[np.float64]

    @property
    def order(self) -> NDArray[np.intp]:
        """Attributes, those first that are most a matter of who somebody is."""
        return np.argsort(-np.nan_to_num(self.related, nan=-1.0), kind="stable")


def probe_layers(responses: LayerResponses, seed: int = 0) -> ProbedLayers | None:
    """Fit a linear head an attribute on each layer, and measure it on people whom it has not seen.

    Returns None where no attribute has enough labels, or there are not two people.
    """
    labels = responses.labels
    common = np.minimum((labels == 1).sum(axis=0), (labels == 0).sum(axis=0)) >= _RARE
    known = responses.identity
    people = len(np.unique(known[known >= 0])) + int((known < 0).sum())
    if not common.any() or people < 2:
        return None
    labels = labels[:, common]
    names = tuple(name for name, kept in zip(responses.attribute_names, common, strict=True) if kept)
    folds = person_folds(known, min(_FOLDS, people), seed)
    scores = []
    for values in responses.layers.values():
        features = Standardiser.measure(values).standardised(values)
        try:
            choice = choose_penalty(
                features, labels, folds, penalties=_PENALTIES, each=True, balance="class", tolerance=1e-4
            )
        except DataError:  # no fold has both kinds
            return None
        found = score_attributes(names, torch.from_numpy(choice.logits), torch.from_numpy(labels))
        scores.append([score.balanced_accuracy for score in found])
    return ProbedLayers(tuple(responses.layers), names, np.array(scores), share_of_person(labels, known))


def share_of_person(labels: NDArray[np.int8], identity: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return how much of each attribute's variance is between people and not between the images of one, (A,).

    1 is an attribute that never changes on a person, 0 one that says nothing of who it is.

    >>> labels = np.array([[1, 1], [1, 0], [0, 1], [0, 0]], np.int8)
    >>> share_of_person(labels, np.array([7, 7, 8, 8])).round(2).tolist()
    [1.0, 0.0]
    """
    found = np.full(labels.shape[1], np.nan)
    for a in range(labels.shape[1]):
        known = (labels[:, a] >= 0) & (identity >= 0)
        _, person, images = np.unique(identity[known], return_inverse=True, return_counts=True)
        several = images[person] > 1
        values, person = labels[known, a][several].astype(float), person[several]
        if not len(values) or np.ptp(values) == 0:
            continue
        sums, squares = np.bincount(person, values), np.bincount(person, values**2)
        count = np.bincount(person)
        there = count > 1
        within = (squares - sums**2 / np.maximum(count, 1))[there].sum() / (count[there] - 1).sum()
        found[a] = max(0.0, 1 - within / values.var(ddof=1))
    return found
