"""One of several categories of each image, such as the race or the kind of object: softmax cross entropy."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wsegs.nets import NetworkOutput
from wsegs.nets.process_group import ProcessGroup
from wsegs.tasks.batch import Batch, SampleFields
from wsegs.tasks.labelled import Labelled, label_values
from wsegs.tasks.losses import LossTerms
from wsegs.tasks.scores import Predictions
from wsegs.tasks.task import Task


class Category(Task):
    """Classification among the K categories of a label; ``outputs`` are their names.

    Parameters
    ----------
    name, outputs
        See :class:`wsegs.tasks.task.Task`.
    label, balance
        See :class:`wsegs.tasks.options.CategoryOptions`.
    """

    category_weights: Tensor | None

    def __init__(self, name: str, outputs: tuple[str, ...], label: str | None = None, balance: str = "none") -> None:
        super().__init__(name, outputs)
        self.label = label or name
        self.balance = balance
        self.register_buffer("category_weights", None, persistent=False)
        self._predictions = Predictions()

    def begin(self, labelled: Labelled, rows: Any) -> None:
        """Weigh categories by their rates, where that is asked for: they average 1 over the training images."""
        if self.balance == "class":
            codes = label_values(labelled, self.label)[rows]
            counts = np.bincount(codes[codes >= 0], minlength=len(self.outputs))
            shown = np.maximum(counts, 1) * (counts > 0).sum()
            self.category_weights = torch.from_numpy(np.where(counts > 0, counts.sum() / shown, 1.0)).float()

    def fields(self, network: nn.Module, size: tuple[int, int]) -> SampleFields:
        """Return that it needs the category."""
        return SampleFields(frozenset({self.label}))

    def losses(self, output: NetworkOutput, batch: Batch, group: ProcessGroup) -> dict[str, LossTerms]:
        """Return the softmax cross entropy of the images whose category is known."""
        target = batch.labels[self.label]
        logits = output.heads[self.name].float()
        error = F.cross_entropy(logits, target, self.category_weights, ignore_index=-1, reduction="sum")
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
