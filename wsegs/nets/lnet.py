"""LNet (Liu, Luo, Wang & Tang, "Deep Learning Face Attributes in the Wild", section 3.1): where a face responds."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from wsegs.errors import OptionError
from wsegs.nets import NetworkOutput, register
from wsegs.nets.layers.blocks import begin_for_rectifiers
from wsegs.nets.layers.heads import Heads


class LNetLayers(NamedTuple):
    """Filters of the five convolutions, and the padding of the first."""

    filters: tuple[int, int, int, int, int]
    padding: int


LAYERS = {
    # C1 and C5 are stated; the others are AlexNet's, without its groups, since C5 sums over all 384 (section 3.1).
    "paper": LNetLayers((96, 256, 384, 384, 256), 0),
    # Of torchvision's AlexNet, whose weights then fit by name.
    "torchvision": LNetLayers((64, 192, 384, 256, 256), 2),
}
STRIDE = 16
"""Pixels between two cells of the response map."""

_HIDDEN = 4096
_HEAD_DEVIATION = 0.01  # AlexNet's
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of torchvision's AlexNet


@register("lnet")
class LNet(nn.Module):
    """Five convolutions, max pooling after the first two, and fully connected layers that the localisation leaves out.

    The convolutions take images of any size: :meth:`responses` is a map of where they respond. Strides, kernels and
    paddings that the paper does not give are AlexNet's. The names of the convolutions are those of torchvision's
    AlexNet.

    Parameters
    ----------
    heads
        Outputs by task: categories of objects, or attributes.
    size
        (H, W) of the training images.
    width
        Scales filters and hidden units; 1 is the paper's network.
    layers
        ``paper``; or ``torchvision``, to begin with an AlexNet checkpoint of torchvision, whose filters and input
        normalisation it has.
    hidden
        Fully connected layers of 4096 before the outputs.
    dropout
        Before each of them.

    Attributes
    ----------
    cell_centre : int
        The pixel, counted from 0, on which the first cell of the response map is centred, along either axis. The next
        is 16 pixels on.
    smallest : int
        The side in pixels of the smallest image that has a response.

    Raises
    ------
    OptionError
        If the images are too small or an option is out of range.
    """

    map_size = None
    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        heads: Mapping[str, int],
        size: tuple[int, int],
        width: float = 1.0,
        layers: str = "paper",
        hidden: int = 2,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        if not 0 < width < 100:
            raise OptionError(f"network 'lnet': expected a width above 0 and below 100, got {width}")
        if layers not in LAYERS:
            raise OptionError(f"network 'lnet': layers: expected {' or '.join(LAYERS)}, got {layers!r}")
        if hidden < 0 or not 0 <= dropout < 1:
            raise OptionError(
                f"network 'lnet': expected hidden of 0 or more and dropout from 0 to below 1, got {hidden}, {dropout}"
            )
        filters, padding = LAYERS[layers]
        c1, c2, c3, c4, c5 = (max(1, int(count * width + 0.5)) for count in filters)
        self.features = nn.Sequential(
            nn.Conv2d(3, c1, 11, stride=4, padding=padding),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(c1, c2, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(c2, c3, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(c3, c4, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(c4, c5, 3, padding=1),
            nn.ReLU(),
        )
        self.cell_centre, self.smallest = first_centre(layers), _smallest(layers)
        height, across = response_size(size, layers)
        if min(height, across) < 1:
            raise OptionError(
                f"network 'lnet': expected images of at least {_smallest(layers)}x{_smallest(layers)} (HxW),"
                f" got {size[0]}x{size[1]}"
            )
        imagenet = layers == "torchvision"
        self.register_buffer("mean", _channels(_MEAN) * 2 - 1 if imagenet else _channels((0.0,) * 3), persistent=False)
        self.register_buffer(
            "deviation", _channels(_DEVIATION) * 2 if imagenet else _channels((1.0,) * 3), persistent=False
        )
        units = c5 * height * across
        hidden_layers: list[nn.Module] = []
        for _ in range(hidden):
            after = max(1, int(_HIDDEN * width + 0.5))
            hidden_layers += [nn.Dropout(dropout), nn.Linear(units, after), nn.ReLU()]
            units = after
        self.hidden = nn.Sequential(*hidden_layers)
        self.heads = Heads(units, heads)
        begin_for_rectifiers(self)  # the paper names none; with torch's own, SGD learns nothing of few pictures
        for head in self.heads.values():
            nn.init.normal_(head.weight, std=_HEAD_DEVIATION)  # type: ignore[arg-type]

    def forward(self, images: Tensor) -> NetworkOutput:
        """Return the outputs (B, K) of the tasks for images (B, 3, H, W) of the training's size."""
        features = self.hidden(self.convolved(images).flatten(1))
        return NetworkOutput(self.heads(features), features=features)

    def fitting_option(self, weights: Mapping[str, Tensor]) -> str:
        """Return, as the end of a message, with which option an LNet has the shapes of these weights; "" if none."""
        shapes = [
            tuple(weights[name].shape) for name in self.state_dict() if name in weights and name.endswith("weight")
        ]
        for layers, (filters, _) in LAYERS.items():
            ours = [(after, before) for before, after in itertools.pairwise((3, *filters))]
            if [shape[:2] for shape in shapes if len(shape) == 4] == ours:
                return (
                    f"; an lnet with --layers {layers} (network: {{layers: {layers}}}) and --width 1 has these shapes"
                )
        return ""

    def convolved(self, images: Tensor) -> Tensor:
        """Return h(5), the maps (B, C5, h, w) of the last convolution, for images (B, 3, H, W) of any size."""
        maps: Tensor = self.features((images - self.mean) / self.deviation)
        return maps

    def responses(self, images: Tensor) -> Tensor:
        """Return the mean over the channels of h(5), (B, h, w), for images of any size (figure 1)."""
        return self.convolved(images).mean(dim=1)


def response_size(size: tuple[int, int], layers: str = "paper") -> tuple[int, int]:
    """Return (h, w) of the response map of an image of (H, W); 0 or less where it is too small."""
    padding = LAYERS[layers].padding

    def along(length: int) -> int:
        for kernel, stride, pad in ((11, 4, padding), (3, 2, 0), (3, 2, 0)):
            if length + 2 * pad < kernel:
                return 0
            length = (length + 2 * pad - kernel) // stride + 1
        return length

    return along(size[0]), along(size[1])


def first_centre(layers: str = "paper") -> int:
    """Return the pixel, counted from 0, on which the first cell of the response map is centred; along either axis."""
    return 5 - LAYERS[layers].padding + 4 + 8


def _smallest(layers: str) -> int:
    return next(length for length in range(1, 100) if response_size((length, length), layers)[0] > 0)


def _channels(values: tuple[float, ...]) -> Tensor:
    return torch.tensor(values).view(1, 3, 1, 1)
