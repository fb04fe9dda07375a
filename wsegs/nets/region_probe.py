"""A backbone whose maps are read by region, and one linear layer: what weak attribute segments are worth by themselves.

The segments say where features are read. A logit is a sum over regions, so it says exactly how much each of them
contributed (:meth:`RegionProbe.shares`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from wsegs.errors import OptionError
from wsegs.nets import NetworkOutput, register
from wsegs.nets.backbones import build_backbone
from wsegs.nets.layers.feature_layout import FeatureLayout
from wsegs.nets.layers.heads import Heads
from wsegs.nets.layers.region_pooling import POOLINGS, pool_regions

_SHRINK = 2  # regions are read at half of the image's size, no coarser than the finest maps


@register("region-probe")
class RegionProbe(nn.Module):
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

    Attributes
    ----------
    region_size : (int, int)
        (h, w) in which it wants the regions.
    layout : FeatureLayout
        Order of the F features.
    mean, scale : Tensor
        (F,): features are standardised by them.
    thresholds : Tensor
        (A,): logits from which on an attribute is called present.
    """

    map_size = None
    mean: Tensor
    scale: Tensor
    thresholds: Tensor

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
        super().__init__()
        if pooling not in POOLINGS:
            raise OptionError(f"network 'region-probe': pooling: expected {', '.join(POOLINGS)}, got {pooling!r}")
        self.region_size = (-(-size[0] // _SHRINK), -(-size[1] // _SHRINK))
        self.backbone = build_backbone(backbone, strides)
        self.pooling = pooling
        self.mirrored = mirrored
        self.clip = clip
        channels: dict[int, int] = self.backbone.channels  # type: ignore[assignment]
        times = 2 if pooling == "both" else 1
        self.layout = FeatureLayout(tuple(regions), tuple((stride, times * channels[stride]) for stride in channels))
        self.register_buffer("mean", torch.zeros(self.layout.size))
        self.register_buffer("scale", torch.ones(self.layout.size))
        self.register_buffer("thresholds", torch.zeros(heads.get("attributes", 0)))
        self.heads = Heads(self.layout.size, heads)

    def forward(self, images: Tensor, regions: Tensor) -> NetworkOutput:
        """Return the outputs (B, K) of the tasks for images (B, 3, H, W) and regions (B, R, h, w)."""
        features = self.standardised(self.flat(self.read(images, regions)))
        return NetworkOutput(self.heads(features), features=features)

    def read(self, images: Tensor, regions: Tensor) -> dict[int, Tensor]:
        """Return what the backbone says in each region, (B, R + 1, C) by stride; the last row is the whole image."""
        blocks = self._read_once(images, regions)
        if self.mirrored:
            others = self._read_once(images.flip(-1), regions.flip(-1))
            blocks = {stride: (block + others[stride]) / 2 for stride, block in blocks.items()}
        return blocks

    def flat(self, blocks: Mapping[int, Tensor]) -> Tensor:
        """Return blocks (B, R + 1, C) by stride as vectors (B, F) in the order of the layout."""
        return torch.cat([blocks[stride].flatten(1) for stride, _ in self.layout.blocks], dim=1)

    def standardised(self, features: Tensor) -> Tensor:
        """Return features (B, F) standardised and clipped, float32."""
        return ((features.float() - self.mean) / self.scale).clamp(-self.clip, self.clip)

    def shares(self, features: Tensor, task: str = "attributes") -> Tensor:
        """Return what each region and the whole image add to each output, (B, K, R + 1).

        Their sum and the layer's bias are the output.

        Parameters
        ----------
        features
            (B, F), standardised: the ``features`` of the output.
        task
            Of the K outputs.
        """
        weight: Tensor = self.heads[task].weight  # type: ignore[assignment]
        rows = len(self.layout.rows)
        total = features.new_zeros(len(features), len(weight), rows)
        for stride, channels in self.layout.blocks:
            block = self.layout.block_of(stride)
            ours = features[:, block].view(len(features), rows, channels)
            total = total + torch.einsum("brc,krc->bkr", ours, weight[:, block].view(-1, rows, channels))
        return total

    def _read_once(self, images: Tensor, regions: Tensor) -> dict[int, Tensor]:
        maps = self.backbone(images)
        return {stride: pool_regions(of_stride, regions, self.pooling) for stride, of_stride in maps.items()}
