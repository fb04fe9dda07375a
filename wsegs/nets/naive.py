"""The basic network with regions as further channels of its input (section 4.3.1's naive approach)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from wsegs.nets import NetworkOutput, register
from wsegs.nets.layers.blocks import attribute_layers, scale_filters
from wsegs.nets.layers.heads import Heads


@register("naive")
class Naive(nn.Module):
    """Colours and regions side by side, batch normalisation of this input, then the basic network.

    Parameters
    ----------
    heads, size, width
        As of the basic network.
    regions
        Names of the R regions.

    Attributes
    ----------
    region_size : (int, int)
        (h, w) in which it wants the regions: that of the images.
    """

    map_size = None

    def __init__(
        self, heads: Mapping[str, int], size: tuple[int, int], regions: Sequence[str], width: float = 1.0
    ) -> None:
        super().__init__()
        filters = scale_filters("naive", size, width)
        self.region_size = size
        self.normalise = nn.BatchNorm2d(3 + len(regions))
        self.features = attribute_layers(filters, channels=3 + len(regions))
        self.heads = Heads(filters[-1], heads)

    def forward(self, images: Tensor, regions: Tensor) -> NetworkOutput:
        """Return the outputs (B, K) of the tasks for images (B, 3, H, W) and regions (B, R, H, W)."""
        channels = self.normalise(torch.cat([images, regions.to(images.dtype)], dim=1))
        features = self.features(channels).mean(dim=(2, 3))
        return NetworkOutput(self.heads(features), features=features)
