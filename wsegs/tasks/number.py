"""A number of each image, such as the age: Euclidean loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from wsegs.nets import NetworkOutput
from wsegs.nets.process_group import ProcessGroup
from wsegs.tasks.batch import Batch, SampleFields
from wsegs.tasks.labelled import Labelled
from wsegs.tasks.losses import LossTerms, over_known
from wsegs.tasks.scores import Predictions
from wsegs.tasks.task import Task


class Number(Task):
    """Regression of one number by half the squared error (Wang, Su & Zhao, section III: age).

    The network says the number in standard deviations from the mean of the training images, so that its first
    predictions are of the right size. Mean and deviation are part of every checkpoint.

    Parameters
    ----------
    name, outputs
        See :class:`wsegs.tasks.task.Task`; ``outputs`` is the name of the label.
    label
        See :class:`wsegs.tasks.options.NumberOptions`.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, name: str, outputs: tuple[str, ...], label: str | None = None) -> None:
        super().__init__(name, outputs)
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("std", torch.ones(()))
        self._predictions = Predictions()

    def begin(self, labelled: Labelled, rows: Any) -> None:
        """Take mean and standard deviation of the training images."""
        values = labelled.numbers[self.outputs[0]][rows]
        values = values[np.isfinite(values)].astype(float)
        self.mean.fill_(float(values.mean()))
        self.std.fill_(float(values.std()) or 1.0)

    def fields(self, network: nn.Module, size: tuple[int, int]) -> SampleFields:
        """Return that it needs the number."""
        return SampleFields(frozenset(self.outputs))

    def losses(self, output: NetworkOutput, batch: Batch, group: ProcessGroup) -> dict[str, LossTerms]:
        """Return half the mean squared error, in standard deviations, of the images whose number is known."""
        target = (batch.labels[self.outputs[0]] - self.mean) / self.std
        error = 0.5 * (output.heads[self.name][:, 0].float() - target.nan_to_num()).square()
        return {self.name: over_known(error, target.isfinite())}

    def update(self, output: NetworkOutput, batch: Batch) -> None:
        """Keep predictions and labels."""
        self._predictions.update(self._predicted(output)[:, None], batch.labels[self.outputs[0]][:, None])

    def scores(self) -> dict[str, float]:
        """Return the mean absolute error, in the label's unit, and Pearson's correlation; nan where undefined."""
        predicted, true = (values[:, 0].double().cpu() for values in self._predictions.collected())
        self._predictions.reset()
        known = true.isfinite()
        predicted, true = predicted[known], true[known]
        varies = len(true) > 1 and bool(predicted.std() > 0) and bool(true.std() > 0)
        correlation = float(torch.corrcoef(torch.stack([predicted, true]))[0, 1]) if varies else float("nan")
        return {"mean_absolute_error": float((predicted - true).abs().mean()), "correlation": correlation}

    def decode(self, output: NetworkOutput) -> dict[str, Any]:
        """Return the number of each image."""
        return {self.name: self._predicted(output).tolist()}

    def _predicted(self, output: NetworkOutput) -> Tensor:
        return output.heads[self.name][:, 0].detach().float() * self.std + self.mean
