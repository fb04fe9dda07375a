"""Intervals by a bootstrap over people: several faces of one person are no independent witnesses."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

SAMPLES = 500
_BATCH = 100

Samples = NDArray[np.float64]
"""(S + 1,): a score of the test set itself, then of each sample of its people; nan where undefined."""


class Estimate(NamedTuple):
    """A score and its 95 % interval; nan where the images do not define it."""

    value: float
    low: float
    high: float

    def as_fields(self, name: str) -> dict[str, float | None]:
        """Return it as fields of a row: ``name``, ``name_low`` and ``name_high``; None for nan, which JSON lacks."""
        values = {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}
        return {key: None if np.isnan(value) else float(value) for key, value in values.items()}


def estimate(samples: Samples) -> Estimate:
    """Return a score with the 2.5th and 97.5th percentile of its samples.

    >>> [round(number, 3) for number in estimate(np.array([0.5, 0.4, 0.6]))]
    [0.5, 0.405, 0.595]
    """
    drawn = samples[1:][~np.isnan(samples[1:])]
    if np.isnan(samples[0]) or not len(drawn):
        return Estimate(float(samples[0]), np.nan, np.nan)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Estimate(float(samples[0]), float(low), float(high))


class PeopleBootstrap:
    """Samples of the people of a test set, the same for all that is measured on it, so that differences are paired.

    Parameters
    ----------
    identity
        int (N,): who is on each image; -1 is a person of its own.
    samples
        How many.
    seed
        Of the samples.

    Attributes
    ----------
    count
        Of people.
    over
        ``people``, or ``faces`` where nobody is known.
    samples
        S, how many.
    person
        (N,): which of the people is on each image.
    times
        float32 (S + 1, people): how often each person is in a sample. The first is the test set itself.
    """

    def __init__(self, identity: NDArray[np.integer], samples: int = SAMPLES, seed: int = 0) -> None:
        unknown = identity < 0
        numbers = np.where(unknown, identity.max(initial=0) + 1 + np.arange(len(identity)), identity)
        people, person = np.unique(numbers, return_inverse=True)
        rng = np.random.default_rng(seed)
        times = rng.multinomial(len(people), np.full(len(people), 1 / max(len(people), 1)), size=samples)
        self.count = len(people)
        self.over: Literal["people", "faces"] = "faces" if unknown.all() else "people"
        self.samples = samples
        self.person = person
        self.times = np.concatenate([np.ones((1, len(people)), np.float32), times.astype(np.float32)])

    @cached_property
    def weights(self) -> NDArray[np.float32]:
        """How often each image is in a sample, float32 (S + 1, N): as much memory as that takes."""
        return self.times[:, self.person]

    def means(self, values: NDArray[np.floating], weights: NDArray[np.floating] | None = None) -> Samples:
        """Return the mean of values (N,), nan left out, weighted by ``weights`` (N,) where these are given."""
        counted = (~np.isnan(values)).astype(np.float64)
        if weights is not None:
            counted *= weights
        # The faces of a person are in a sample together, so they are added up once.
        both = np.stack([counted * np.nan_to_num(values), counted], axis=1)
        of_people = np.stack([np.bincount(self.person, each, self.count) for each in both.T], axis=1)
        sums = np.concatenate([self.times[some] @ of_people for some in self._batches()])
        return _quotient(sums[:, 0], sums[:, 1])

    def _batches(self) -> Iterator[slice]:
        return (slice(first, first + _BATCH) for first in range(0, len(self.times), _BATCH))

    def accuracy(self, right: NDArray[np.floating], weights: NDArray[np.floating] | None = None) -> Samples:
        """Return the mean accuracy over the attributes, of ``right`` (N, A): 1, 0, or nan where a label is unknown."""
        return mean_of([self.means(right[:, a], weights) for a in range(right.shape[1])])

    def average_precision(self, logits: NDArray[np.floating], labels: NDArray[np.integer]) -> Samples:
        """Return the mean average precision over the attributes, each over the samples that define it.

        Parameters
        ----------
        logits
            (N, A).
        labels
            (N, A): 1, 0, or -1 for unknown.
        """
        return mean_of([self.precision_of(logits[:, a], labels[:, a]) for a in range(labels.shape[1])])

    def precision_of(self, logits: NDArray[np.floating], labels: NDArray[np.integer]) -> Samples:
        """Return the average precision of one attribute, of logits and labels (N,)."""
        known = np.flatnonzero(labels >= 0)
        order = known[np.argsort(-logits[known], kind="stable")]
        present = (labels[order] == 1).astype(np.float32)
        # Images of equal logits share one threshold: precision is taken at the last of them.
        ranked = logits[order]
        last = np.searchsorted(-ranked, -ranked, side="right") - 1
        found = np.full(len(self.times), np.nan)
        for some in self._batches():
            weights = self.times[some][:, self.person[order]]
            hits = weights * present
            precision = np.cumsum(hits, axis=1) / np.maximum(np.cumsum(weights, axis=1), 1)
            positives = hits.sum(axis=1)
            defined = (positives > 0) & (positives < weights.sum(axis=1))
            total = (hits * precision[:, last]).sum(axis=1)
            found[some] = np.where(defined, total / np.maximum(positives, 1), np.nan)
        return found

    def balanced_accuracy(self, right: NDArray[np.floating], labels: NDArray[np.integer]) -> Samples:
        """Return the mean balanced accuracy over the attributes, of ``right`` and ``labels`` (N, A)."""
        return mean_of([self.balanced_of(right[:, a], labels[:, a]) for a in range(labels.shape[1])])

    def balanced_of(self, right: NDArray[np.floating], labels: NDArray[np.integer]) -> Samples:
        """Return the mean of the accuracies on an attribute's positives and on its negatives, (N,) each."""
        sides = [self.means(np.where(labels == label, right, np.nan)) for label in (1, 0)]
        return np.asarray((sides[0] + sides[1]) / 2)


def rightness(logits: NDArray[np.floating], labels: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return 1 where a label (N, A) is predicted right, of logits at 0, 0 where wrong, nan where it is unknown.

    >>> rightness(np.array([[1.0, -1.0, 2.0]]), np.array([[1, 1, -1]])).tolist()
    [[1.0, 0.0, nan]]
    """
    return np.where(labels >= 0, (logits >= 0) == (labels == 1), np.nan)


def mean_of(parts: list[Samples]) -> Samples:
    """Return the mean over the parts of each sample that are defined in it; nan if none is."""
    if not parts:
        return np.full(SAMPLES + 1, np.nan)
    stacked = np.stack(parts)
    known = ~np.isnan(stacked)
    return _quotient(np.where(known, stacked, 0).sum(axis=0), known.sum(axis=0))


def _quotient(sums: NDArray[np.floating], counts: NDArray[np.generic]) -> Samples:
    found = np.full(len(sums), np.nan)
    np.divide(sums, counts, out=found, where=np.asarray(counts) > 0)
    return found
