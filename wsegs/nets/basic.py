"""The basic attribute network (Kalayeh, Gong & Shah, section 3.1.1)."""

from __future__ import annotations

from torch import Tensor, nn

from wsegs.nets import NetworkOutput, register
from wsegs.nets.blocks import attribute_layers, scale_filters


@register("basic")
class Basic(nn.Module):
    """Twelve convolutions, global average pooling, one linear layer.

    With 40 attributes there are 23.6 million parameters (the paper says 24); images of 218x178 end as maps of 14x12.

    Parameters
    ----------
    attributes
        A, the number of attributes.
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

    def __init__(self, attributes: int, size: tuple[int, int], width: float = 1.0) -> None:
        super().__init__()
        filters = scale_filters("basic", size, width)
        self.features = attribute_layers(filters)
        self.recognise = nn.Linear(filters[-1], attributes)

    def forward(self, images: Tensor) -> NetworkOutput:
        """Return logits (B, A) of images (B, 3, H, W)."""
        return NetworkOutput(self.recognise(self.features(images).mean(dim=(2, 3))))
