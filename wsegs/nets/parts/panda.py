"""PANDA: a small convolutional network for each pose-normalised part of a face, their features side by side.

Zhang, Paluri, Ranzato, Darrell & Bourdev's system (2014) as Liu, Luo, Wang & Tang compare with it: parts from landmarks
in place of poselets, which are parts of whole bodies. Its support vector machines are fitted on :attr:`features`
after the training (``fit`` of the recipe).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from wsegs.errors import OptionError
from wsegs.nets import NetworkOutput, register
from wsegs.nets.layers.heads import Heads

_FILTERS = (16, 32, 64, 64)
_POOLINGS = 3  # after all but the last convolution
_FEATURES = 64


@register("panda")
class Panda(nn.Module):
    """Four convolutions and a fully connected layer for each part, and one linear layer a task on all of them.

    The networks of the parts are one with grouped filters, so all are computed at once and none sees another's part.
    The paper's have four convolutions, too; its filters (64 of 5x5) and 576 features are those of a GPU.

    Parameters
    ----------
    heads
        Outputs by task.
    size
        (H, W) of the images; the network sees patches of them alone.
    regions
        Names of the R parts.
    patch
        Side of the patches, pixels.
    width
        Scales filters and features; 1 is 16, 32, 64 and 64 filters and 64 features of each part.

    Attributes
    ----------
    region_size : (int, int)
        (h, w) of the patches that it reads.
    """

    map_size = None

    def __init__(
        self,
        heads: Mapping[str, int],
        size: tuple[int, int],
        regions: Sequence[str],
        patch: int = 32,
        width: float = 1.0,
    ) -> None:
        super().__init__()
        if not 0 < width < 100:
            raise OptionError(f"network 'panda': expected a width above 0 and below 100, got {width}")
        left = patch // 2**_POOLINGS
        if not left:
            raise OptionError(
                f"network 'panda': expected patches of at least 8x8, got {patch}x{patch}; three poolings would leave"
                " nothing of them"
            )
        self.region_size = (patch, patch)
        self.parts = len(regions)
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        channels = 3
        for number, count in enumerate(_FILTERS, start=1):
            own = max(1, int(count * width + 0.5))
            layers[f"conv_{number}"] = self._convolution(channels, own)
            if number <= _POOLINGS:
                layers[f"pool_{number}"] = nn.MaxPool2d(2)
            channels = own
        self.convolutions = nn.Sequential(layers)
        self.feature_size = max(1, int(_FEATURES * width + 0.5))
        self.full = nn.Conv1d(self.parts * channels * left**2, self.parts * self.feature_size, 1, groups=self.parts)
        self.heads = Heads(self.parts * self.feature_size, heads)

    def _convolution(self, incoming: int, outgoing: int) -> nn.Sequential:
        parts = self.parts
        convolution = nn.Conv2d(parts * incoming, parts * outgoing, 3, padding=1, bias=False, groups=parts)
        return nn.Sequential(convolution, nn.BatchNorm2d(parts * outgoing), nn.ReLU())

    def forward(self, images: Tensor, regions: Tensor) -> NetworkOutput:
        """Return the outputs (B, K) of the tasks for patches (B, R, 3, h, w), and features (B, 64 R).

        ``images`` (B, 3, H, W) are not read.
        """
        maps = self.convolutions(regions.flatten(1, 2))
        features = self.full(maps.flatten(1)[:, :, None])[:, :, 0].relu()
        return NetworkOutput(self.heads(features), features=features)
