"""The Lightning module: a network, its losses by stage, its optimiser and schedule."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

from wsegs.errors import OptionError
from wsegs.nets import NetworkOutput, network_wants
from wsegs.rules import AttributeLookup
from wsegs.tasks.losses import LossTerms, parsing_loss, recognition_loss, segmentation_loss
from wsegs.tasks.mask_expander import MaskExpander, mirror, mirror_points
from wsegs.tasks.region_sources import RegionSource
from wsegs.tasks.scores import (
    ParsingScores,
    Predictions,
    intersection_over_union,
    mean_scores,
    score_attributes,
)
from wsegs.training.dataset import Batch
from wsegs.training.processes import process_count, sum_over_processes
from wsegs.training.recipe import Recipe
from wsegs.training.running_loss import RunningLoss
from wsegs.training.schedule import Budget

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "adagrad": torch.optim.Adagrad,
    "sgd": torch.optim.SGD,
}


_RECOGNITION_MONITORS = ("average_precision", "accuracy", "balanced_accuracy", "recognition")
_PARSING_MONITORS = ("mean_iou", "parsing")


def normalise(images: Tensor) -> Tensor:
    """Return images, uint8 (B, 3, H, W), as float between -1 and 1."""
    return images.float().div_(127.5).sub_(1)


class AttributeModule(LightningModule):
    """Trains a network on attributes, on their masks, on parsing, as each stage says.

    Parameters
    ----------
    network
        From :func:`wsegs.nets.build_network`.
    recipe
        Losses, optimiser, schedule.
    budget
        Where stages begin and training ends.
    attribute_names
        In the order of the network's outputs.
    lookup
        Rules that expand region integers to masks; None where no loss needs masks.
    label_weights
        (2, A) for :func:`wsegs.tasks.losses.recognition_loss`, or None.
    regions
        What draws the regions that the network reads where only the image is known; kept with the weights. None where
        it reads none, or nothing of that kind was given.
    known_regions
        What draws them in training, where that is something else.
    classes
        C, the number of classes, where the network parses.

    Raises
    ------
    OptionError
        If the recipe has a loss that the network has no output for, or monitors what is not measured.
    """

    label_weights: Tensor | None

    def __init__(
        self,
        network: nn.Module,
        recipe: Recipe,
        budget: Budget,
        attribute_names: Sequence[str],
        lookup: AttributeLookup | None = None,
        label_weights: Tensor | None = None,
        regions: RegionSource | None = None,
        known_regions: RegionSource | None = None,
        classes: int = 0,
    ) -> None:
        super().__init__()
        name = recipe.network.name
        if "segmentation" in recipe.losses and getattr(network, "map_size", None) is None:
            raise OptionError(f"network '{name}' draws no maps, so it has no segmentation loss")
        if recipe.parses and not hasattr(network, "parse"):
            raise OptionError(f"network '{name}' does not parse, so it has no parsing loss")
        if recipe.recognises and not network_wants(name, "attributes"):
            raise OptionError(f"network '{name}' recognises no attributes, so it has the parsing loss alone")
        monitors = (
            *(_RECOGNITION_MONITORS if recipe.recognises else ()),
            *(_PARSING_MONITORS if recipe.parses else ()),
        )
        if recipe.early_stopping.monitor not in monitors:
            raise OptionError(
                f"early_stopping: monitor: expected one of {', '.join(monitors)}, which this training has,"
                f" got {recipe.early_stopping.monitor}"
            )
        self.network = network
        self.recipe = recipe
        self.budget = budget
        self.masks = None if lookup is None else MaskExpander(lookup)
        self.attribute_names = tuple(attribute_names)
        self.regions = regions
        self.known_regions = known_regions
        self.predictions = Predictions()
        self.parsed = ParsingScores(classes) if recipe.parses else None
        self.register_buffer("label_weights", label_weights, persistent=False)
        self._train_means = RunningLoss()
        self._validation_means = RunningLoss()

    def forward(self, batch: Batch) -> NetworkOutput:
        """Return the network's output for a batch."""
        images = normalise(batch.images)
        source = self.known_regions or self.regions
        if source is None:
            output: NetworkOutput = self.network(images)
        else:
            output = self.network(images, source(images, batch.classes, batch.points))
        return output

    def training_step(self, batch: Batch | dict[str, Batch], batch_index: int) -> Tensor:
        """Return the weighted sum of the losses of this step's stage.

        Two data sets come as ``attributes`` and ``parsing``, and each has its own losses.
        """
        attributes, parsing = (batch["attributes"], batch["parsing"]) if isinstance(batch, dict) else (batch, batch)
        weights = self.recipe.stages[self.budget.stage(self.global_step)].losses
        terms = self._recognition(mirrored(attributes), tuple(weights))
        if "parsing" in weights:
            terms["parsing"] = self._parsing(mirrored(parsing))[0]
        losses = shares_of_step(terms)
        losses["loss"] = sum(
            (weights[name] * losses[name] for name in weights), start=torch.zeros((), device=self.device)
        )
        for name, value in losses.items():
            self._train_means.add_step(name, value)
        self._log_step(losses)
        return losses["loss"]

    def validation_step(self, batch: Batch, batch_index: int, dataloader_idx: int = 0) -> None:
        """Add a batch to the validation's losses and scores; a second loader is that of the parsing data set."""
        terms = {}
        if self.recipe.recognises and dataloader_idx == 0:
            terms = self._recognition(batch, sorted(self.recipe.losses | {"recognition"}), self.predictions)
        if self.parsed is not None and dataloader_idx == self._parsing_loader:
            terms["parsing"], scores = self._parsing(batch)
            assert batch.classes is not None
            self.parsed.add(scores, batch.classes)
        for name, value in terms.items():
            self._validation_means.add(name, value)

    def on_validation_epoch_end(self) -> None:
        """Log the mean losses of the round, which a validation ends, and the validation's losses and scores.

        They are alike on all devices. Callbacks want them all before the module hears of the round's end.
        """
        self.log_dict({f"train_{name}": value for name, value in self._train_means.take().items()})
        self.log_dict({f"val_{name}": value for name, value in self._validation_means.take().items()})
        if self.recipe.recognises:
            logits, labels = self.predictions.compute()
            self.predictions.reset()
            means = mean_scores(score_attributes(self.attribute_names, logits.cpu(), labels.cpu()))
            wanted = ("accuracy", "average_precision", "balanced_accuracy")
            self.log_dict({f"val_{name}": means[name] for name in wanted})
        if self.parsed is not None:
            overlap = intersection_over_union(self.parsed.compute().cpu().numpy())
            self.parsed.reset()
            self.log("val_mean_iou", float(np.nanmean(overlap)))

    def on_train_epoch_start(self) -> None:
        """Make whatever is random inside a network the same in a resumed training."""
        torch.manual_seed(self.recipe.seed * 1_000_003 + self.current_epoch * 1_009 + self.global_rank)

    def configure_optimizers(self) -> Any:
        """Return the recipe's optimiser and learning rate by step."""
        recipe = self.recipe.optimizer
        optimizer = OPTIMIZERS[recipe.name](
            self.network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        schedule = learning_rate_schedule(optimizer, self.recipe, self.budget.steps)
        if schedule is None:
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    @property
    def _parsing_loader(self) -> int:
        """Which validation loader has class maps."""
        return 0 if self.recipe.parsing is None or self.recipe.parsing.store is None else 1

    def _recognition(
        self, batch: Batch, names: Sequence[str], predictions: Predictions | None = None
    ) -> dict[str, LossTerms]:
        """Return those of the losses on attributes and their masks that are wanted."""
        losses: dict[str, LossTerms] = {}
        if not {"segmentation", "recognition"} & set(names):
            return losses
        output = self(batch)
        if "segmentation" in names:
            assert self.masks is not None
            assert output.maps is not None
            assert batch.regions is not None
            masks = self.masks(batch.regions, batch.labels)
            known = self.masks.known(batch.labels, batch.has_face)
            losses["segmentation"] = segmentation_loss(output.maps, masks, known)
        if "recognition" in names:
            losses["recognition"] = recognition_loss(output.logits, batch.labels, self.label_weights)
        if predictions is not None:
            predictions.update(output.logits, batch.labels)
        return losses

    def _log_step(self, losses: dict[str, Tensor]) -> None:
        """Give the losses of some steps to the logger."""
        if self.logger is None or (self.global_step + 1) % self.budget.log_every:
            return
        values = sum_over_processes(torch.stack([value.detach() for value in losses.values()])) / process_count()
        named = {f"train_{name}_step": value for name, value in zip(losses, values.tolist(), strict=True)}
        self.logger.log_metrics(named, step=self.global_step)

    def _parsing(self, batch: Batch) -> tuple[LossTerms, Tensor]:
        """Return the parsing loss and the class scores at full size."""
        assert batch.classes is not None
        scores: tuple[Tensor, ...] = self.network.parse(normalise(batch.images))  # type: ignore[operator]
        return parsing_loss(scores, batch.classes), scores[0]


def shares_of_step(terms: dict[str, LossTerms]) -> dict[str, Tensor]:
    """Return this process's share of each loss of a step: the mean of the shares is the loss of the whole batch.

    Processes know different numbers of labels, so that a share is this process's sum over the count of all. As the
    gradients of the processes are averaged, a share is multiplied by their number.
    """
    processes = process_count()
    if processes == 1:
        return {name: loss.mean() for name, loss in terms.items()}
    counts = sum_over_processes(torch.cat([loss.counts for loss in terms.values()]))
    of_each = counts.split([len(loss.counts) for loss in terms.values()])
    return {
        name: processes * LossTerms(loss.sums, count).mean()
        for (name, loss), count in zip(terms.items(), of_each, strict=True)
    }


def mirrored(batch: Batch) -> Batch:
    """Return a batch with those rows mirrored that are to be."""
    return batch._replace(
        images=mirror(batch.images, batch.flip),
        regions=None if batch.regions is None else mirror(batch.regions, batch.flip),
        classes=None if batch.classes is None else mirror(batch.classes, batch.flip),
        points=mirror_points(batch.points, batch.flip, batch.images.shape[-1]),
        flip=torch.zeros_like(batch.flip),
    )


def learning_rate_schedule(optimizer: torch.optim.Optimizer, recipe: Recipe, steps: int) -> LRScheduler | None:
    """Return how the learning rate goes over ``steps`` steps; None if it is constant."""
    schedule = recipe.schedule
    if schedule.name == "constant":
        return None
    warmup = max(1, round(schedule.warmup * steps))
    if schedule.name == "one-cycle":
        # Of the momentum too, as in torch's default; AdaGrad has none.
        momentum = recipe.optimizer.name in ("adam", "adamw")
        return OneCycleLR(
            optimizer,
            recipe.optimizer.learning_rate,
            total_steps=steps,
            pct_start=schedule.warmup + 1e-9,  # a rise of exactly one step would divide by zero in torch
            cycle_momentum=momentum,
        )

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))

    return LambdaLR(optimizer, factor)
