"""IdentityNet, AgeNet, RaceNet and AttributeNet (Wang, Su & Zhao): one architecture, and what reads several of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from wsegs.errors import OptionError
from wsegs.nets import NetworkOutput, register
from wsegs.nets.layers.blocks import begin_for_rectifiers
from wsegs.nets.layers.cnn_m import (
    FILTERS,
    check_images,
    convolutions,
    last_pooling,
    maps_size,
    scaled,
)
from wsegs.nets.layers.heads import Heads, linear_in_float32

_FULL = 4096


@register("cnn-m")
class CNNM(nn.Module):
    """Five convolutions and two fully connected layers of 4096: IdentityNet, AgeNet and RaceNet, by what they learn.

    Parameters
    ----------
    heads
        Outputs by task: categories of objects, face and other, people, age, race.
    size
        (H, W) of the images; 224x224 is the paper's.
    width
        Scales filters and units; 1 is the paper's network.
    dropout
        Share of the units that are left out before each layer that reads fully connected ones.

    Raises
    ------
    OptionError
        If the images are too small or an option is out of range.
    """

    map_size = None

    def __init__(
        self, heads: Mapping[str, int], size: tuple[int, int], width: float = 1.0, dropout: float = 0.5
    ) -> None:
        super().__init__()
        check_images("cnn-m", size, width)
        if not 0 <= dropout < 1:
            raise OptionError(f"network 'cnn-m': expected a dropout from 0 to below 1, got {dropout}")
        height, across = maps_size(size, pooled=True)
        units = scaled(_FULL, width)
        self.convolutions = convolutions(width)
        self.pool = last_pooling()
        self.hidden = nn.Sequential(
            *(nn.Linear(scaled(FILTERS[-1], width) * height * across, units), nn.ReLU()),
            *(nn.Dropout(dropout), nn.Linear(units, units), nn.ReLU()),
        )
        self.dropout = nn.Dropout(dropout)
        begin_for_rectifiers(self)
        self.heads = Heads(units, heads)

    def forward(self, images: Tensor) -> NetworkOutput:
        """Return the outputs (B, K) of the tasks for images (B, 3, H, W), and features (B, 4096) before dropout."""
        features = self.hidden(self.pool(self.convolutions(images)).flatten(1))
        return NetworkOutput(self.heads(self.dropout(features)), features=features)


@register("attributenet")
class AttributeNet(nn.Module):
    """The convolutions of several networks side by side, and a branch for each group of attributes.

    Parameters
    ----------
    attributes
        A, the number of attributes.
    size
        (H, W) of the images.
    groups
        Positions of the attributes of each group; all of them are in one group each. None is one group of all.
    streams
        How many networks' convolutions there are. Their maps are concatenated along channels.
    width
        Scales filters and units; 1 is the paper's for the convolutions.
    pooled
        Read the maps after the last pooling. The paper keeps convolutions for their "spatial information", so they are
        read before it.

    Raises
    ------
    OptionError
        If the images are too small, an option is out of range, or an attribute is in no group or in two.
    """

    map_size = None
    order: Tensor

    def __init__(
        self,
        attributes: int,
        size: tuple[int, int],
        groups: Mapping[str, Sequence[int]] | None = None,
        streams: int = 1,
        width: float = 1.0,
        pooled: bool = False,
    ) -> None:
        super().__init__()
        check_images("attributenet", size, width)
        if streams < 1:
            raise OptionError(f"network 'attributenet': streams: expected 1 or more, got {streams}")
        chosen = {"all": range(attributes)} if groups is None else groups
        places = [place for group in chosen.values() for place in group]
        if sorted(places) != list(range(attributes)) or not all(map(len, chosen.values())):
            raise OptionError(
                f"network 'attributenet': groups: expected each of the attributes 0 to {attributes - 1} in one group,"
                f" got {', '.join(map(str, places)) or 'none'}"
            )
        self.convolutions = nn.ModuleList(convolutions(width) for _ in range(streams))
        self.pool = last_pooling() if pooled else nn.Identity()
        channels = streams * scaled(FILTERS[-1], width)
        maps = maps_size(size, pooled=pooled)
        self.groups = nn.ModuleList(GroupBranch(channels, maps, len(group), width) for group in chosen.values())
        begin_for_rectifiers(self.convolutions)
        self.register_buffer("order", torch.tensor(places).argsort(), persistent=False)

    def forward(self, images: Tensor) -> NetworkOutput:
        """Return logits (B, A) of images (B, 3, H, W)."""
        maps = torch.cat([self.pool(stream(images)) for stream in self.convolutions], dim=1)
        logits = torch.cat([group(maps) for group in self.groups], dim=1)
        return NetworkOutput({"attributes": logits[:, self.order]})


class GroupBranch(nn.Module):
    """A convolution and two fully connected layers of a group of attributes.

    The paper gives no sizes: 64 filters of 3x3, a pooling of 2, 256 units, small beside the channels that are read.

    Parameters
    ----------
    channels, maps
        Of what is read, and its (h, w).
    attributes
        How many there are in the group.
    width
        Scales filters and units.
    """

    def __init__(self, channels: int, maps: tuple[int, int], attributes: int, width: float) -> None:
        super().__init__()
        filters, units = scaled(64, width), scaled(256, width)
        height, across = (-(-length // 2) for length in maps)
        self.convolution = nn.Conv2d(channels, filters, 3, padding=1)
        self.pool = nn.MaxPool2d(2, ceil_mode=True)
        self.hidden = nn.Linear(filters * height * across, units)
        begin_for_rectifiers(self)
        self.classify = nn.Linear(units, attributes)

    def forward(self, maps: Tensor) -> Tensor:
        """Return logits (B, attributes) of maps (B, channels, h, w)."""
        pooled = self.pool(self.convolution(maps).relu())
        return linear_in_float32(self.classify, self.hidden(pooled.flatten(1)).relu())
