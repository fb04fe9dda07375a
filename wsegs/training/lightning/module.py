"""The Lightning module: a network, its tasks, their losses by stage, its optimiser and schedule."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn

from wsegs.nets.images import normalise
from wsegs.nets.layers.region_sources import RegionSource
from wsegs.nets.process_group import ProcessGroup
from wsegs.nets.weights import frozen_modules
from wsegs.tasks import task_kind
from wsegs.tasks.batch import Batch
from wsegs.tasks.losses import LossTerms, shares_of_step
from wsegs.tasks.task import Task
from wsegs.training.optimizers import build_optimizer, learning_rate_schedule
from wsegs.training.plan import TaskPlan, TrainingPlan
from wsegs.training.resolve import score_names
from wsegs.training.running_loss import RunningLoss
from wsegs.training.samples.loaders import Loaders
from wsegs.training.samples.mirror import mirrored


class TrainingModule(LightningModule):
    """Trains a network on tasks, as each stage says.

    Parameters
    ----------
    plan
        Losses, optimiser, schedule.
    network
        From :func:`wsegs.nets.build_network`.
    tasks
        Those of the plan, in its order.
    loaders
        Its mini-batches.
    regions
        What draws the regions that the network reads where only the image is known; kept with the weights. None where
        it reads none, or nothing of that kind was given.
    known_regions
        What draws them in training, where that is something else.
    """

    def __init__(
        self,
        plan: TrainingPlan,
        network: nn.Module,
        tasks: Sequence[Task],
        loaders: Loaders,
        regions: RegionSource | None = None,
        known_regions: RegionSource | None = None,
    ) -> None:
        super().__init__()
        self.plan = plan
        self.network = network
        self.tasks = nn.ModuleDict({task.name: task for task in tasks})
        self.loaders = loaders
        self.regions = regions
        self.known_regions = known_regions
        self._group = ProcessGroup()
        self._train_losses = RunningLoss()
        self._validation_losses = RunningLoss()
        self.last_losses: dict[str, Tensor] = {}
        self.train()  # Lightning leaves it as it is

    def train(self, mode: bool = True) -> TrainingModule:
        """Keep frozen layers as they are: their batch normalisation must not follow the data."""
        super().train(mode)
        for module in frozen_modules(self.network, self.plan.network.trunks):
            module.eval()
        return self

    def forward(self, batch: Batch) -> Any:
        """Return the network's output for a mini-batch."""
        images = normalise(batch.images)
        source = self.known_regions or self.regions
        if source is None:
            return self.network(images)
        known = batch.regions if source.reads == "regions" else batch.classes
        return self.network(images, source(images, known, batch.points))

    def training_step(self, batch: Batch | list[Batch], batch_index: int) -> Tensor:
        """Return the weighted sum of the losses of this step's stage; several sources come as a list."""
        weights = self.plan.stages[self.plan.stage_at(self.global_step)].weights_at(self.global_step)
        wanted = [task for task in self.plan.tasks if task.name in weights]
        terms: dict[str, LossTerms] = {}
        for number, own in enumerate([batch] if isinstance(batch, Batch) else batch):
            moved = mirrored(own, self.plan.sources[number].mirror)
            for task, output in self._outputs(moved, [task for task in wanted if task.source == number]):
                terms |= task.losses(output, moved, self._group)
        losses = shares_of_step(terms, self._group)
        losses["loss"] = sum(
            (weights[name] * losses[name] for name in weights), start=torch.zeros((), device=self.device)
        )
        for name, value in losses.items():
            self._train_losses.add_step(name, value)
        self.last_losses = {name: value.detach() for name, value in losses.items()}
        self._log_step(losses)
        return losses["loss"]

    def traces(self) -> dict[str, Tensor]:
        """Return what the tasks of this step's stage say of themselves after it, scalars by task and name."""
        weights = self.plan.stages[self.plan.stage_at(max(self.global_step - 1, 0))].weights
        tasks = [self._task(task) for task in self.plan.tasks if task.name in weights]
        return {f"{task.name}_{name}": value for task in tasks for name, value in task.trace().items()}

    def validation_step(self, batch: Batch, batch_index: int, dataloader_idx: int = 0) -> None:
        """Add a mini-batch of a source to the validation's losses and scores."""
        own = [task for task in self.plan.tasks if task.source == dataloader_idx]
        for task, output in self._outputs(batch, own):
            for name, terms in task.losses(output, batch, self._group).items():
                self._validation_losses.add(name, terms)
            task.update(output, batch)

    def on_validation_epoch_end(self) -> None:
        """Log the mean losses of the interval, which a validation ends, and the validation's losses and scores.

        They are alike on all devices. Callbacks want them all before the module hears of the interval's end.
        """
        self.log_dict({f"train_{name}": value for name, value in self._train_losses.take().items()})
        self.log_dict({f"val_{name}": value for name, value in self._validation_losses.take().items()})
        for task in self.plan.tasks:
            names = score_names(task.name, task_kind(task.kind))
            scores = self._task(task).scores()
            self.log_dict({f"val_{names[score]}": value for score, value in scores.items()})

    def on_train_epoch_start(self) -> None:
        """Make whatever is random inside a network the same in a resumed training."""
        torch.manual_seed(self.plan.seed * 1_000_003 + self.current_epoch * 1_009 + self.global_rank)

    def configure_optimizers(self) -> Any:
        """Return the plan's optimiser and learning rate by step."""
        backbone = self.plan.network.backbone
        rate = 1.0 if backbone is None else backbone.rate
        optimizer = build_optimizer(self.plan.optimizer, self.network, self.plan.network.trunks, rate)
        schedule = learning_rate_schedule(optimizer, self.plan.optimizer, self.plan.steps)
        if schedule is None:
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def train_dataloader(self) -> Any:
        """Return this device's loaders of a validation interval."""
        trainer = self.trainer
        interval = trainer.global_step // self.plan.validation_interval
        return self.loaders.training(trainer.global_rank, trainer.world_size, interval)

    def val_dataloader(self) -> Any:
        """Return this device's loaders of the validation images."""
        return self.loaders.validation(self.trainer.global_rank, self.trainer.world_size)

    def _task(self, plan: TaskPlan) -> Task:
        task: Task = self.tasks[plan.name]  # type: ignore[assignment]
        return task

    def _outputs(self, batch: Batch, plans: Sequence[TaskPlan]) -> Iterable[tuple[Task, Any]]:
        """Yield tasks with the output of the network that each reads, which is computed once."""
        outputs: dict[str, Any] = {}
        for task in sorted(map(self._task, plans), key=lambda task: task.reads):  # forward before parse
            if task.reads not in outputs:
                if task.reads == "forward":
                    outputs["forward"] = self(batch)
                else:
                    outputs["parse"] = self.network.parse(normalise(batch.images))  # type: ignore[operator]
            yield task, outputs[task.reads]

    def _log_step(self, losses: dict[str, Tensor]) -> None:
        """Give the losses of some steps to the logger."""
        if self.logger is None or (self.global_step + 1) % self.plan.log_every:
            return
        values = self._group.sum(torch.stack([value.detach() for value in losses.values()])) / self._group.size
        named = {f"train_{name}_step": value for name, value in zip(losses, values.tolist(), strict=True)}
        named |= {name: float(value) for name, value in self.traces().items()}
        self.logger.log_metrics(named, step=self.global_step)
