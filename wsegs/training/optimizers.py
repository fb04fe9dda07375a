"""Optimisers and schedules of the learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

from wsegs.training.plan import OptimizerPlan, TrunkPlan

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "adagrad": torch.optim.Adagrad,
    "sgd": torch.optim.SGD,
}


def build_optimizer(
    plan: OptimizerPlan, network: nn.Module, trunks: Sequence[TrunkPlan] = (), backbone_rate: float = 1.0
) -> torch.optim.Optimizer:
    """Return an optimiser of the parameters that are trained; those of ``trunks`` have a rate of their own.

    So have those of the network's ``backbone``, where it has one.
    """
    rates = {
        parameter: trunk.rate
        for trunk in trunks
        for layer in trunk.layers
        for parameter in network.get_submodule(layer).parameters()
    }
    if backbone_rate != 1:
        rates |= dict.fromkeys(network.get_submodule("backbone").parameters(), backbone_rate)
    groups: dict[float, list[nn.Parameter]] = {}
    for parameter in network.parameters():
        if parameter.requires_grad:
            groups.setdefault(rates.get(parameter, 1.0), []).append(parameter)
    by_rate = [
        {"params": groups[rate], "lr": plan.learning_rate * rate} for rate in sorted(groups, reverse=True)
    ]  # the highest first, which is the one that is logged
    momentum = {"momentum": plan.momentum} if plan.name == "sgd" else {}
    return OPTIMIZERS[plan.name](by_rate, lr=plan.learning_rate, weight_decay=plan.weight_decay, **momentum)


def learning_rate_schedule(optimizer: torch.optim.Optimizer, plan: OptimizerPlan, steps: int) -> LRScheduler | None:
    """Return how the learning rate goes over ``steps`` steps; None if it is constant."""
    if plan.schedule == "constant":
        return None
    warmup = max(1, round(plan.warmup * steps))
    if plan.schedule == "one-cycle":
        return OneCycleLR(
            optimizer,
            [group["lr"] for group in optimizer.param_groups],
            total_steps=steps,
            pct_start=plan.warmup + 1e-9,  # a rise of exactly one step would divide by zero in torch
            cycle_momentum=plan.name in ("adam", "adamw"),  # of the momentum too, as in torch's default, where it is
        )

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))

    return LambdaLR(optimizer, factor)
