"""The basic attribute network (Kalayeh, Gong & Shah, section 3.1.1)."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from wsegs.nets import NetworkOutput, register
from wsegs.nets.layers.blocks import attribute_layers, scale_filters
from wsegs.nets.layers.heads import Heads


@register("basic")
class Basic(nn.Module):
    """Twelve convolutions, global average pooling, one linear layer a task.

    With 40 attributes there are 23.6 million parameters (the paper says 24); images of 218x178 end as maps of 14x12.

    Parameters
    ----------
    heads
        Outputs by task; the paper has attributes alone.
    size
        (H, W) of the images.
    width
        Scales the filters of all convolutions; 1 is the paper's network.

    Attributes
    ----------
    map_size : None
        It draws no maps of attributes.
    """

    map_size = None

    def __init__(self, heads: Mapping[str, int], size: tuple[int, int], width: float = 1.0) -> None:
        super().__init__()
        filters = scale_filters("basic", size, width)
        self.features = attribute_layers(filters)
        self.heads = Heads(filters[-1], heads)

    def forward(self, images: Tensor) -> NetworkOutput:
        """Return the outputs (B, K) of the tasks for images (B, 3, H, W), and features (B, 1024)."""
        features = self.features(images).mean(dim=(2, 3))
        return NetworkOutput(self.heads(features), features=features)
