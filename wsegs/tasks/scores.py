"""Scores of attribute recognition, per attribute and on average."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.classification import MulticlassConfusionMatrix
from torchmetrics.functional.classification import binary_average_precision
from torchmetrics.utilities import dim_zero_cat

from wsegs.nets import IGNORE_INDEX

METRICS = ("accuracy", "error", "average_precision", "balanced_accuracy", "majority_rate")


@dataclass(frozen=True)
class AttributeScores:
    """The scores of one attribute, shares between 0 and 1; nan where the images do not define them.

    Attributes
    ----------
    attribute
        Its name.
    labels, positives
        How many images have a known label, and how many of these a positive one.
    accuracy, error
        Share of labels that are predicted right, and wrong.
    average_precision
        Area under the steps of precision over recall; nan unless there are positives and negatives.
    balanced_accuracy
        Mean of the accuracies on positives and on negatives; nan unless there are both.
    majority_rate
        The accuracy of always saying what most images are.
    """

    attribute: str
    labels: int
    positives: int
    accuracy: float
    error: float
    average_precision: float
    balanced_accuracy: float
    majority_rate: float

    def as_row(self) -> dict[str, Any]:
        """Return the scores as a row of a table."""
        return asdict(self)


def score_attribute(attribute: str, logits: Tensor, labels: Tensor) -> AttributeScores:
    """Score one attribute.

    Parameters
    ----------
    attribute
        Its name.
    logits
        (N,) float; 0 and above predicts presence.
    labels
        (N,): 1, 0, or -1 for unknown, which is left out.
    """
    known = labels >= 0
    logits, present = logits[known].float(), labels[known] == 1
    count, positives = len(present), int(present.sum())
    if not count:
        return AttributeScores(attribute, 0, 0, *[float("nan")] * len(METRICS))
    right = (logits >= 0) == present
    accuracy = int(right.sum()) / count
    precision = balanced = float("nan")
    if 0 < positives < count:
        # The sigmoid, in double precision: torchmetrics would apply it in single, where large logits become equal.
        precision = binary_average_precision(logits.double().sigmoid(), present.long()).item()
        balanced = (int(right[present].sum()) / positives + int(right[~present].sum()) / (count - positives)) / 2
    majority = max(positives, count - positives) / count
    return AttributeScores(attribute, count, positives, accuracy, 1 - accuracy, precision, balanced, majority)


def score_attributes(names: Sequence[str], logits: Tensor, labels: Tensor) -> list[AttributeScores]:
    """Score all attributes: logits (N, A), labels (N, A)."""
    return [score_attribute(name, logits[:, a], labels[:, a]) for a, name in enumerate(names)]


def mean_scores(scores: Sequence[AttributeScores]) -> dict[str, float]:
    """Return the mean of each metric over the attributes that define it; nan if none does."""
    means = {}
    for metric in METRICS:
        values = np.array([getattr(score, metric) for score in scores], float)
        defined = values[~np.isnan(values)]
        means[metric] = float(defined.mean()) if len(defined) else float("nan")
    return means


def undefined_attributes(scores: Sequence[AttributeScores]) -> list[str]:
    """Return the attributes whose labels are all of one kind: they have no average precision."""
    return [score.attribute for score in scores if np.isnan(score.average_precision)]


class Predictions(Metric):
    """Collects logits and labels over batches and devices, for :func:`score_attributes` at the end.

    A torchmetrics ``Metric``, which gathers the parts of the devices.
    """

    full_state_update = False
    logits: list[Tensor]
    labels: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.add_state("logits", default=[], dist_reduce_fx="cat")
        self.add_state("labels", default=[], dist_reduce_fx="cat")
        self._rows: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())

    def update(self, logits: Tensor, labels: Tensor) -> None:
        """Add a batch: logits (B, A) and labels (B, A)."""
        self._rows = (tuple(logits.shape[1:]), tuple(labels.shape[1:]))
        self.logits.append(logits.detach().float())
        self.labels.append(labels)

    def compute(self) -> tuple[Tensor, Tensor]:
        """Return all logits (N, A) and labels (N, A) so far."""
        return dim_zero_cat(self.logits), dim_zero_cat(self.labels)

    def collected(self) -> tuple[Tensor, Tensor]:
        """Return what :meth:`compute` does in its shape: torchmetrics makes a number of one image's one value."""
        logits, labels = self.compute()
        return logits.reshape(-1, *self._rows[0]), labels.reshape(-1, *self._rows[1])


class ParsingScores(MulticlassConfusionMatrix):
    """Counts pixels by true and by predicted class over batches and devices; unknown pixels are left out."""

    def __init__(self, classes: int) -> None:
        super().__init__(classes, ignore_index=IGNORE_INDEX, validate_args=False)

    def add(self, scores: Tensor, classes: Tensor) -> None:
        """Add a batch: class scores (B, C, H, W) and class maps uint8 (B, H, W)."""
        self.update(scores.argmax(dim=1), classes.long())


def intersection_over_union(confusion: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the intersection over union of each class, over the pixels of all images together.

    Parameters
    ----------
    confusion
        (C, C): pixels of true class by predicted class.

    Returns
    -------
    (C,), nan for a class that is neither there nor predicted.
    """
    right = np.diag(confusion).astype(float)
    union = confusion.sum(axis=0) + confusion.sum(axis=1) - right
    iou: NDArray[np.float64] = np.divide(right, union, out=np.full(len(right), np.nan), where=union > 0)
    return iou


ROW_FIELDS = tuple(field.name for field in fields(AttributeScores))
"""Columns of a table of scores."""
