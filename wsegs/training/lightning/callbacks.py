"""Callbacks: the table of metrics, early stopping, progress."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import EarlyStopping as LightningEarlyStopping
from torch import Tensor
from tqdm import tqdm

from wsegs.errors import OptionError
from wsegs.io.files import write_table
from wsegs.io.messages import say_progress, verbosity
from wsegs.tasks import TASK_KINDS, task_kind
from wsegs.tasks.batch import Batch
from wsegs.training.plan import TrainingPlan
from wsegs.training.resolve import score_names


class LastStageEarlyStopping(LightningEarlyStopping):
    """Early stopping that waits for the last stage."""

    def __init__(self, plan: TrainingPlan) -> None:
        monitor = plan.monitor
        super().__init__(
            f"val_{monitor.name}",
            mode="min" if monitor.lower_is_better else "max",
            patience=monitor.patience,
            check_finite=False,
            check_on_train_epoch_end=False,
        )
        self._plan = plan

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the monitored value, in the last stage."""
        if self._plan.in_last_stage(trainer.global_step - 1):
            super().on_validation_end(trainer, pl_module)


class MetricsTable(Callback):
    """Writes ``metrics.csv``: a row a validation, complete at any time; a resumed training continues it.

    Columns: ``epoch``, the validation interval from 0; ``step``, how many there were at its end; ``stage`` from 1;
    ``learning_rate``; ``train_...``, means over the interval; ``val_...``.
    """

    def __init__(self, path: Path, plan: TrainingPlan) -> None:
        self._path = path
        self._plan = plan
        trained = sorted({name for stage in plan.stages for name in stage.weights})
        scores = [name for task in plan.tasks for name in score_names(task.name, task_kind(task.kind)).values()]
        losses = [*trained, "loss"]
        scored = [*sorted(task.name for task in plan.tasks), *scores]
        self._columns = [
            *("epoch", "step", "stage", "learning_rate"),
            *(f"train_{name}" for name in losses),
            *(f"val_{name}" for name in scored),
        ]
        self._rows: list[dict[str, Any]] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the rows of a training that is resumed, up to the step at which it is."""
        if trainer.global_step and self._path.is_file():
            with self._path.open(newline="", encoding="utf-8") as file:
                self._rows = [row for row in csv.DictReader(file) if int(row["step"]) <= trainer.global_step]

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write a row, and stop a training that has diverged."""
        logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
        values: dict[str, Any] = {name: logged.get(name, "") for name in self._columns}
        values["epoch"] = trainer.current_epoch
        values["step"] = trainer.global_step
        values["stage"] = self._plan.stage_at(trainer.global_step - 1) + 1
        values["learning_rate"] = trainer.optimizers[0].param_groups[0]["lr"]
        if trainer.is_global_zero:
            self._rows.append(values)
            write_table(self._path, self._columns, ([row[name] for name in self._columns] for row in self._rows))
        if not math.isfinite(values["train_loss"]):
            raise OptionError(
                f"--learning-rate: the training diverged before step {trainer.global_step}: expected a finite loss,"
                f" got {values['train_loss']}; a smaller rate helps"
            )


class Progress(Callback):
    """One bar for the whole training; where standard error is no terminal, a line every half minute."""

    def __init__(self, plan: TrainingPlan, seconds: float = 30.0) -> None:
        self._plan = plan
        self._seconds = seconds
        self._bar: Any = None
        self._begun = self._told = (0.0, 0)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin at the step at which the training is."""
        size = self._plan.main.batch_size
        self._begun = self._told = (time.monotonic(), trainer.global_step)
        self._bar = tqdm(
            total=self._plan.steps * size,
            initial=trainer.global_step * size,
            unit="image",
            desc="train",
            disable=None if trainer.is_global_zero else True,
        )

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Count a batch."""
        self._bar.update(self._plan.main.batch_size)
        if trainer.is_global_zero and time.monotonic() - self._told[0] >= self._seconds:
            losses: dict[str, Tensor] = getattr(pl_module, "last_losses", {})
            self._tell(trainer, [f"{name} {float(value):.4g}" for name, value in losses.items()])

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Show the newest scores."""
        metrics: dict[str, Tensor] = trainer.callback_metrics
        shown = {"accuracy": "val_accuracy", "precision": "val_average_precision", "iou": "val_mean_iou"}
        scores = {title: f"{float(metrics[name]):.1%}" for title, name in shown.items() if name in metrics}
        self._bar.set_postfix(scores)
        if trainer.is_global_zero and verbosity() > 0:
            losses = [f"{name} {float(metrics[name]):.4g}" for name in ("train_loss", *_losses(metrics))]
            self._tell(trainer, ["validated", *losses, *(f"{name} {score}" for name, score in scores.items())])

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Close the bar, after Ctrl-C too."""
        if self._bar is not None:
            self._bar.close()

    def _tell(self, trainer: Trainer, what: Sequence[str]) -> None:
        now, step = time.monotonic(), trainer.global_step
        steps_a_second = (step - self._begun[1]) / max(now - self._begun[0], 1e-9)
        rate = steps_a_second * self._plan.main.batch_size
        left = (self._plan.steps - step) / max(steps_a_second, 1e-9)
        self._told = (now, step)
        say_progress(
            f"train: step {step} of {self._plan.steps}, {', '.join(what)}, {rate:.1f} images/s, {_duration(left)} left"
        )


def _losses(metrics: Mapping[str, Tensor]) -> list[str]:
    return sorted(name for name in metrics if name.startswith("val_") and name.removeprefix("val_") in TASK_KINDS)


def _duration(seconds: float) -> str:
    """Return a time in words: seconds, minutes, or hours and minutes.

    >>> _duration(45), _duration(600), _duration(7500)
    ('45 s', '10 min', '2 h 5 min')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
