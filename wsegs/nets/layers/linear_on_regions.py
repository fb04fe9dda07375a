"""What networks have in common that read features by region and have one linear layer a task on them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from wsegs.nets import NetworkOutput
from wsegs.nets.layers.feature_layout import FeatureLayout
from wsegs.nets.layers.heads import Heads


class LinearOnRegions(nn.Module):
    """Features of each region and of the whole image; standardised; one linear layer a task.

    A logit is a sum over regions, so it says exactly how much each of them contributed (:meth:`shares`). A network
    says in :meth:`read` what its features are.

    Parameters
    ----------
    heads
        Outputs of each task.
    layout
        Order of the F features.
    clip
        Features are clipped at so many standard deviations: a region that is seldom there has a tiny variance.

    Attributes
    ----------
    layout, clip
    region_size : (int, int)
        (h, w) in which it wants the regions.
    mean, scale : Tensor
        (F,): features are standardised by them.
    thresholds : Tensor
        (A,): logits from which on an attribute is called present.
    """

    map_size = None
    region_size: tuple[int, int]
    mean: Tensor
    scale: Tensor
    thresholds: Tensor

    def __init__(self, heads: Mapping[str, int], layout: FeatureLayout, clip: float) -> None:
        super().__init__()
        self.clip = clip
        self.layout = layout
        self.register_buffer("mean", torch.zeros(layout.size))
        self.register_buffer("scale", torch.ones(layout.size))
        self.register_buffer("thresholds", torch.zeros(heads.get("attributes", 0)))
        self.heads = Heads(layout.size, heads)

    def read(self, images: Tensor, regions: Tensor) -> dict[int, Tensor]:
        """Return what is read in each region, (B, R + 1, C) by stride; the last row is the whole image."""
        raise NotImplementedError

    def forward(self, images: Tensor, regions: Tensor) -> NetworkOutput:
        """Return the outputs (B, K) of the tasks for images (B, 3, H, W) and regions (B, R, h, w)."""
        features = self.standardised(self.flat(self.read(images, regions)))
        return NetworkOutput(self.heads(features), features=features)

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
