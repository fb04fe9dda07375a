"""The basic network with a spatial pyramid instead of global average pooling (section 4.3.1's SPPNet*)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from wsegs.nets import NetworkOutput, register
from wsegs.nets.layers.adaptive_pooling import adaptive_max_pool
from wsegs.nets.layers.blocks import attribute_layers, scale_filters
from wsegs.nets.layers.heads import Heads

_LEVELS = (1, 2)


@register("sppnet")
class SPPNet(nn.Module):
    """Twelve convolutions, max pooling over the whole map and over its quarters, one linear layer on all five.

    The paper says "a pyramid of two levels"; 1x1 and 2x2 with max pooling are the usual ones of the layer that it
    cites (He et al., "Spatial pyramid pooling in deep convolutional networks for visual recognition").

    Parameters
    ----------
    heads, size, width
        As of the basic network.
    """

    map_size = None

    def __init__(self, heads: Mapping[str, int], size: tuple[int, int], width: float = 1.0) -> None:
        super().__init__()
        filters = scale_filters("sppnet", size, width)
        self.features = attribute_layers(filters)
        self.heads = Heads(filters[-1] * sum(level**2 for level in _LEVELS), heads)

    def forward(self, images: Tensor) -> NetworkOutput:
        """Return the outputs (B, K) of the tasks for images (B, 3, H, W)."""
        maps = self.features(images)
        pooled = [adaptive_max_pool(maps, (level, level)).flatten(1) for level in _LEVELS]
        features = torch.cat(pooled, dim=1)
        return NetworkOutput(self.heads(features), features=features)
