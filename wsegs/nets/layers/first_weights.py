"""Weights that a network without batch normalisation begins with."""

from __future__ import annotations

from torch import nn


def begin_for_rectifiers(module: nn.Module) -> None:
    """Give convolutions and linear layers weights that keep the size of what passes them and a ReLU (He et al., 2015).

    With torch's own, the responses shrink from layer to layer, and networks as of 2012 take long to learn anything.
    """
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
