"""Results of an evaluation: logits and labels, scores, files."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wsegs.datasets.index import FaceDataset
from wsegs.errors import DataError, OptionError
from wsegs.heads.thresholds import choose_thresholds
from wsegs.io.files import atomic_write, write_table
from wsegs.tasks.relation import correlations
from wsegs.tasks.scores import ROW_FIELDS, AttributeScores, mean_scores, score_attributes, undefined_attributes

RELATIONS = "relations.csv"
"""The table of how attributes go together."""


@dataclass(frozen=True)
class Evaluation:
    """Logits of a network and the true labels.

    Attributes
    ----------
    images
        N names of images.
    attribute_names
        The A attributes that network and data set share.
    logits, labels
        float (N, A) and int8 (N, A): 1 present, 0 absent, -1 unknown.
    crops
        How many images were cropped in which way.
    unreadable
        What was left out, with the reason.
    only_run, only_data
        Attributes that only one side has.
    other
        Scores of the run's other tasks by task.
    regions
        How many images had their regions from where, of a run that reads drawn regions.
    thresholds
        float (A,): logits from which on an attribute is called present; None is 0.
    kinds, sources
        How each of the N was cropped, and where its regions came from; empty where that is not known.
    calibrated_on
        On how many images of the data set the thresholds were chosen, which are not among the N.
    """

    images: tuple[str, ...]
    attribute_names: tuple[str, ...]
    logits: Tensor
    labels: Tensor
    crops: dict[str, int]
    unreadable: tuple[str, ...]
    only_run: tuple[str, ...]
    only_data: tuple[str, ...]
    other: dict[str, dict[str, float]] = field(default_factory=dict)
    regions: dict[str, int] = field(default_factory=dict)
    thresholds: Tensor | None = None
    calibrated_on: int = 0
    kinds: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    def scores(self) -> list[AttributeScores]:
        """Return the scores of every attribute."""
        return score_attributes(self.attribute_names, self.margins(), self.labels)

    def margins(self) -> Tensor:
        """Return the logits less their thresholds, (N, A): 0 and above says present."""
        return self.logits if self.thresholds is None else self.logits - self.thresholds

    def relations(self) -> tuple[Tensor, Tensor]:
        """Return the correlations of the labels, and of the probabilities where labels are known, (A, A) each."""
        known = self.labels >= 0
        return correlations(self.labels.double(), known), correlations(self.logits.double().sigmoid(), known)


def average(evaluations: Sequence[Evaluation]) -> Evaluation:
    """Return what several networks say of the same images on average, such as SSP + SSG of Kalayeh et al.

    Probabilities are averaged; ``logits`` are those of the average.

    Raises
    ------
    DataError
        If they are of other images or attributes.
    """
    first = evaluations[0]
    for other in evaluations[1:]:
        if other.attribute_names != first.attribute_names:
            raise DataError("runs of different attributes cannot be averaged")
        if other.images != first.images:
            raise DataError("the runs could not read the same images, so they cannot be averaged")
    probabilities = torch.stack([evaluation.logits.double().sigmoid() for evaluation in evaluations]).mean(dim=0)
    return replace(first, logits=probabilities.logit(), thresholds=None)


def calibrated(evaluation: Evaluation, dataset: FaceDataset, count: int, seed: int = 0) -> Evaluation:
    """Return an evaluation with thresholds for accuracy, chosen on some images whose people are then left out.

    Parameters
    ----------
    evaluation
        Of images of ``dataset``.
    dataset
        Knows who is on them; an image of nobody known is a person of its own.
    count
        Of the images that thresholds are chosen on.
    seed
        Which these are.

    Raises
    ------
    OptionError
        If nobody would be left to measure.
    """
    people = dict(zip(dataset.images, dataset.identity.tolist(), strict=True))
    person = np.array([people[name] if people[name] >= 0 else -2 - i for i, name in enumerate(evaluation.images)])
    chosen = np.random.default_rng(seed).permutation(len(person))[:count]
    rest = np.flatnonzero(~np.isin(person, person[chosen]))
    if not len(rest):
        raise OptionError(f"--calibrate {count}: nobody of {len(person)} images would be left to measure")
    logits, labels = evaluation.logits.numpy(), evaluation.labels.numpy()
    thresholds = torch.from_numpy(choose_thresholds(logits[chosen], labels[chosen].astype(np.int8), "accuracy"))
    kinds, sources = (tuple(each[i] for i in rest) if each else () for each in (evaluation.kinds, evaluation.sources))
    return replace(
        evaluation,
        images=tuple(evaluation.images[i] for i in rest),
        kinds=kinds,
        sources=sources,
        crops=dict(Counter(kinds)) if kinds else evaluation.crops,
        regions=dict(Counter(sources)) if sources else evaluation.regions,
        logits=evaluation.logits[rest],
        labels=evaluation.labels[rest],
        thresholds=thresholds,
        calibrated_on=len(chosen),
    )


def write_evaluation(
    evaluation: Evaluation, folder: Path, about: dict[str, Any], more: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Write an evaluation into a folder and return its summary.

    ``metrics.csv``: a row for each attribute. ``metrics.json``: the summary. ``scores.csv``: the probability of every
    attribute on every image. ``relations.csv``, of two attributes or more: the correlation of every two of them, in the
    labels and in the probabilities.

    Parameters
    ----------
    about
        What else the summary should say: run, data set, split.
    more
        What it should say after the scores.
    """
    folder.mkdir(parents=True, exist_ok=True)
    scores = evaluation.scores()
    rows = [score.as_row() for score in scores]
    write_table(folder / "metrics.csv", ROW_FIELDS, ([row[name] for name in ROW_FIELDS] for row in rows))
    # Nine digits of the sigmoid in double precision: decisions and ranks are those of the logits yet.
    probabilities = zip(evaluation.images, evaluation.logits.double().sigmoid().tolist(), strict=True)
    texts = ([image, *(f"{value:.9g}" for value in values)] for image, values in probabilities)
    write_table(folder / "scores.csv", ["image", *evaluation.attribute_names], texts)
    relation = _write_relations(evaluation, folder) if len(evaluation.attribute_names) > 1 else {}
    summary = {
        **about,
        "output": str(folder),
        "images": len(evaluation.images),
        "crops": evaluation.crops,
        **({"regions": evaluation.regions} if evaluation.regions else {}),
        **_thresholds(evaluation),
        **({"calibrated_on": evaluation.calibrated_on} if evaluation.calibrated_on else {}),
        "unreadable": list(evaluation.unreadable),
        "attributes_only_in_run": list(evaluation.only_run),
        "attributes_only_in_data": list(evaluation.only_data),
        "undefined_average_precision": undefined_attributes(scores),
        "mean": _finite(mean_scores(scores)),
        "attributes": [_finite(row) for row in rows],
        **relation,
        **({"tasks": {name: _finite(values) for name, values in evaluation.other.items()}} if evaluation.other else {}),
        **(more or {}),
    }
    with atomic_write(folder / "metrics.json") as temporary:
        temporary.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return summary


def _thresholds(evaluation: Evaluation) -> dict[str, Any]:
    """Return the logits from which on attributes are called present, by name; nothing where all are 0."""
    if evaluation.thresholds is None or not evaluation.thresholds.any():
        return {}
    return {"thresholds": dict(zip(evaluation.attribute_names, evaluation.thresholds.tolist(), strict=True))}


def _write_relations(evaluation: Evaluation, folder: Path) -> dict[str, Any]:
    """Write ``relations.csv``, and return the mean difference of the two correlations for the summary."""
    true, learnt = evaluation.relations()
    names = evaluation.attribute_names
    pairs = [(one, other) for one in range(len(names)) for other in range(one + 1, len(names))]
    cells = [[*(_cell(matrix[pair].item()) for matrix in (true, learnt))] for pair in pairs]
    rows = [[names[one], names[other], *row] for (one, other), row in zip(pairs, cells, strict=True)]
    write_table(folder / RELATIONS, ["attribute", "other", "true", "learnt"], rows)
    apart = torch.stack([(true - learnt)[pair].abs() for pair in pairs])
    return _finite({"relation_distance": apart.nanmean().item()})


def _cell(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.5f}"


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with None for nan, which JSON does not know."""
    return {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in row.items()}
