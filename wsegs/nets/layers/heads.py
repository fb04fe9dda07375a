"""Linear outputs of a network by the name of the task that learns each."""

from __future__ import annotations

import keyword
from collections.abc import Mapping

import torch
from torch import Tensor, nn


class Heads(nn.ModuleDict):
    """One linear layer a task.

    Parameters
    ----------
    features
        F, the length of the feature vectors.
    heads
        Outputs of each task.
    """

    def __init__(self, features: int, heads: Mapping[str, int]) -> None:
        super().__init__({name: nn.Linear(features, outputs) for name, outputs in heads.items()})
        self.feature_size = features
        self._names = tuple(heads)

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """Return outputs, float (B, K) each, of features (B, F)."""
        pairs = zip(self._names, self.values(), strict=True)
        return {name: linear_in_float32(layer, features) for name, layer in pairs}

    def rename_keywords(self) -> None:
        """Rename layers whose task is a word of Python, such as ``class``: ``torch.export`` writes code with it."""
        for name in [name for name in self if keyword.iskeyword(name)]:
            layers = {f"{key}_" if key == name else key: layer for key, layer in self.items()}
            self.clear()
            self.update(layers)


def linear_in_float32(layer: nn.Module, features: Tensor) -> Tensor:
    """Apply a linear layer in float32, whatever the rest of the network is computed in.

    Scores are ranked. In bfloat16 thousands of faces share some hundred values, which moves average precision.
    """
    with torch.autocast(features.device.type, enabled=False):
        outputs: Tensor = layer(features.float())
    return outputs
