"""The Lightning module: a network, its losses by stage, its optimiser and schedule."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

from wsegs.errors import OptionError
from wsegs.nets import NetworkOutput
from wsegs.rules import AttributeLookup
from wsegs.training.budget import Budget
from wsegs.training.dataset import Batch
from wsegs.training.losses import recognition_loss, segmentation_loss
from wsegs.training.masks import MaskExpander, mirror
from wsegs.training.metrics import Predictions, mean_scores, score_attributes
from wsegs.training.recipe import Recipe

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "adagrad": torch.optim.Adagrad,
    "sgd": torch.optim.SGD,
}


def normalise(images: Tensor) -> Tensor:
    """Return images, uint8 (B, 3, H, W), as float between -1 and 1."""
    return images.float().div_(127.5).sub_(1)


class AttributeModule(LightningModule):
    """Trains a network on attributes and, where a stage says so, on their masks.

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
        (2, A) for :func:`wsegs.training.losses.recognition_loss`, or None.

    Raises
    ------
    OptionError
        If the recipe has a segmentation loss and the network draws no maps.
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
    ) -> None:
        super().__init__()
        if "segmentation" in recipe.losses and getattr(network, "map_size", None) is None:
            raise OptionError(f"network '{recipe.network.name}' draws no maps, so it has no segmentation loss")
        self.network = network
        self.recipe = recipe
        self.budget = budget
        self.masks = None if lookup is None else MaskExpander(lookup)
        self.attribute_names = tuple(attribute_names)
        self.predictions = Predictions()
        self.register_buffer("label_weights", label_weights, persistent=False)

    def forward(self, images: Tensor) -> NetworkOutput:
        """Return the network's output for uint8 images (B, 3, H, W)."""
        output: NetworkOutput = self.network(normalise(images))
        return output

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Return the weighted sum of the losses of this step's stage."""
        images = mirror(batch.images, batch.flip)
        regions = None if batch.regions is None else mirror(batch.regions, batch.flip)
        output = self(images)
        weights = self.recipe.stages[self.budget.stage(self.global_step)].losses
        losses = self._losses(output, batch, regions, tuple(weights))
        total = sum((weights[name] * losses[name] for name in weights), start=torch.zeros((), device=self.device))
        logged = {f"train_{name}": value.detach() for name, value in {**losses, "loss": total}.items()}
        self.log_dict(logged, on_step=True, on_epoch=True, batch_size=len(images), sync_dist=True)
        return total

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Add a batch to the validation's losses and scores."""
        output = self(batch.images)
        losses = self._losses(output, batch, batch.regions, sorted(self.recipe.losses | {"recognition"}))
        logged = {f"val_{name}": value for name, value in losses.items()}
        self.log_dict(logged, batch_size=len(batch.images), sync_dist=True)
        self.predictions.update(output.logits, batch.labels)

    def on_validation_epoch_end(self) -> None:
        """Log the scores of the validation images."""
        logits, labels = self.predictions.compute()
        self.predictions.reset()
        means = mean_scores(score_attributes(self.attribute_names, logits.cpu(), labels.cpu()))
        wanted = ("accuracy", "average_precision", "balanced_accuracy")
        self.log_dict({f"val_{name}": means[name] for name in wanted}, sync_dist=True)  # alike on all devices

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

    def _losses(
        self, output: NetworkOutput, batch: Batch, regions: Tensor | None, names: Sequence[str]
    ) -> dict[str, Tensor]:
        losses = {}
        if "segmentation" in names:
            assert self.masks is not None
            assert output.maps is not None
            assert regions is not None
            masks, known = self.masks(regions, batch.labels), self.masks.known(batch.labels, batch.has_face)
            losses["segmentation"] = segmentation_loss(output.maps, masks, known)
        if "recognition" in names:
            losses["recognition"] = recognition_loss(output.logits, batch.labels, self.label_weights)
        return losses


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
