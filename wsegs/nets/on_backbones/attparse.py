"""AttParse: AttParseNet's idea on a backbone of today. Maps of where each attribute is, and logits that read by them.

The paper's (Thom & Hand, section 3) are a map an attribute, taught by its mask, and logits read from the maps. Ours are
the backbone, a light decoder that brings its maps together, and logits that also read features where the maps say, a
weighted mean for each attribute.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wsegs.errors import OptionError
from wsegs.nets import NetworkOutput, register
from wsegs.nets.backbones import build_backbone
from wsegs.nets.layers.heads import linear_in_float32

READS = ("maps", "features", "both")
"""What logits are read from."""

_CELLS = (14, 12)  # that maps are averaged to before logits are read from them: all of 56x48 would be 4 million weights
_FINEST = 4  # pixels of the image to one of the maps


@register("attparse")
class AttParse(nn.Module):
    """A backbone, a decoder to maps of a quarter of the image, and logits read from the maps and by them.

    Parameters
    ----------
    attributes
        A, the number of attributes.
    size
        (H, W) of the images.
    backbone
        See :func:`wsegs.nets.backbones.build_backbone`.
    strides
        Of the backbone's maps that the decoder brings together; the finest must be 4.
    channels
        Of the decoder.
    read
        ``maps``: logits are read from the maps, as in the paper, averaged to 14x12 cells; ``features``: each from the
        decoder's features where its map is, and from those of the whole image; ``both`` adds the two.
    dropout
        Before the logits.
    map_gain
        Of the last normalisation, which makes first maps faint: most masks are empty.

    Attributes
    ----------
    map_size : (int, int)
        (h, w) of the maps.

    Raises
    ------
    OptionError
        If an option is out of range, or the backbone has no maps of these strides.
    """

    def __init__(
        self,
        attributes: int,
        size: tuple[int, int],
        backbone: str = "efficientnet-lite0",
        strides: Sequence[int] = (4, 8, 16),
        channels: int = 64,
        read: str = "both",
        dropout: float = 0.2,
        map_gain: float = 0.1,
    ) -> None:
        super().__init__()
        if min(strides, default=0) != _FINEST:
            raise OptionError(f"network 'attparse': strides: expected {_FINEST} as the finest, got {list(strides)}")
        if read not in READS:
            raise OptionError(f"network 'attparse': read: expected {', '.join(READS)}, got {read!r}")
        if channels < 1 or not 0 <= dropout < 1 or not 0 < map_gain < 100:
            raise OptionError(
                "network 'attparse': expected channels of 1 or more, dropout from 0 to below 1 and a map_gain above 0"
                f" and below 100, got {channels}, {dropout}, {map_gain}"
            )
        self.backbone = build_backbone(backbone, strides)
        self._strides = tuple(sorted(strides))
        incoming: dict[int, int] = self.backbone.channels  # type: ignore[assignment]
        self.lateral = nn.ModuleDict(
            {str(stride): nn.Conv2d(incoming[stride], channels, 1) for stride in self._strides}
        )
        self.smooth = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        )
        normalisation = nn.BatchNorm2d(attributes)
        nn.init.constant_(normalisation.weight, map_gain)
        self.segment = nn.Sequential(nn.Conv2d(channels, attributes, 1), normalisation)
        self.map_size = self._map_size(size)
        self.dropout = nn.Dropout(dropout)
        self.from_maps = self.from_features = None
        if read != "features":
            self.from_maps = nn.Linear(attributes * _CELLS[0] * _CELLS[1], attributes)
        if read != "maps":
            # An attribute reads the mean where its map is, beside that of the whole image.
            self.from_features = nn.Conv1d(attributes * 2 * channels, attributes, 1, groups=attributes)

    def forward(self, images: Tensor) -> NetworkOutput:
        """Return logits (B, A) and maps (B, A, h, w) of images (B, 3, H, W)."""
        features = self.decoded(images)
        maps = self.segment(features)
        logits = []
        if self.from_maps is not None:
            cells = F.adaptive_avg_pool2d(maps, _CELLS) if maps.shape[2:] != _CELLS else maps
            logits.append(linear_in_float32(self.from_maps, self.dropout(cells.flatten(1))))
        if self.from_features is not None:
            read = self.dropout(read_by_maps(features, maps).flatten(1))
            logits.append(linear_in_float32(self.from_features, read[:, :, None])[:, :, 0])
        return NetworkOutput({"attributes": torch.stack(logits).sum(dim=0)}, maps)

    def decoded(self, images: Tensor) -> Tensor:
        """Return features (B, C, h, w) of the finest stride: coarser maps are enlarged and added, one after another."""
        maps = self.backbone(images)
        coarsest, *finer = reversed(self._strides)
        features = self.lateral[str(coarsest)](maps[coarsest])
        for stride in finer:
            here = self.lateral[str(stride)](maps[stride])
            features = here + F.interpolate(features, here.shape[2:], mode="bilinear", align_corners=False)
        smoothed: Tensor = self.smooth(features)
        return smoothed

    def _map_size(self, size: tuple[int, int]) -> tuple[int, int]:
        with torch.no_grad():
            maps = self.backbone.eval()(torch.zeros(1, 3, *size))
        self.backbone.train()
        height, width = maps[_FINEST].shape[2:]
        return int(height), int(width)


def read_by_maps(features: Tensor, maps: Tensor) -> Tensor:
    """Return what features say where each map is, and in the whole image.

    Parameters
    ----------
    features
        (B, C, h, w).
    maps
        (B, A, h, w); what is below 0 counts as 0, as a mask has it. A map of nothing reads zeros.

    Returns
    -------
    (B, A, 2 C): the mean of the features weighted by the map, then their mean.
    """
    weights = maps.float().clamp(min=0).flatten(2)
    shares = weights / weights.sum(dim=2, keepdim=True).clamp(min=1e-6)
    pixels = features.float().flatten(2).transpose(1, 2)
    inside = torch.bmm(shares, pixels)
    whole = pixels.mean(dim=1, keepdim=True).expand_as(inside)
    return torch.cat([inside, whole], dim=2)
