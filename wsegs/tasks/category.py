"""One of several categories of each image, such as the race or the kind of object: softmax cross entropy."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from wsegs.nets import NetworkOutput
from wsegs.nets.process_group import ProcessGroup
from wsegs.tasks.batch import Batch, SampleFields
from wsegs.tasks.losses import LossTerms
from wsegs.tasks.scores import Predictions
from wsegs.tasks.task import Task


class Category(Task):
    """Classification among the K categories of a label; ``outputs`` are their names.

    Parameters
    ----------
    name, outputs
        See :class:`wsegs.tasks.task.Task`.
    label
        See :class:`wsegs.tasks.options.CategoryOptions`.
    """

    def __init__(self, name: str, outputs: tuple[str, ...], label: str | None = None) -> None:
        super().__init__(name, outputs)
        self.label = label or name
        self._predictions = Predictions()

    def fields(self, network: nn.Module, size: tuple[int, int]) -> SampleFields:
        """Return that it needs the category."""
        return SampleFields(frozenset({self.label}))

    def losses(self, output: NetworkOutput, batch: Batch, group: ProcessGroup) -> dict[str, LossTerms]:
        """Return the softmax cross entropy of the images whose category is known."""
        target = batch.labels[self.label]
        error = F.cross_entropy(output.heads[self.name].float(), target, ignore_index=-1, reduction="sum")
        return {self.name: LossTerms(error.view(1), (target >= 0).sum().float().view(1))}

    def update(self, output: NetworkOutput, batch: Batch) -> None:
        """Keep logits and labels."""
        self._predictions.update(output.heads[self.name], batch.labels[self.label])

    def scores(self) -> dict[str, float]:
        """Return accuracy, and its mean over the categories that occur; nan where no label is known."""
        logits, labels = (values.cpu() for values in self._predictions.collected())
        self._predictions.reset()
        known = labels >= 0
        right = (logits.argmax(dim=1) == labels)[known].double()
        labels = labels[known]
        by_category = [float(right[labels == code].mean()) for code in torch.unique(labels).tolist()]
        balanced = sum(by_category) / len(by_category) if by_category else float("nan")
        return {"accuracy": float(right.mean()), "balanced_accuracy": balanced}

    def decode(self, output: NetworkOutput) -> dict[str, Any]:
        """Return the probability of each category by name."""
        probabilities = torch.softmax(output.heads[self.name].float(), dim=1).tolist()
        return {self.name: [dict(zip(self.outputs, row, strict=True)) for row in probabilities]}
