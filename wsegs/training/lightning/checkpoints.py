"""Write the checkpoints of a training."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint as CheckpointCallback
from pytorch_lightning.plugins.io import TorchCheckpointIO

from wsegs.io.files import atomic_write, rename_whole
from wsegs.training.plan import TrainingPlan
from wsegs.training.run_folder import BEST, LAST


class PlainCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint straight to its file, which has a temporary name yet.

    Lightning's own makes a copy in memory first and another one in the system's folder of temporary files.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write it; an OSError is that of the file system."""
        try:
            with Path(path).open("wb") as file:
                torch.save(checkpoint, file)
        except RuntimeError as error:
            # torch closes its archive after a failed write or an interrupt, and complains of that instead.
            cause = error.__context__
            raise (cause if isinstance(cause, (OSError, KeyboardInterrupt)) else error) from None


class BestAndLast(CheckpointCallback):
    """Writes ``last.ckpt`` after each validation, and ``best.ckpt`` when the monitored value of the last stage is best.

    A value of an earlier stage is beaten by any of the last: before attributes are trained, its scores are noise.
    Where nobody is held out for validation, the last is the best.
    (Lightning's own callback writes its last checkpoint only beside a better one.)
    """

    def __init__(self, folder: Path, plan: TrainingPlan) -> None:
        self._folder = folder
        self._plan = plan
        self._monitor = f"val_{plan.monitor.name}"
        self._sign = -1 if plan.monitor.lower_is_better else 1
        self.best: dict[str, float] = {}

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the checkpoints of a validation interval."""
        value = self._sign * float(trainer.callback_metrics[self._monitor])
        rank = (float(self._plan.in_last_stage(trainer.global_step - 1)), -math.inf if math.isnan(value) else value)
        is_best = not self.best or rank > (self.best["last_stage"], self.best["value"])
        is_best |= not self._plan.main.held_out  # scores on images that are trained on choose nothing
        if is_best:
            self.best = {"last_stage": rank[0], "value": rank[1], "step": float(trainer.global_step)}
        temporary = self._folder / f".{LAST}.writing"
        file = self._folder / LAST
        what = f"no checkpoint of step {trainer.global_step}" + (", that before it is kept" if file.exists() else "")
        try:
            trainer.save_checkpoint(temporary)  # on every device: some strategies gather a sharded network here
            if trainer.is_global_zero:
                rename_whole(temporary, self._folder / LAST)
                file, what = self._folder / BEST, f"step {trainer.global_step} is in {LAST}; --resume copies it here"
                if is_best:
                    self._copy_best()
        except OSError as error:
            if trainer.is_global_zero:
                temporary.unlink(missing_ok=True)
            raise OSError(error.errno, f"{error.strerror}; {what}", str(file)) from None

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Copy the best checkpoint, where the last is the best and the training was killed between the two files."""
        best = checkpoint["callbacks"].get(self.state_key, {})
        if trainer.is_global_zero and best.get("step") == checkpoint["global_step"]:
            self._copy_best()

    def _copy_best(self) -> None:
        with atomic_write(self._folder / BEST) as copy:
            shutil.copyfile(self._folder / LAST, copy)

    def state_dict(self) -> dict[str, Any]:
        """Return step and value of the best checkpoint."""
        return dict(self.best)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state."""
        self.best = dict(state_dict)
