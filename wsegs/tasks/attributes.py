"""Attribute classification: binary cross entropy, accuracy, average precision, balanced accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from wsegs.nets import NetworkOutput
from wsegs.nets.process_group import ProcessGroup
from wsegs.tasks.batch import Batch, SampleFields
from wsegs.tasks.labelled import Labelled
from wsegs.tasks.losses import LossTerms, over_known
from wsegs.tasks.scores import Predictions, mean_scores, score_attributes
from wsegs.tasks.task import Task


class Attributes(Task):
    """Binary attributes, each present, absent or unknown.

    Parameters
    ----------
    name, outputs
        See :class:`wsegs.tasks.task.Task`; ``outputs`` are the names of the attributes.
    balance
        ``class`` weighs present and absent labels by their rates in the training images.
    held_out
        Names of attributes whose labels count in no loss and no score.
    smoothing
        By how much labels are less sure than 0 and 1 in the loss, half of it at each end.
    """

    label_weights: Tensor | None

    def __init__(
        self,
        name: str,
        outputs: tuple[str, ...],
        balance: str = "none",
        held_out: Sequence[str] = (),
        smoothing: float = 0.0,
    ) -> None:
        super().__init__(name, outputs)
        self.balance = balance
        self._smoothing = smoothing
        self._held_out = [outputs.index(attribute) for attribute in held_out]
        self.register_buffer("label_weights", None, persistent=False)
        self._predictions = Predictions()

    def begin(self, labelled: Labelled, rows: Any) -> None:
        """Weigh labels by their rates, where that is asked for."""
        if self.balance == "class":
            self.label_weights = class_weights(labelled.attributes[rows])

    def fields(self, network: nn.Module, size: tuple[int, int]) -> SampleFields:
        """Return that it needs the attributes."""
        return SampleFields(frozenset({"attributes"}))

    def losses(self, output: NetworkOutput, batch: Batch, group: ProcessGroup) -> dict[str, LossTerms]:
        """Return the binary cross entropy."""
        logits, labels = output.heads[self.name], self._seen(batch)
        return {self.name: attribute_loss(logits, labels, self.label_weights, self._smoothing)}

    def update(self, output: NetworkOutput, batch: Batch) -> None:
        """Keep logits and labels."""
        self._predictions.update(output.heads[self.name], self._seen(batch))

    def _seen(self, batch: Batch) -> Tensor:
        """Return the labels (B, A), unknown where they are held out."""
        labels = batch.labels["attributes"]
        if not self._held_out:
            return labels
        labels = labels.clone()
        labels[:, self._held_out] = -1
        return labels

    def scores(self) -> dict[str, float]:
        """Return mean accuracy, average precision and balanced accuracy over the attributes."""
        logits, labels = self._predictions.collected()
        self._predictions.reset()
        means = mean_scores(score_attributes(self.outputs, logits.cpu(), labels.cpu()))
        return {name: means[name] for name in ("accuracy", "average_precision", "balanced_accuracy")}

    def decode(self, output: NetworkOutput) -> dict[str, Any]:
        """Return the probability of each attribute by name."""
        probabilities = output.heads[self.name].float().sigmoid().tolist()
        return {self.name: [dict(zip(self.outputs, row, strict=True)) for row in probabilities]}


def attribute_loss(logits: Tensor, labels: Tensor, weights: Tensor | None = None, smoothing: float = 0.0) -> LossTerms:
    """Return the binary cross entropy with logits (Thom & Hand, section 3.2) over known labels.

    Parameters
    ----------
    logits
        (B, A).
    labels
        int8 (B, A): 1 present, 0 absent, -1 unknown and ignored. With none known, the loss is 0.
    weights
        (2, A): of absent and of present labels; None weighs them alike. See :func:`class_weights`.
    smoothing
        Targets are this much nearer to one half: 0.1 makes them 0.95 and 0.05.
    """
    known = labels >= 0
    target = labels.clamp(min=0).float()
    if smoothing:
        target = target * (1 - smoothing) + smoothing / 2
    error = F.binary_cross_entropy_with_logits(logits.float(), target, reduction="none")
    if weights is not None:
        error = error * torch.where(labels > 0, weights[1], weights[0])
    return over_known(error, known)


def class_weights(labels: NDArray[np.int8]) -> Tensor:
    """Return weights, float (2, A), that make the absent and the present labels (N, A) of an attribute count alike.

    They average 1 over the labels. An attribute with labels of one kind only keeps weights of 1.
    """
    known = np.maximum((labels >= 0).sum(axis=0), 1)
    present = (labels == 1).sum(axis=0) / known
    both = (present > 0) & (present < 1)
    share = np.where(both, present, 0.5)
    return torch.from_numpy(np.stack([0.5 / (1 - share), 0.5 / share])).float()
