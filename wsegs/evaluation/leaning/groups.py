"""Scores for groups of faces, such as women and men: the worst group, and how far it is behind the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wsegs.datasets.index import FaceDataset
from wsegs.errors import OptionError
from wsegs.evaluation.leaning.bootstrap import Estimate, PeopleBootstrap, Samples, estimate, mean_of, rightness
from wsegs.io.files import did_you_mean

SCORES = ("accuracy", "average_precision", "balanced_accuracy")


class Grouping(NamedTuple):
    """Faces divided by what is known of them.

    Attributes
    ----------
    by
        Name of the attribute or of the category.
    members
        bool (N,) by the name of a group; a face of which it is not known is in none.
    """

    by: str
    members: Mapping[str, NDArray[np.bool_]]


@dataclass(frozen=True)
class GroupScores:
    """Scores of one group.

    Attributes
    ----------
    by, group
        What the faces are divided by, and the name of this group.
    faces, people
        How many there are.
    scores
        Score -> mean over the attributes, but for that which the faces are divided by.
    attributes
        Attribute -> score -> its value in this group.
    """

    by: str
    group: str
    faces: int
    people: int
    scores: Mapping[str, Estimate]
    attributes: Mapping[str, Mapping[str, Estimate]]


@dataclass(frozen=True)
class Gap:
    """How far the worst group is behind the best, by one score; ``gap`` has its interval on the same samples."""

    by: str
    score: str
    best: str
    worst: str
    gap: Estimate


def find_groupings(dataset: FaceDataset, names: Sequence[str], rows: NDArray[np.intp]) -> list[Grouping]:
    """Divide some faces of a data set, by their ``rows``, by its attributes or categories.

    Raises
    ------
    OptionError
        If it has none of that name, or all of its faces are in one group.
    """
    faces = dataset.select(rows)
    return [_grouping(faces, name) for name in names]


def _grouping(dataset: FaceDataset, name: str) -> Grouping:
    if name in dataset.attribute_names:
        labels = dataset.attributes[:, dataset.attribute_names.index(name)]
        members = {name: labels == 1, f"not {name}": labels == 0}
    elif name in dataset.categories:
        category = dataset.categories[name]
        members = {group: category.codes == i for i, group in enumerate(category.names)}
    else:
        known = [*dataset.attribute_names, *dataset.categories]
        raise OptionError(
            f"--groups: {dataset.root} has no attribute or category '{name}'; it has {', '.join(known) or 'none'}"
            f"{did_you_mean(name, known)}"
        )
    there = {group: rows for group, rows in members.items() if rows.any()}
    if len(there) < 2:
        raise OptionError(
            f"--groups {name}: expected faces of two groups or more, got"
            f" {', '.join(f'{rows.sum()} of {group}' for group, rows in there.items()) or 'none whose label is known'}"
        )
    return Grouping(name, there)


def score_groups(
    grouping: Grouping,
    names: Sequence[str],
    logits: NDArray[np.floating],
    labels: NDArray[np.integer],
    people: PeopleBootstrap,
    identity: NDArray[np.integer],
) -> tuple[list[GroupScores], list[Gap]]:
    """Score each group of faces, and compare the worst with the best.

    Parameters
    ----------
    grouping
        Of the N faces.
    names
        A names of attributes.
    logits
        (N, A), less the thresholds.
    labels
        (N, A): 1, 0, or -1 for unknown.
    people, identity
        The bootstrap over the N faces, and who is on each.
    """
    kept = [a for a, name in enumerate(names) if name != grouping.by]
    right = rightness(logits, labels)
    found = []
    means: dict[str, dict[str, Samples]] = {}
    for group, rows in grouping.members.items():
        each = {names[a]: _scores(logits, labels, right, rows, a, people) for a in kept}
        if _count_people(identity[rows]) < 2:  # who are the same in each sample, which is no interval
            for scores in each.values():
                for samples in scores.values():
                    samples[1:] = np.nan
        means[group] = {score: _mean([samples[score] for samples in each.values()]) for score in SCORES}
        found.append(
            GroupScores(
                grouping.by,
                group,
                int(rows.sum()),
                _count_people(identity[rows]),
                {score: estimate(samples) for score, samples in means[group].items()},
                {
                    name: {score: estimate(samples) for score, samples in scores.items()}
                    for name, scores in each.items()
                },
            )
        )
    gaps = [gap for score in SCORES if (gap := _gap(grouping.by, score, means)) is not None]
    return found, gaps


def _scores(
    logits: NDArray[np.floating],
    labels: NDArray[np.integer],
    right: NDArray[np.float64],
    rows: NDArray[np.bool_],
    attribute: int,
    people: PeopleBootstrap,
) -> dict[str, Samples]:
    here = np.where(rows, labels[:, attribute], -1)
    correct = np.where(here >= 0, right[:, attribute], np.nan)
    return {
        "accuracy": people.means(correct),
        "average_precision": people.precision_of(logits[:, attribute], here),
        "balanced_accuracy": people.balanced_of(correct, here),
    }


def _mean(parts: Sequence[Samples]) -> Samples:
    """Return the mean over the attributes that the group itself defines; in samples, over those that they define."""
    return mean_of([samples for samples in parts if not np.isnan(samples[0])])


def _gap(by: str, score: str, means: Mapping[str, Mapping[str, Samples]]) -> Gap | None:
    defined = {group: scores[score] for group, scores in means.items() if not np.isnan(scores[score][0])}
    if len(defined) < 2:
        return None
    best = max(defined, key=lambda group: defined[group][0])
    worst = min(defined, key=lambda group: defined[group][0])
    return Gap(by, score, best, worst, estimate(defined[best] - defined[worst]))


def _count_people(identity: NDArray[np.integer]) -> int:
    return len(np.unique(identity[identity >= 0])) + int((identity < 0).sum())
