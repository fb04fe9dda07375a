"""The face parser (Kalayeh, Gong & Shah, section 3.2, table 1)."""

from __future__ import annotations

from torch import Tensor, nn

from wsegs.nets import register
from wsegs.nets.layers.blocks import Decoder, encoder_layers, scale_filters


@register("parser")
class Parser(nn.Module):
    """An encoder of eight convolutions and a decoder that mirrors it, with class scores at four scales.

    Parameters
    ----------
    size
        (H, W) of the images.
    classes
        C, the number of classes; the paper has 7.
    width
        Scales the filters of all convolutions; 1 is the paper's network.
    """

    map_size = None

    def __init__(self, size: tuple[int, int], classes: int, width: float = 1.0) -> None:
        super().__init__()
        filters = scale_filters("parser", size, width)
        self.encode = nn.Sequential(encoder_layers(filters))
        self.decode = Decoder(filters, classes)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return what :meth:`parse` does."""
        return self.parse(images)

    def parse(self, images: Tensor, skip: int = 0) -> tuple[Tensor, ...]:
        """Return class scores before the softmax of images (B, 3, H, W), the finest first.

        Parameters
        ----------
        images
        skip
            So many of the finest scales are left out, and not computed.

        Returns
        -------
        (B, C, H, W), and of half, a quarter and an eighth of that, rounded up: Deconv13, 23, 33 and 43 of the paper.
        """
        scores: tuple[Tensor, ...] = self.decode(self.encode(images), (images.shape[2], images.shape[3]), skip)
        return scores
