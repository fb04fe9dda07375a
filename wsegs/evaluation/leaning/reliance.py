"""Reliance on correlation: whether a network says that attributes go together more than they do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wsegs.evaluation.leaning.bootstrap import Estimate, PeopleBootstrap, Samples, estimate, mean_of

PAIRS = 20


def correlations(present: NDArray[np.bool_], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the phi coefficients of every two attributes, (A, A), over the images where both are known.

    nan where one of the two does not vary there.

    >>> correlations(np.array([[1, 0], [1, 0], [0, 1]], bool), np.ones((3, 2), bool)).round(2).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    seen, one = known.astype(np.float64), (present & known).astype(np.float64)
    both, here, there = seen.T @ seen, one.T @ seen, seen.T @ one  # images, with the first, with the second
    with np.errstate(invalid="ignore", divide="ignore"):
        first, second = here / both, there / both
        spread = np.sqrt(first * (1 - first) * second * (1 - second))
        found = (one.T @ one / both - first * second) / spread
    return np.where(spread > 0, found, np.nan)


def related_pairs(labels: NDArray[np.integer], count: int = PAIRS) -> list[tuple[int, int]]:
    """Return the pairs of attributes that are related most, the strongest first.

    Parameters
    ----------
    labels
        (N, A): 1, 0, or -1 for unknown; of the training, which says what there was to learn.
    count
        At most so many. A pair without a correlation is none.
    """
    related = correlations(labels == 1, labels >= 0)
    one, other = np.triu_indices(len(related), 1)
    strength = np.abs(related[one, other])
    order = np.argsort(-np.nan_to_num(strength), kind="stable")[:count]
    return [(int(one[k]), int(other[k])) for k in order if strength[k] > 0]


def rare_side(labels: NDArray[np.integer], one: int, other: int, sign: float) -> NDArray[np.bool_]:
    """Return where the labels of a pair disagree with the sign of its correlation, bool (N,): lipstick, no makeup."""
    known = (labels[:, one] >= 0) & (labels[:, other] >= 0)
    alike = labels[:, one] == labels[:, other]
    disagree: NDArray[np.bool_] = known & (alike != (sign > 0))
    return disagree


def pair_accuracy(right: NDArray[np.floating], one: int, other: int, where: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the mean accuracy on both attributes of a pair, (N,), of ``right`` (N, A); nan but ``where`` it counts."""
    return np.where(where, right[:, [one, other]].mean(axis=1), np.nan)


@dataclass(frozen=True)
class RelatedPair:
    """What a network makes of two attributes that go together, or against each other.

    Attributes
    ----------
    attribute, other
        Their names.
    training, labels, predictions
        Their correlation: of the labels by which the pair was chosen, of the labels that are measured by, and of what
        the network says is present on the same images.
    excess
        By how much the predictions' is stronger than the labels', in the direction of the training's.
    rare_faces, common_faces
        How many images disagree with the correlation, and how many agree.
    rare, common
        Mean accuracy on both attributes there.
    """

    attribute: str
    other: str
    training: float
    labels: float
    predictions: float
    excess: Estimate
    rare_faces: int
    common_faces: int
    rare: Estimate
    common: Estimate


@dataclass(frozen=True)
class Reliance:
    """Reliance on the correlations of the most related pairs.

    Attributes
    ----------
    pairs
        The strongest first.
    excess, rare, common
        Means over the pairs; see :class:`RelatedPair`.
    """

    pairs: tuple[RelatedPair, ...]
    excess: Estimate
    rare: Estimate
    common: Estimate


def measure_reliance(
    names: tuple[str, ...],
    present: NDArray[np.bool_],
    labels: NDArray[np.integer],
    training: NDArray[np.integer],
    people: PeopleBootstrap,
    count: int = PAIRS,
) -> Reliance:
    """Measure a network on both sides of the pairs that are related most.

    Parameters
    ----------
    names
        A names.
    present
        bool (N, A): what the network says.
    labels
        (N, A): 1, 0, or -1 for unknown.
    training
        (M, A): labels by which pairs are chosen.
    people
        The bootstrap over the N images.
    count
        Of pairs.
    """
    related = correlations(training == 1, training >= 0)
    known = labels >= 0
    right = np.where(known, present == (labels == 1), np.nan)
    pairs = []
    excesses: list[Samples] = []
    rares: list[Samples] = []
    commons: list[Samples] = []
    for one, other in related_pairs(training, count):
        sign = related[one, other]
        both = known[:, one] & known[:, other]
        rare = rare_side(labels, one, other, sign)
        true = _phi(labels[:, one] == 1, labels[:, other] == 1, both, people)
        said = _phi(present[:, one], present[:, other], both, people)
        excesses.append(np.sign(sign) * (said - true))
        rares.append(people.means(pair_accuracy(right, one, other, rare)))
        commons.append(people.means(pair_accuracy(right, one, other, both & ~rare)))
        pairs.append(
            RelatedPair(
                names[one],
                names[other],
                float(sign),
                float(true[0]),
                float(said[0]),
                estimate(excesses[-1]),
                int(rare.sum()),
                int((both & ~rare).sum()),
                estimate(rares[-1]),
                estimate(commons[-1]),
            )
        )
    return Reliance(tuple(pairs), *(estimate(mean_of(parts)) for parts in (excesses, rares, commons)))


def _phi(
    one: NDArray[np.bool_], other: NDArray[np.bool_], known: NDArray[np.bool_], people: PeopleBootstrap
) -> Samples:
    """Return the correlation of two columns (N,) over the set and over each sample."""
    first, second, both = (people.means(np.where(known, values, np.nan)) for values in (one, other, one & other))
    spread = np.sqrt(np.clip(first * (1 - first) * second * (1 - second), 0, None))
    found = np.full(len(first), np.nan)
    np.divide(both - first * second, spread, out=found, where=spread > 1e-9)
    return found
