"""Feature vectors by region: any model may read its maps so."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class RegionPooling(nn.Module):
    """One feature vector a region: the mean of the activations in it, weighted by its mask.

    The masks are resized to the maps by max or average pooling, region by region (section 5). The paper does not say
    how activations of a region become one vector; the weighted mean makes one region of all ones the same as global
    average pooling. A region that is not in the image gives zeros.

    Parameters
    ----------
    pooling
        ``max`` or ``average`` for each region.
    """

    use_max: Tensor

    def __init__(self, pooling: Sequence[str]) -> None:
        super().__init__()
        use_max = torch.tensor([kind == "max" for kind in pooling])
        self.register_buffer("use_max", use_max.view(1, -1, 1, 1), persistent=False)

    def forward(self, maps: Tensor, regions: Tensor) -> Tensor:
        """Return (B, R, C) of maps (B, C, h, w) and regions (B, R, H, W), which may be larger."""
        size = (maps.shape[2], maps.shape[3])
        largest = nn.functional.adaptive_max_pool2d(regions, size)
        average = nn.functional.adaptive_avg_pool2d(regions, size)
        weights = torch.where(self.use_max, largest, average).flatten(2)
        weights = weights / weights.sum(dim=2, keepdim=True).clamp(min=1e-6)
        return torch.bmm(weights.to(maps.dtype), maps.flatten(2).transpose(1, 2))
