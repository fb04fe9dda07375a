"""The basic network with regions as further channels of its input (section 4.3.1's naive approach)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from wsegs.nets import NetworkOutput, register
from wsegs.nets.blocks import attribute_layers, scale_filters


@register("naive")
class Naive(nn.Module):
    """Colours and regions side by side, batch normalisation of this input, then the basic network.

    Parameters
    ----------
    attributes, size, width
        As of the basic network.
    regions
        Names of the R regions.

    Attributes
    ----------
    region_size : (int, int)
        (h, w) in which it wants the regions: that of the images.
    """

    map_size = None

    def __init__(self, attributes: int, size: tuple[int, int], regions: Sequence[str], width: float = 1.0) -> None:
        super().__init__()
        filters = scale_filters("naive", size, width)
        self.region_size = size
        self.normalise = nn.BatchNorm2d(3 + len(regions))
        self.features = attribute_layers(filters, channels=3 + len(regions))
        self.recognise = nn.Linear(filters[-1], attributes)

    def forward(self, images: Tensor, regions: Tensor) -> NetworkOutput:
        """Return logits (B, A) of images (B, 3, H, W) and regions (B, R, H, W)."""
        channels = self.normalise(torch.cat([images, regions.to(images.dtype)], dim=1))
        return NetworkOutput(self.recognise(self.features(channels).mean(dim=(2, 3))))
