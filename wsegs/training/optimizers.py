"""Optimisers and schedules of the learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

from wsegs.training.plan import OptimizerPlan

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "adagrad": torch.optim.Adagrad,
    "sgd": torch.optim.SGD,
}


def build_optimizer(plan: OptimizerPlan, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """Return an optimiser of the parameters that are trained."""
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    own = {"momentum": plan.momentum} if plan.name == "sgd" else {}
    return OPTIMIZERS[plan.name](trained, lr=plan.learning_rate, weight_decay=plan.weight_decay, **own)


def learning_rate_schedule(optimizer: torch.optim.Optimizer, plan: OptimizerPlan, steps: int) -> LRScheduler | None:
    """Return how the learning rate goes over ``steps`` steps; None if it is constant."""
    if plan.schedule == "constant":
        return None
    warmup = max(1, round(plan.warmup * steps))
    if plan.schedule == "one-cycle":
        return OneCycleLR(
            optimizer,
            plan.learning_rate,
            total_steps=steps,
            pct_start=plan.warmup + 1e-9,  # a rise of exactly one step would divide by zero in torch
            cycle_momentum=plan.name in ("adam", "adamw"),  # of the momentum too, as in torch's default, where it is
        )

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))

    return LambdaLR(optimizer, factor)
