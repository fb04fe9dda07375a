"""Feature vectors by region: any model may read its maps so."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from wsegs.nets.layers.adaptive_pooling import adaptive_max_pool

POOLINGS = ("mean", "max", "both")
"""Ways in which a region's activations become one vector."""


def pool_regions(maps: Tensor, regions: Tensor, pooling: str = "mean") -> Tensor:
    """Return what maps say in each region and, last, in the whole image.

    Parameters
    ----------
    maps
        (B, C, h, w).
    regions
        (B, R, H, W) between 0 and 1, no smaller than the maps: the share of a region in a pixel of the maps is its
        weight there.
    pooling
        ``mean``: weighted by the region's share of each pixel. ``max``: over all pixels in which the region has a
        share. ``both``: the means, then the maxima.

    Returns
    -------
    (B, R + 1, C), or (B, R + 1, 2C) of both. A region that is not in the image gives zeros.
    """
    weights = average_regions(regions.to(maps.dtype), (maps.shape[2], maps.shape[3])).flatten(2)
    pixels = maps.permute(0, 2, 3, 1).flatten(1, 2)  # (B, h * w, C): a view, where channels are innermost
    pooled = []
    if pooling != "max":
        whole = torch.ones_like(weights[:, :1])
        shares = torch.cat([weights / weights.sum(dim=2, keepdim=True).clamp(min=1e-6), whole / whole.shape[2]], dim=1)
        pooled.append(torch.bmm(shares, pixels))
    if pooling != "mean":
        # Region by region, since all of them at once would take R times the memory of the maps.
        by_region = weights.unbind(dim=1)
        largest = [pixels.masked_fill((some <= 0)[:, :, None], -torch.inf).amax(dim=1) for some in by_region]
        maxima = torch.stack([*largest, pixels.amax(dim=1)], dim=1)
        pooled.append(maxima.masked_fill(maxima == -torch.inf, 0.0))
    return torch.cat(pooled, dim=2)


def average_regions(regions: Tensor, size: tuple[int, int]) -> Tensor:
    """Return regions (B, R, H, W) averaged to (h, w), as adaptive average pooling does.

    Where a side is halved exactly, sums of neighbours take a fifth of its time.
    """
    height, width = size
    while regions.shape[2] % (2 * height) == 0 and regions.shape[3] % (2 * width) == 0:
        rows = regions[:, :, 0::2] + regions[:, :, 1::2]
        regions = (rows[..., 0::2] + rows[..., 1::2]) * 0.25
    if regions.shape[2:] == size:
        return regions
    return nn.functional.adaptive_avg_pool2d(regions, size)


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
        largest = adaptive_max_pool(regions, size)
        average = nn.functional.adaptive_avg_pool2d(regions, size)
        weights = torch.where(self.use_max, largest, average).flatten(2)
        weights = weights / weights.sum(dim=2, keepdim=True).clamp(min=1e-6)
        return torch.bmm(weights.to(maps.dtype), maps.flatten(2).transpose(1, 2))
