"""The five convolutions of CNN-M (Chatfield, Simonyan, Vedaldi & Zisserman, "Return of the devil in the details").

Wang, Su & Zhao describe their networks with nearly the words that introduce CNN-M there: like AlexNet, "with the
decreased stride and smaller receptive field in convolutional layers". Their own figure of the layers is lost.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wsegs.errors import OptionError

FILTERS = (96, 256, 512, 512, 512)
SMALLEST = 41
"""Pixels of the side of the smallest image of which the last pooling leaves something."""


def scaled(count: int, width: float) -> int:
    """Return a number of filters or units times ``width``, at least 1."""
    return max(1, int(count * width + 0.5))


def check_images(name: str, size: tuple[int, int], width: float) -> None:
    """Check the options that networks of these convolutions share.

    Raises
    ------
    OptionError
        If the width is not between 0 and 100, or the images are too small.
    """
    if not 0 < width < 100:
        raise OptionError(f"network '{name}': expected a width above 0 and below 100, got {width}")
    if min(size) < SMALLEST:
        raise OptionError(
            f"network '{name}': expected images of at least {SMALLEST}x{SMALLEST} (HxW), got {size[0]}x{size[1]};"
            " three poolings would leave nothing of them"
        )


def convolutions(width: float) -> nn.Sequential:
    """Return images (B, 3, H, W) to maps (B, 512 * width, h, w): five convolutions, two normalisations, two poolings.

    Pooling rounds up, as in Caffe: 224x224 becomes 13x13 before the last pooling, which is left to the network.
    """
    c1, c2, *rest = (scaled(count, width) for count in FILTERS)
    layers: list[nn.Module] = [
        *(nn.Conv2d(3, c1, 7, stride=2), nn.ReLU(), ResponseNormalisation(c1), last_pooling()),
        *(nn.Conv2d(c1, c2, 5, stride=2, padding=1), nn.ReLU(), ResponseNormalisation(c2), last_pooling()),
    ]
    for incoming, outgoing in pairwise((c2, *rest)):
        layers += [nn.Conv2d(incoming, outgoing, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers)


def last_pooling() -> nn.MaxPool2d:
    """Return the pooling of all of its layers: 3x3 of stride 2, of which the last row and column may be cut."""
    return nn.MaxPool2d(3, stride=2, ceil_mode=True)


def maps_size(size: tuple[int, int], *, pooled: bool = False) -> tuple[int, int]:
    """Return the (h, w) of the fifth convolution's maps of images (H, W), before or after the last pooling.

    >>> maps_size((224, 224)), maps_size((224, 224), pooled=True), maps_size((41, 60))
    ((13, 13), (6, 6), (2, 3))
    """

    def along(length: int) -> int:
        first = _pooled((length - 7) // 2 + 1)
        second = _pooled((first + 2 - 5) // 2 + 1)
        return _pooled(second) if pooled else second

    return along(size[0]), along(size[1])


def _pooled(length: int) -> int:
    """Return what the pooling leaves of a length."""
    return -(-(length - 3) // 2) + 1


class ResponseNormalisation(nn.Module):
    """Divide responses by those of the five channels about each, as AlexNet and CNN-M do: alpha 5e-4, beta .75, k 2.

    The sum over channels is a product with a band matrix. On a processor this takes a half to a third of the time of
    ``torch.nn.LocalResponseNorm``, which pools over a further axis, and which it equals to rounding.

    Parameters
    ----------
    channels
        C.
    """

    band: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        place = torch.arange(channels)
        near = (place[:, None] - place).abs() <= 2
        self.register_buffer("band", 5e-4 / 5 * near.float()[:, :, None, None], persistent=False)

    def forward(self, maps: Tensor) -> Tensor:
        """Return maps (B, C, h, w) normalised, in float32 within."""
        with torch.autocast(maps.device.type, enabled=False):
            inverse = (F.conv2d(maps.float().square(), self.band) + 2).rsqrt()
        return maps * (inverse * inverse.sqrt()).to(maps.dtype)  # to the power of -0.75
