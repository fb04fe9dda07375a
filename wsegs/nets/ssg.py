"""Semantic segmentation-based gating (Kalayeh, Gong & Shah, section 3.1.3)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from wsegs.nets import NetworkOutput, register
from wsegs.nets.layers.blocks import encoder_layers, pool, pooled_size, scale_filters, top_layers
from wsegs.nets.layers.heads import Heads


def normalise_masks(regions: Tensor) -> Tensor:
    """Return masks (B, R, h, w) scaled so that the values of each sum to 1; a region that is not there stays 0."""
    return regions / regions.sum(dim=(2, 3), keepdim=True).clamp(min=1e-6)


class GatedPooling(nn.Module):
    """A convolution whose activations are gated by each region before they are normalised and max pooled.

    The R gated copies are normalised and pooled by themselves, so that no pooling mixes two regions; a 1x1
    convolution brings their R times C channels back to C. The paper says nothing of a normalisation after it, and
    that it can become a plain max pooling; it is linear here.

    Gates that sum to 1 are as small as one by the number of pixels, and the variance of what they leave is less
    than the constant that batch normalisation adds to it for safety. They are multiplied by the number of pixels,
    which normalisation takes away again.

    Parameters
    ----------
    incoming, outgoing
        Channels of the convolution.
    regions
        R, the number of regions.
    """

    def __init__(self, incoming: int, outgoing: int, regions: int) -> None:
        super().__init__()
        self.convolve = nn.Conv2d(incoming, outgoing, 3, padding=1, bias=False)
        self.normalise = nn.BatchNorm2d(outgoing * regions)
        self.activate = nn.PReLU(outgoing * regions)
        self.pool = pool()
        self.restore = nn.Conv2d(outgoing * regions, outgoing, 1, bias=False)

    def forward(self, maps: Tensor, regions: Tensor) -> Tensor:
        """Return (B, C, ceil(h / 2), ceil(w / 2)) of maps (B, incoming, h, w) and regions (B, R, H, W)."""
        pooled: Tensor = self.pool(self.activate(self.normalise(self.gate(self.convolve(maps), regions))))
        restored: Tensor = self.restore(pooled)
        return restored

    @staticmethod
    def gate(maps: Tensor, regions: Tensor) -> Tensor:
        """Return the gated copies (B, R * C, h, w) of maps (B, C, h, w), all channels of region 0 first."""
        size = (maps.shape[2], maps.shape[3])
        gates = normalise_masks(nn.functional.adaptive_avg_pool2d(regions, size)) * (size[0] * size[1])
        gated = gates[:, :, None].to(maps.dtype) * maps[:, None]
        return gated.flatten(1, 2)


@register("ssg")
class SSG(nn.Module):
    """The basic network, with gates about its last layer of 256 channels and the pooling that follows.

    Parameters
    ----------
    heads, size, width
        As of the basic network.
    regions
        Names of the R regions.

    Attributes
    ----------
    region_size : (int, int)
        (h, w) in which it wants the regions: a quarter of the images', where the paper takes its parser's Deconv33.
    """

    map_size = None

    def __init__(
        self, heads: Mapping[str, int], size: tuple[int, int], regions: Sequence[str], width: float = 1.0
    ) -> None:
        super().__init__()
        filters = scale_filters("ssg", size, width)
        self.region_size = pooled_size(size, 2)
        layers = list(encoder_layers(filters).items())
        gated = [name for name, _ in layers].index("conv_32")  # this layer and the pooling after it are replaced
        self.before = nn.Sequential(OrderedDict(layers[:gated]))
        self.gated_pool = GatedPooling(filters[2], filters[2], len(regions))
        self.after = nn.Sequential(OrderedDict([*layers[gated + 2 :], *top_layers(filters).items()]))
        self.heads = Heads(filters[-1], heads)

    def forward(self, images: Tensor, regions: Tensor) -> NetworkOutput:
        """Return the outputs (B, K) of the tasks for images (B, 3, H, W) and regions (B, R, h, w)."""
        maps = self.after(self.gated_pool(self.before(images), regions))
        features = maps.mean(dim=(2, 3))
        return NetworkOutput(self.heads(features), features=features)
