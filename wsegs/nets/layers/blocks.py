"""Building blocks: layers, the encoder of Kalayeh, Gong & Shah (table 1), the layers on top of it, first weights."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from wsegs.errors import OptionError

FILTERS = (64, 128, 256, 512, 1024)
"""Filters of the convolutions, doubled after each pooling (table 1, section 3.1.1)."""

_SMALLEST = 16  # four poolings would leave less than a pixel of smaller images


def scale_filters(name: str, size: tuple[int, int], width: float) -> tuple[int, ...]:
    """Return the filters of a network whose published counts are multiplied by ``width``.

    Parameters
    ----------
    name
        The network, for messages.
    size
        (H, W) of its images.
    width
        1 is the paper's network.

    Raises
    ------
    OptionError
        If the width is not between 0 and 100, or images are smaller than 16x16.
    """
    if not 0 < width < 100:
        raise OptionError(f"network '{name}': expected a width above 0 and below 100, got {width}")
    if min(size) < _SMALLEST:
        raise OptionError(
            f"network '{name}': expected images of at least {_SMALLEST}x{_SMALLEST} (HxW), got {size[0]}x{size[1]};"
            " four poolings would leave nothing of them"
        )
    return tuple(max(1, int(count * width + 0.5)) for count in FILTERS)


def conv_block(incoming: int, outgoing: int) -> nn.Sequential:
    """Return a 3x3 convolution that keeps height and width, batch normalisation, PReLU.

    The convolution has no bias, which the normalisation would take away again. PReLU has a slope for each channel, as
    in the paper that it comes from.
    """
    convolution = nn.Conv2d(incoming, outgoing, 3, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outgoing), nn.PReLU(outgoing))


def deconv_block(incoming: int, outgoing: int) -> nn.Sequential:
    """Return a 3x3 deconvolution of stride 1, batch normalisation, PReLU."""
    deconvolution = nn.ConvTranspose2d(incoming, outgoing, 3, padding=1, bias=False)
    return nn.Sequential(deconvolution, nn.BatchNorm2d(outgoing), nn.PReLU(outgoing))


def pool() -> nn.MaxPool2d:
    """Return a 2x2 max pooling that keeps an odd last row and column: 218x178 becomes 14x12 in four of them."""
    return nn.MaxPool2d(2, ceil_mode=True)


def pooled_size(size: tuple[int, int], times: int) -> tuple[int, int]:
    """Return what is left of (H, W) after so many poolings."""
    height, width = size
    for _ in range(times):
        height, width = -(-height // 2), -(-width // 2)
    return height, width


def encoder_layers(filters: tuple[int, ...], channels: int = 3) -> OrderedDict[str, nn.Module]:
    """Return the eight convolutions and three poolings of table 1's encoder, by their names there.

    Parameters
    ----------
    filters
        See :func:`scale_filters`.
    channels
        Of the input.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for block, count in enumerate(filters[:4], start=1):
        if block > 1:
            layers[f"pool_{block - 1}"] = pool()
        layers[f"conv_{block}1"] = conv_block(channels, count)
        layers[f"conv_{block}2"] = conv_block(count, count)
        channels = count
    return layers


def top_layers(filters: tuple[int, ...]) -> OrderedDict[str, nn.Module]:
    """Return the last four convolutions of the attribute networks: two of 512 filters, a pooling, two of 1024.

    Pooling comes before an increase of the filters only (section 3.1.1), so 512 filters follow the encoder's at the
    same resolution.
    """
    return OrderedDict(
        conv_51=conv_block(filters[3], filters[3]),
        conv_52=conv_block(filters[3], filters[3]),
        pool_4=pool(),
        conv_61=conv_block(filters[3], filters[4]),
        conv_62=conv_block(filters[4], filters[4]),
    )


def attribute_layers(filters: tuple[int, ...], channels: int = 3) -> nn.Sequential:
    """Return all twelve convolutions: images (B, channels, H, W) to maps (B, 1024, H / 16, W / 16)."""
    return nn.Sequential(OrderedDict([*encoder_layers(filters, channels).items(), *top_layers(filters).items()]))


class Decoder(nn.Module):
    """Table 1's decoder: deconvolutions and upsamplings, with class scores before each upsampling and at the end.

    Parameters
    ----------
    filters
        See :func:`scale_filters`.
    classes
        C, the number of classes.
    """

    def __init__(self, filters: tuple[int, ...], classes: int) -> None:
        super().__init__()
        self.steps = nn.ModuleDict()
        self.scores = nn.ModuleDict()
        channels = filters[3]
        for block in (4, 3, 2, 1):
            count = filters[block - 1]
            first, second = deconv_block(channels, count), deconv_block(count, count)
            self.steps[f"deconv_{block}"] = nn.Sequential(first, second)
            self.scores[f"deconv_{block}3"] = deconv_block(count, classes)
            channels = count

    def forward(self, features: Tensor, size: tuple[int, int], skip: int = 0) -> tuple[Tensor, ...]:
        """Return class scores at four scales, the finest first.

        Parameters
        ----------
        features
            (B, 512, h, w) of the encoder.
        size
            (H, W) of the images.
        skip
            So many of the finest scales are left out, and not computed.

        Returns
        -------
        (B, C, H, W), and of half, a quarter and an eighth of that, rounded up.
        """
        scores = []
        for block in range(4, skip, -1):
            features = self.steps[f"deconv_{block}"](features)
            scores.append(self.scores[f"deconv_{block}3"](features))
            if block > skip + 1:
                height, width = pooled_size(size, block - 2)
                # Each activation is repeated; the last row or column is left out where pooling had made one up.
                features = nn.functional.interpolate(features, scale_factor=2.0)[:, :, :height, :width]
        return tuple(reversed(scores))


def begin_for_rectifiers(module: nn.Module) -> None:
    """Give convolutions and linear layers weights that keep the size of what passes them and a ReLU (He et al., 2015).

    With torch's own, the responses shrink from layer to layer, and networks as of 2012 take long to learn anything.
    """
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
