"""Paired differences of two runs on the same images, with intervals over their people."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wsegs.errors import DataError, OptionError
from wsegs.evaluation.comparison.predictions import METRICS, Predictions, read_predictions
from wsegs.evaluation.leaning.bootstrap import Estimate, PeopleBootstrap, Samples, estimate, mean_of, rightness
from wsegs.io.files import write_table

SCORES = ("accuracy", "average_precision", "balanced_accuracy")
MEAN = "mean"


@dataclass(frozen=True)
class ComparedScore:
    """One score of both runs, and the second's less the first's; its interval is that of the difference."""

    first: Estimate
    second: Estimate
    difference: Estimate

    @property
    def decided(self) -> str:
        """Which run the interval speaks for: ``first``, ``second``, or nobody."""
        if self.difference.low > 0:
            return "second"
        return "first" if self.difference.high < 0 else ""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two runs on one test set.

    Attributes
    ----------
    test_set
        Its name.
    images, people, over
        How many images both could read, how many people these are, and what samples are drawn of: people or faces.
    rows
        Attribute -> score -> both values; the mean over the attributes, :data:`MEAN`, comes first.
    """

    test_set: str
    images: int
    people: int
    over: str
    rows: dict[str, dict[str, ComparedScore]]


def compare_predictions(first: Predictions, second: Predictions) -> Comparison:
    """Compare two runs on the images and attributes that both have, joined by name.

    Raises
    ------
    DataError
        If they have no image or no attribute in common, or their labels differ.
    """
    where = f"{first.folder} and {second.folder}"
    row_of = {name: row for row, name in enumerate(second.images)}
    images = [name for name in first.images if name in row_of]
    names = [name for name in first.attribute_names if name in second.attribute_names]
    if not images or not names:
        raise DataError(f"{where}: have no {'image' if not images else 'attribute'} in common")
    own = {name: row for row, name in enumerate(first.images)}
    rows = np.array([own[name] for name in images]), np.array([row_of[name] for name in images])
    columns = tuple([run.attribute_names.index(name) for name in names] for run in (first, second))
    labels, others = (run.labels[r][:, c] for run, r, c in zip((first, second), rows, columns, strict=True))
    if (labels != others).any():
        at, attribute = np.argwhere(labels != others)[0]
        raise DataError(f"{where}: have different labels for {names[attribute]} of '{images[at]}'")
    margins = [run.margins[r][:, c] for run, r, c in zip((first, second), rows, columns, strict=True)]
    people = PeopleBootstrap(first.identity[rows[0]])
    right = [rightness(values, labels) for values in margins]
    samples: dict[str, dict[str, list[Samples]]] = {}
    for a, name in enumerate(names):
        samples[name] = {
            "accuracy": [people.means(values[:, a]) for values in right],
            "average_precision": [people.precision_of(values[:, a], labels[:, a]) for values in margins],
            "balanced_accuracy": [people.balanced_of(values[:, a], labels[:, a]) for values in right],
        }
    means = {score: [_mean([each[score][run] for each in samples.values()]) for run in (0, 1)] for score in SCORES}
    found = {
        name: {score: _compared(*each[score]) for score in SCORES} for name, each in {MEAN: means, **samples}.items()
    }
    return Comparison(first.test_set, len(images), people.count, people.over, found)


def _mean(parts: list[Samples]) -> Samples:
    return mean_of([samples for samples in parts if not np.isnan(samples[0])])


def _compared(first: Samples, second: Samples) -> ComparedScore:
    return ComparedScore(estimate(first), estimate(second), estimate(second - first))


def find_evaluations(first: Path, second: Path) -> list[tuple[Path, Path]]:
    """Return the evaluations that two runs share, by the names of their folders; or the two, if they are evaluations.

    Raises
    ------
    OptionError
        If they share none; the message says which each has.
    """
    if all((folder / METRICS).is_file() for folder in (first, second)):
        return [(first, second)]
    there = [{file.parent.name for file in folder.glob(f"evaluation-*/{METRICS}")} for folder in (first, second)]
    common = sorted(there[0] & there[1])
    if not common:
        has = "; ".join(
            f"{folder} has {', '.join(sorted(names)) or 'none'}"
            for folder, names in zip((first, second), there, strict=True)
        )
        raise OptionError(
            f"RUN RUN: expected evaluations of the same images in both ({has}); wsegs evaluate writes them"
        )
    return [(first / name, second / name) for name in common]


def compare_runs(first: Path, second: Path) -> list[Comparison]:
    """Compare two runs on every test set that both were evaluated on."""
    titles = (first.name, second.name) if first.name != second.name else (str(first), str(second))
    found = []
    for folders in find_evaluations(first, second):
        both = [read_predictions(folder, title) for folder, title in zip(folders, titles, strict=True)]
        found.append(compare_predictions(*both))
    return found


COLUMNS = ("test_set", "attribute", "score", "first", "second", "difference", "difference_low", "difference_high")


def write_comparisons(comparisons: list[Comparison], runs: tuple[str, str], folder: Path) -> dict[str, Any]:
    """Write ``differences.csv``, a row for each test set, attribute and score, and return the summary."""
    table: list[list[object]] = []
    summary: dict[str, Any] = {"first": runs[0], "second": runs[1], "test_sets": []}
    for comparison in comparisons:
        for name, scores in comparison.rows.items():
            for score, both in scores.items():
                values = (both.first.value, both.second.value, *both.difference)
                cells = ["" if np.isnan(value) else f"{value:.5f}" for value in values]
                table.append([comparison.test_set, name, score, *cells])
        counts = {"images": comparison.images, "people": comparison.people, "over": comparison.over}
        summary["test_sets"].append({"name": comparison.test_set, **counts, **_summary_of(comparison)})
    write_table(folder / "differences.csv", COLUMNS, table)
    return summary


def _summary_of(comparison: Comparison) -> dict[str, Any]:
    """Return means and, by score, how many attributes each run is better on, and on how many the interval says so."""
    found: dict[str, Any] = {}
    attributes = [scores for name, scores in comparison.rows.items() if name != MEAN]
    for score in SCORES:
        mean = comparison.rows[MEAN][score]
        compared = [scores[score] for scores in attributes if not np.isnan(scores[score].difference.value)]
        found[score] = {
            **{side: None if np.isnan(value := getattr(mean, side).value) else value for side in ("first", "second")},
            **mean.difference.as_fields("difference"),
            "attributes": len(compared),
            "second_better": sum(both.difference.value > 0 for both in compared),
            "first_better": sum(both.difference.value < 0 for both in compared),
            "decided_for_second": sum(both.decided == "second" for both in compared),
            "decided_for_first": sum(both.decided == "first" for both in compared),
        }
    return found
