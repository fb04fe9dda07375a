"""A backbone whose maps are read by region, and one linear layer: what weak attribute segments are worth by themselves.

The segments say where features are read. A logit is a sum over regions, so it says exactly how much each of them
contributed (:meth:`RegionProbe.shares`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from wsegs.errors import OptionError
from wsegs.nets import register
from wsegs.nets.backbones import build_backbone
from wsegs.nets.layers.feature_layout import FeatureLayout
from wsegs.nets.layers.linear_on_regions import LinearOnRegions
from wsegs.nets.layers.region_pooling import POOLINGS, pool_regions

_SHRINK = 2  # regions are read at half of the image's size, no coarser than the finest maps


@register("region-probe")
class RegionProbe(LinearOnRegions):
    """Maps of a backbone, pooled in each region and in the whole image; standardised; one linear layer a task.

    Parameters
    ----------
    heads
        Outputs of each task.
    size
        (H, W) of the images.
    regions
        Names of the R regions; none reads the whole image alone.
    backbone
        See :func:`wsegs.nets.backbones.build_backbone`.
    strides
        Of the maps that are read.
    pooling
        ``mean`` over a region, ``max``, or ``both``.
    mirrored
        Read the mirrored image too, and average.
    clip
        Features are clipped at so many standard deviations: a region that is seldom there has a tiny variance.
    """

    map_size = None

    def __init__(
        self,
        heads: Mapping[str, int],
        size: tuple[int, int],
        regions: Sequence[str],
        backbone: str = "efficientnet-lite0",
        strides: Sequence[int] = (4, 8, 16),
        pooling: str = "mean",
        mirrored: bool = False,
        clip: float = 8.0,
    ) -> None:
        if pooling not in POOLINGS:
            raise OptionError(f"network 'region-probe': pooling: expected {', '.join(POOLINGS)}, got {pooling!r}")
        maps = build_backbone(backbone, strides)
        channels: dict[int, int] = maps.channels  # type: ignore[assignment]
        times = 2 if pooling == "both" else 1
        blocks = tuple((stride, times * channels[stride]) for stride in channels)
        super().__init__(heads, FeatureLayout(tuple(regions), blocks), clip)
        self.region_size = (-(-size[0] // _SHRINK), -(-size[1] // _SHRINK))
        self.backbone = maps
        self.pooling = pooling
        self.mirrored = mirrored

    def read(self, images: Tensor, regions: Tensor) -> dict[int, Tensor]:
        """Return what the backbone says in each region, (B, R + 1, C) by stride; the last row is the whole image."""
        blocks = self._read_once(images, regions)
        if self.mirrored:
            others = self._read_once(images.flip(-1), regions.flip(-1))
            blocks = {stride: (block + others[stride]) / 2 for stride, block in blocks.items()}
        return blocks

    def _read_once(self, images: Tensor, regions: Tensor) -> dict[int, Tensor]:
        maps = self.backbone(images)
        return {stride: pool_regions(of_stride, regions, self.pooling) for stride, of_stride in maps.items()}
