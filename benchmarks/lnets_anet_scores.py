"""Decisions of runs about test faces, and their scores, for ``lnets_anet.py``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wsegs.datasets import open_dataset
from wsegs.evaluation.evaluate import evaluate
from wsegs.evaluation.leaning.bootstrap import PeopleBootstrap, rightness
from wsegs.evaluation.runs import load_run
from wsegs.landmarks.table import read_landmarks

SCORES = ("accuracy", "average precision", "balanced accuracy")


@dataclass(frozen=True, eq=False)
class Decisions:
    """What a run decides about faces: N images, A attributes; above 0 is present.

    Attributes
    ----------
    logits, labels
        float32 and int8 (N, A).
    identity, test
        (N,): who is on each image, and whether it is of the test split.
    """

    logits: NDArray[np.float32]
    labels: NDArray[np.int8]
    identity: NDArray[np.int32]
    test: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.logits)

    def test_half(self) -> Decisions:
        """Return those about images of the test split."""
        kept = self.test
        return replace(
            self, logits=self.logits[kept], labels=self.labels[kept], identity=self.identity[kept], test=kept[kept]
        )


def saved_decisions(run: Path, data: Path, split: str, cache: Path, landmarks: Path | None = None) -> Decisions:
    """Return what a run decides about a split, from the cache where it is there."""
    file = cache / f"{run.name}-{data.name}-{split}.npz"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        found = _decide(run, data, split, landmarks)
        temporary = file.with_name(f".{file.name}")
        np.savez(temporary, **vars(found))
        temporary.rename(file)
    with np.load(file) as stored:
        return Decisions(**{name: stored[name] for name in ("logits", "labels", "identity", "test")})


def _decide(run: Path, data: Path, split: str, landmarks: Path | None) -> Decisions:
    loaded, dataset = load_run(run), open_dataset(data)
    table = None if landmarks is None else read_landmarks(landmarks)
    evaluation = evaluate(loaded, dataset, split, landmarks=table)
    logits = evaluation.logits if evaluation.thresholds is None else evaluation.logits - evaluation.thresholds
    row = {name: number for number, name in enumerate(dataset.images)}
    rows = np.array([row[name] for name in evaluation.images])
    return Decisions(
        logits.numpy().astype(np.float32),
        evaluation.labels.numpy().astype(np.int8),
        dataset.identity[rows],
        dataset.split[rows] == 2,
    )


def measured(seeds: Sequence[Decisions], people: PeopleBootstrap) -> dict[str, NDArray[np.float64]]:
    """Return the scores of a method, the mean of its seeds: of the faces, then of each sample of people."""
    found = {score: [_score(score, each, people) for each in seeds] for score in SCORES}
    return {score: np.asarray(np.mean(samples, axis=0)) for score, samples in found.items()}


def compared(
    ours: Sequence[Decisions], theirs: Sequence[Decisions], people: PeopleBootstrap, score: str
) -> NDArray[np.float64]:
    """Return how much better one method is than another, on the same samples of people."""
    one, other = (np.mean([_score(score, each, people) for each in seeds], axis=0) for seeds in (ours, theirs))
    return np.asarray(one - other)


def _score(score: str, found: Decisions, people: PeopleBootstrap) -> NDArray[np.float64]:
    if score == "accuracy":
        return people.accuracy(rightness(found.logits, found.labels))
    if score == "average precision":
        return people.average_precision(found.logits, found.labels)
    return balanced_accuracy(found, people)


def balanced_accuracy(found: Decisions, people: PeopleBootstrap) -> NDArray[np.float64]:
    """Return the mean balanced accuracy over the attributes, each over the samples that define it."""
    total, defined = np.zeros(len(people.weights)), np.zeros(len(people.weights))
    for a in range(found.labels.shape[1]):
        said, label = found.logits[:, a] >= 0, found.labels[:, a]
        rates = []
        for value in (0, 1):
            kind = label == value
            count = people.weights[:, kind].sum(axis=1)
            right = people.weights[:, kind] @ (said[kind] == bool(value)).astype(np.float32)
            rates.append(np.divide(right, count, out=np.full(len(count), np.nan), where=count > 0))
        values = (rates[0] + rates[1]) / 2
        here = ~np.isnan(values)
        total += np.where(here, values, 0)
        defined += here
    return np.asarray(total / np.maximum(defined, 1))
