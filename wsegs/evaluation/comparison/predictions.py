"""What an evaluation said of each image: ``scores.csv`` and ``labels.csv`` beside ``metrics.json``."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from wsegs.errors import DataError, MissingError
from wsegs.io.files import write_table

SCORES, LABELS, METRICS = "scores.csv", "labels.csv", "metrics.json"


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a run says of N images of a test set, and what is true.

    Attributes
    ----------
    folder
        Of the evaluation.
    run, test_set
        Names, for titles.
    images
        N names.
    attribute_names
        A names.
    margins
        float64 (N, A): logits less their thresholds; 0 and above says present.
    labels
        int8 (N, A): 1, 0, or -1 for unknown.
    identity
        int32 (N,), -1 for unknown.
    """

    folder: Path
    run: str
    test_set: str
    images: tuple[str, ...]
    attribute_names: tuple[str, ...]
    margins: NDArray[np.float64]
    labels: NDArray[np.int8]
    identity: NDArray[np.int32]


def write_labels(
    path: Path,
    images: Sequence[str],
    identity: Iterable[int],
    attribute_names: Sequence[str],
    labels: NDArray[np.integer],
) -> None:
    """Write a row for each image: its name, its person (blank if unknown), its labels (1, 0, blank if unknown)."""
    texts = np.array(["0", "1", ""])[labels]
    rows = (
        [name, "" if who < 0 else who, *row] for name, who, row in zip(images, identity, texts.tolist(), strict=True)
    )
    write_table(path, ["image", "identity", *attribute_names], rows)


def read_predictions(folder: Path, run: str) -> Predictions:
    """Read what an evaluation said of each image.

    Parameters
    ----------
    folder
        That ``wsegs evaluate`` wrote.
    run
        What to call the run.

    Raises
    ------
    MissingError
        If a file of it is not there: it is of an earlier version, or of a parser.
    DataError
        If the two tables are of different images or attributes, or a value is no number.
    """
    for name in (METRICS, SCORES, LABELS):
        if not (folder / name).is_file():
            raise MissingError(f"{folder / name}: no such file; wsegs evaluate {run} -o {folder} --force writes it")
    summary = json.loads((folder / METRICS).read_text(encoding="utf-8"))
    names, scores = _read_table(folder / SCORES)
    also, labels = _read_table(folder / LABELS)
    if also[1:2] != ["identity"] or names[1:] != also[2:] or [row[0] for row in scores] != [row[0] for row in labels]:
        raise DataError(f"{folder}: {SCORES} and {LABELS} are not of the same images and attributes")
    attributes = tuple(names[1:])
    probabilities = _numbers(folder / SCORES, [row[1:] for row in scores], len(attributes))
    true = _numbers(folder / LABELS, [[cell or "-1" for cell in row[1:]] for row in labels], len(attributes) + 1)
    thresholds = summary.get("thresholds") or {}
    with np.errstate(divide="ignore"):
        margins = logit(probabilities) - np.array([float(thresholds.get(name, 0)) for name in attributes])
    return Predictions(
        folder=folder,
        run=run,
        test_set=f"{summary.get('name', folder.name)}, {summary.get('split', '')}".strip(", "),
        images=tuple(row[0] for row in scores),
        attribute_names=attributes,
        margins=margins,
        labels=true[:, 1:].astype(np.int8),
        identity=true[:, 0].astype(np.int32),
    )


def _read_table(path: Path) -> tuple[list[str], list[list[str]]]:
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        first, *rows = csv.reader(file)
    return first, rows


def _numbers(path: Path, rows: list[list[str]], columns: int) -> NDArray[np.float64]:
    for line, row in enumerate(rows, start=2):
        if len(row) != columns:
            raise DataError(f"{path}:{line}: expected {columns + 1} columns, got {len(row) + 1}")
    try:
        return np.array(rows, np.float64).reshape(len(rows), columns)
    except ValueError as error:
        raise DataError(f"{path}: expected numbers in all columns but the first ({error})") from None
