"""What the predictions of an evaluation lean on, and the tables of it beside ``metrics.json``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsegs.datasets.index import SPLITS, FaceDataset
from wsegs.datasets.tables.columns import respelled
from wsegs.evaluation.leaning.balance import balanced_accuracy, balanced_weights
from wsegs.evaluation.leaning.bootstrap import Estimate, PeopleBootstrap, estimate, rightness
from wsegs.evaluation.leaning.groups import SCORES, Gap, GroupScores, find_groupings, score_groups
from wsegs.evaluation.leaning.reliance import Reliance, measure_reliance
from wsegs.evaluation.results import Evaluation
from wsegs.io.files import write_table

GROUPS, RELIANCE, BALANCED = "groups.csv", "reliance.csv", "balanced.csv"
_FEWEST = 100  # labelled training images, below which the measured ones say which attributes are related


@dataclass(frozen=True, eq=False)
class Leaning:
    """What predictions lean on.

    Attributes
    ----------
    people
        The bootstrap that all intervals come from.
    groups, gaps
        Of each grouping that was asked for.
    reliance
        On correlations; None of one attribute.
    related_in
        Whose labels said which attributes are related.
    balanced
        Accuracy if every attribute were present on half of the faces: its mean.
    balanced_attributes
        The same of each attribute.
    """

    people: PeopleBootstrap
    groups: tuple[GroupScores, ...]
    gaps: tuple[Gap, ...]
    reliance: Reliance | None
    related_in: str
    balanced: Estimate
    balanced_attributes: dict[str, Estimate]

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the tables that :func:`write_leaning` writes."""
        pairs = self.reliance is not None and self.reliance.pairs
        return (BALANCED, *((RELIANCE,) if pairs else ()), *((GROUPS,) if self.groups else ()))


def people_of(evaluation: Evaluation, dataset: FaceDataset) -> NDArray[np.int32]:
    """Return who is on each image of an evaluation, int32 (N,); -1 where that is not known."""
    return np.asarray(dataset.identity[_rows(evaluation, dataset)], np.int32)


def measure_leaning(evaluation: Evaluation, dataset: FaceDataset, groups: Sequence[str] = ()) -> Leaning:
    """Measure what the predictions of an evaluation lean on.

    Parameters
    ----------
    evaluation
        Of images of ``dataset``.
    dataset
        Knows who is on them, their attributes and categories.
    groups
        Names of attributes or categories that faces are divided by.

    Raises
    ------
    OptionError
        If there is no such attribute, or it divides nobody.
    """
    dataset = replace(dataset, attribute_names=respelled(dataset.attribute_names, evaluation.attribute_names))
    rows = _rows(evaluation, dataset)
    identity = dataset.identity[rows]
    people = PeopleBootstrap(identity)
    names, labels = evaluation.attribute_names, evaluation.labels.numpy()
    logits = evaluation.margins().numpy()
    right = rightness(logits, labels)
    found: list[GroupScores] = []
    gaps: list[Gap] = []
    for grouping in find_groupings(dataset, groups, rows):
        of_grouping, between = score_groups(grouping, names, logits, labels, people, identity)
        found += of_grouping
        gaps += between
    training = np.flatnonzero(dataset.split == SPLITS.index("train"))
    related_in = "training images" if len(training) >= _FEWEST else "measured images"
    columns = [dataset.attribute_names.index(name) for name in names]
    chosen = dataset.attributes[training][:, columns] if len(training) >= _FEWEST else labels
    reliance = measure_reliance(names, logits >= 0, labels, chosen, people) if len(names) > 1 else None
    balanced, each = balanced_accuracy(right, balanced_weights(labels), people)
    return Leaning(
        people,
        tuple(found),
        tuple(gaps),
        reliance,
        related_in,
        estimate(balanced),
        {name: estimate(samples) for name, samples in zip(names, each, strict=True)},
    )


def write_leaning(leaning: Leaning, folder: Path) -> dict[str, Any]:
    """Write the tables, and return what the summary says of them, by ``bootstrap``, ``groups``, ``reliance`` ..."""
    people = leaning.people
    summary: dict[str, Any] = {"bootstrap": {"over": people.over, "people": people.count, "samples": people.samples}}
    write_table(folder / BALANCED, ["attribute", *_fields("balanced")], _balanced_rows(leaning))
    summary["balanced"] = leaning.balanced.as_fields("accuracy")
    if leaning.reliance is not None and leaning.reliance.pairs:
        summary["reliance"] = _write_reliance(leaning.reliance, folder) | {"related_in": leaning.related_in}
    if leaning.groups:
        summary["groups"] = _write_groups(leaning, folder)
    return summary


def _balanced_rows(leaning: Leaning) -> list[list[object]]:
    return [[name, *map(_cell, value)] for name, value in leaning.balanced_attributes.items()]


def _write_reliance(reliance: Reliance, folder: Path) -> dict[str, Any]:
    titles = ["attribute", "other", "training", "labels", "predictions", *_fields("excess"), "rare_faces"]
    titles += [*_fields("rare_accuracy"), "common_faces", *_fields("common_accuracy")]
    rows = [
        [
            *(
                pair.attribute,
                pair.other,
                *map(_cell, (pair.training, pair.labels, pair.predictions)),
                *_cells(pair.excess),
            ),
            *(pair.rare_faces, *_cells(pair.rare), pair.common_faces, *_cells(pair.common)),
        ]
        for pair in reliance.pairs
    ]
    write_table(folder / RELIANCE, titles, rows)
    means = {"excess": reliance.excess, "rare_accuracy": reliance.rare, "common_accuracy": reliance.common}
    summary: dict[str, Any] = {"pairs": len(reliance.pairs)}
    for name, value in means.items():
        summary |= value.as_fields(name)
    return summary


def _write_groups(leaning: Leaning, folder: Path) -> dict[str, Any]:
    titles = ["by", "group", "faces", "people", "attribute", *(field for score in SCORES for field in _fields(score))]
    rows: list[list[object]] = []
    for scores in leaning.groups:
        for name, values in {"mean": scores.scores, **scores.attributes}.items():
            cells = [cell for score in SCORES for cell in _cells(values[score])]
            rows.append([scores.by, scores.group, scores.faces, scores.people, name, *cells])
    write_table(folder / GROUPS, titles, rows)
    found: dict[str, Any] = {}
    for scores in leaning.groups:
        fields: dict[str, Any] = {"group": scores.group, "faces": scores.faces, "people": scores.people}
        for name, value in scores.scores.items():
            fields |= value.as_fields(name)
        found.setdefault(scores.by, {"groups": [], "gaps": {}})["groups"].append(fields)
    for gap in leaning.gaps:
        found[gap.by]["gaps"][gap.score] = {"best": gap.best, "worst": gap.worst, **gap.gap.as_fields("gap")}
    return found


def _rows(evaluation: Evaluation, dataset: FaceDataset) -> NDArray[np.intp]:
    """Return the rows of a data set that the images of an evaluation are."""
    row_of = {name: row for row, name in enumerate(dataset.images)}
    return np.array([row_of[name] for name in evaluation.images], np.intp)


def _fields(name: str) -> tuple[str, str, str]:
    return name, f"{name}_low", f"{name}_high"


def _cells(value: Estimate) -> list[str]:
    return [_cell(number) for number in value]


def _cell(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.5f}"
