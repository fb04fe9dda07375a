"""Semantic segmentation-based pooling (Kalayeh, Gong & Shah, section 3.1.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from wsegs.errors import OptionError
from wsegs.io.files import did_you_mean
from wsegs.nets import NetworkOutput, register
from wsegs.nets.layers.blocks import attribute_layers, pooled_size, scale_filters
from wsegs.nets.layers.heads import linear_in_float32
from wsegs.nets.layers.region_pooling import RegionPooling

_POOLINGS = ("max", "average")


class WeightedRegions(nn.Module):
    """Two linear branches on the regions' features: what they say of each attribute, and how much each counts.

    Parameters
    ----------
    features
        C, the length of the feature vectors.
    attributes
        A.
    """

    def __init__(self, features: int, attributes: int) -> None:
        super().__init__()
        self.classify = nn.Linear(features, attributes)
        self.localise = nn.Linear(features, attributes)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (B, A) and the regions' weights (B, A, R) of features (B, R, C)."""
        scores = linear_in_float32(self.classify, features)
        weights = linear_in_float32(self.localise, features).softmax(dim=1)
        return (weights * scores).sum(dim=1), weights.transpose(1, 2)


@register("ssp")
class SSP(nn.Module):
    """The basic network, with pooling by region and two branches instead of global average pooling.

    Parameters
    ----------
    attributes
        A, the number of attributes.
    size
        (H, W) of the images.
    regions
        Names of the R regions.
    width
        Scales the filters of all convolutions; 1 is the paper's network.
    pooling
        Region -> ``max`` or ``average``: how its mask is resized to the last maps. ``default`` stands for all regions
        that are not named, ``average`` if it is not there. Max pooling widens a region by what is about it.

    Attributes
    ----------
    region_size : (int, int)
        (h, w) in which it wants the regions: half of the images', where the paper takes its parser's Deconv23.

    Raises
    ------
    OptionError
        If ``pooling`` names a region that is not there, or another kind of pooling.
    """

    map_size = None

    def __init__(
        self,
        attributes: int,
        size: tuple[int, int],
        regions: Sequence[str],
        width: float = 1.0,
        pooling: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        filters = scale_filters("ssp", size, width)
        self.region_size = pooled_size(size, 1)
        self.features = attribute_layers(filters)
        self.pool = RegionPooling(_poolings(regions, pooling or {}))
        self.score = WeightedRegions(filters[-1], attributes)

    def forward(self, images: Tensor, regions: Tensor) -> NetworkOutput:
        """Return logits (B, A) of images (B, 3, H, W) and regions (B, R, h, w)."""
        return NetworkOutput({"attributes": self.score(self.pool(self.features(images), regions))[0]})

    def region_weights(self, images: Tensor, regions: Tensor) -> Tensor:
        """Return how much each region counts for each attribute, (B, A, R) of sum 1 over the regions (figure 4)."""
        weights: Tensor = self.score(self.pool(self.features(images), regions))[1]
        return weights


def _poolings(regions: Sequence[str], pooling: Mapping[str, str]) -> list[str]:
    if not isinstance(pooling, Mapping):
        raise OptionError(f"network 'ssp': pooling: expected region: max or average, got {pooling!r}")
    for region, kind in pooling.items():
        if kind not in _POOLINGS:
            raise OptionError(f"network 'ssp': pooling: {region}: expected max or average, got {kind!r}")
        if region != "default" and region not in regions:
            raise OptionError(
                f"network 'ssp': pooling: no region '{region}': expected default or one of {', '.join(regions)}"
                f"{did_you_mean(region, tuple(regions))}"
            )
    default = pooling.get("default", "average")
    return [pooling.get(region, default) for region in regions]
