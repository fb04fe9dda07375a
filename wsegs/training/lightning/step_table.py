"""The table of the steps: what tasks say of themselves at each, such as how far the relation of attributes has come."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from wsegs.io.files import write_table
from wsegs.tasks.batch import Batch


class StepTable(Callback):
    """Writes ``steps.csv`` at each validation: a row a step, complete at any time; a resumed training continues it.

    Columns: ``step`` from 1, and ``TASK_NAME`` for each value of :meth:`wsegs.tasks.task.Task.trace`. It is not written
    where no task has any. Values stay on the device until a validation, so that no step waits for them.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._columns: list[str] = []
        self._rows: list[list[Any]] = []
        self._new: list[tuple[int, Tensor]] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the rows of a training that is resumed, up to the step at which it is."""
        if trainer.global_step and self._path.is_file():
            with self._path.open(newline="", encoding="utf-8") as file:
                self._columns, *rows = csv.reader(file)
            self._rows = [row for row in rows if int(row[0]) <= trainer.global_step]

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Remember what the tasks say after a step."""
        traces: dict[str, Tensor] = pl_module.traces()  # type: ignore[operator]
        if traces and trainer.is_global_zero:
            self._columns = ["step", *traces]
            self._new.append((trainer.global_step, torch.stack(list(traces.values()))))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the rows of a validation interval."""
        if not self._new:
            return
        values = torch.stack([row for _, row in self._new]).tolist()
        for (step, _), row in zip(self._new, values, strict=True):
            self._rows.append([step, *(f"{value:.6g}" for value in row)])
        self._new = []
        write_table(self._path, self._columns, self._rows)
