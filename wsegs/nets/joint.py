"""Face parser and basic attribute network on one encoder (Kalayeh, Gong & Shah, section 4.4)."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from wsegs.nets import NetworkOutput, register
from wsegs.nets.layers.blocks import Decoder, encoder_layers, scale_filters, top_layers
from wsegs.nets.layers.heads import Heads


@register("joint")
class Joint(nn.Module):
    """The first eight convolutions are shared; the parser's decoder and the attributes' layers follow.

    Parameters
    ----------
    heads
        Outputs by task; the paper has attributes alone.
    size
        (H, W) of the images.
    classes
        C, the number of the parser's classes.
    width
        Scales the filters of all convolutions.
    """

    map_size = None

    def __init__(self, heads: Mapping[str, int], size: tuple[int, int], classes: int, width: float = 1.0) -> None:
        super().__init__()
        filters = scale_filters("joint", size, width)
        self.encode = nn.Sequential(encoder_layers(filters))
        self.decode = Decoder(filters, classes)
        self.top = nn.Sequential(top_layers(filters))
        self.heads = Heads(filters[-1], heads)

    def forward(self, images: Tensor) -> NetworkOutput:
        """Return the outputs (B, K) of the tasks for images (B, 3, H, W)."""
        features = self.top(self.encode(images)).mean(dim=(2, 3))
        return NetworkOutput(self.heads(features), features=features)

    def parse(self, images: Tensor, skip: int = 0) -> tuple[Tensor, ...]:
        """Return class scores at four scales, less the ``skip`` finest, as the parser does."""
        scores: tuple[Tensor, ...] = self.decode(self.encode(images), (images.shape[2], images.shape[3]), skip)
        return scores
