"""EfficientNet-Lite 0 to 2 (Tan & Le, ICML 2019; the Lite variants of 2020): a small backbone with ImageNet weights.

No squeeze-and-excitation and ReLU6 throughout, so it is quick on a CPU. Padding is TensorFlow's ``SAME``, since the
weights were trained there: it is uneven where a stride of 2 meets an even size. The original sees images between -1
and 1, as all networks of wsegs do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from torch import Tensor, nn

from wsegs.errors import OptionError


class _Stage(NamedTuple):
    """Blocks of one width: the repeats, kernel, stride, expansion and filters of EfficientNet-B0's table 1."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    filters: int


_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)
_STEM, _HEAD = 32, 1280  # the Lite variants do not scale these
_SCALES = {0: (1.0, 1.0), 1: (1.0, 1.1), 2: (1.1, 1.2)}  # variant -> width, depth

STRIDES = (2, 4, 8, 16, 32)
"""Strides of the maps that every variant has."""


class SameConv2d(nn.Conv2d):
    """A convolution without bias whose output has ceil(size / stride) pixels, padded as TensorFlow does."""

    def __init__(self, channels: int, filters: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        even = stride == 1  # then the padding is the same on all sides
        super().__init__(channels, filters, kernel, stride, kernel // 2 if even else 0, groups=groups, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return (B, filters, ceil(H / stride), ceil(W / stride)) of (B, channels, H, W)."""
        if self.stride[0] > 1:
            down, across = (self._padding(length) for length in images.shape[2:])
            images = nn.functional.pad(images, (*across, *down))
        convolved: Tensor = self._conv_forward(images, self.weight, None)
        return convolved

    def _padding(self, length: int) -> tuple[int, int]:
        kernel, stride = self.kernel_size[0], self.stride[0]
        total = max((-(-length // stride) - 1) * stride + kernel - length, 0)
        return total // 2, total - total // 2


class InvertedBottleneck(nn.Sequential):
    """A block of MobileNetV2: widen, convolve each channel by itself, narrow; added to its input where that fits.

    Parameters
    ----------
    channels, filters
        Of the input, of the output.
    kernel, stride
        Of the convolution of single channels.
    expansion
        By which it widens; 1 has no widening convolution.
    """

    def __init__(self, channels: int, filters: int, kernel: int, stride: int, expansion: int) -> None:
        wide = channels * expansion
        layers: list[nn.Module] = []
        if expansion != 1:
            layers += [SameConv2d(channels, wide, 1), _norm(wide), nn.ReLU6(inplace=True)]
        layers += [SameConv2d(wide, wide, kernel, stride, groups=wide), _norm(wide), nn.ReLU6(inplace=True)]
        layers += [SameConv2d(wide, filters, 1), _norm(filters)]
        super().__init__(*layers)
        self.residual = stride == 1 and channels == filters

    def forward(self, maps: Tensor) -> Tensor:
        """Return (B, filters, h, w) of (B, channels, H, W)."""
        narrow: Tensor = super().forward(maps)  # type: ignore[no-untyped-call]
        return narrow + maps if self.residual else narrow


class EfficientNetLite(nn.Module):
    """Maps of EfficientNet-Lite at some strides.

    Parameters
    ----------
    variant
        0, 1 or 2.
    strides
        Of the maps that are wanted; layers behind the last of them are not built.
    classes
        Outputs of the classifier, 1000 with ImageNet's weights; 0 builds none.

    Attributes
    ----------
    channels : dict
        Stride -> channels of its map.

    Raises
    ------
    OptionError
        If there is no such variant, or a stride has no map.
    """

    def __init__(self, variant: int = 0, strides: Sequence[int] = STRIDES, classes: int = 0) -> None:
        super().__init__()
        if variant not in _SCALES:
            raise OptionError(f"backbone efficientnet-lite{variant}: expected efficientnet-lite0 to efficientnet-lite2")
        for stride in strides:
            if stride not in STRIDES:
                raise OptionError(
                    f"backbone efficientnet-lite{variant}: has no maps of stride {stride}:"
                    f" expected some of {', '.join(map(str, STRIDES))}"
                )
        self.stem = nn.Sequential(SameConv2d(3, _STEM, 3, 2), _norm(_STEM), nn.ReLU6(inplace=True))
        blocks = list(_blocks(*_SCALES[variant]))
        last = {stride: number for number, (stride, _) in enumerate(blocks)}  # the last block of each stride
        self._taken = {last[stride]: stride for stride in sorted(strides)}
        self.channels = {stride: _filters_of(blocks[last[stride]][1]) for stride in sorted(strides)}
        deepest = len(blocks) if classes else max(self._taken) + 1
        self.blocks = nn.ModuleList(block for _, block in blocks[:deepest])
        self.classifier: nn.Module | None = None
        if classes:
            head = (SameConv2d(_filters_of(blocks[-1][1]), _HEAD, 1), _norm(_HEAD), nn.ReLU6(inplace=True))
            self.classifier = nn.Sequential(*head, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(_HEAD, classes))

    def forward(self, images: Tensor) -> dict[int, Tensor]:
        """Return maps (B, C, ceil(H / stride), ceil(W / stride)) by stride, of images (B, 3, H, W) from -1 to 1."""
        found = {}
        maps = self.stem(images)
        for number, block in enumerate(self.blocks):
            maps = block(maps)
            if number in self._taken:
                found[self._taken[number]] = maps
        return found

    def classify(self, images: Tensor) -> Tensor:
        """Return logits (B, classes) of images (B, 3, H, W) from -1 to 1."""
        assert self.classifier is not None
        maps = self.stem(images)
        for block in self.blocks:
            maps = block(maps)
        logits: Tensor = self.classifier(maps)
        return logits

    def load_original(self, weights: Mapping[str, Tensor]) -> None:
        """Load weights under the names of ``efficientnet-lite-pytorch``; those of layers that are not built are left.

        Raises
        ------
        KeyError, RuntimeError
            If a weight is missing, or of another shape.
        """
        own = self.state_dict()
        theirs = [name for name in weights if self.classifier is not None or not name.startswith(_CLASSIFIER)]
        # Both list layers in the order in which they are applied.
        if self.classifier is None:
            theirs = theirs[: len(own)]
        if len(theirs) != len(own):
            raise RuntimeError(f"expected {len(own)} weights, got {len(theirs)}")
        self.load_state_dict({name: weights[given] for name, given in zip(own, theirs, strict=True)})


_CLASSIFIER = ("_conv_head.", "_bn1.", "_fc.")


def _norm(filters: int) -> nn.Module:
    return nn.BatchNorm2d(filters, eps=1e-3, momentum=0.01)


def _filters_of(block: nn.Module) -> int:
    return next(layer.out_channels for layer in reversed(list(block.modules())) if isinstance(layer, nn.Conv2d))


def _blocks(width: float, depth: float) -> Iterator[tuple[int, InvertedBottleneck]]:
    """Yield each block with the stride of its output."""
    channels, stride = _STEM, 2
    for number, stage in enumerate(_STAGES):
        ends = number in (0, len(_STAGES) - 1)  # the first and the last stage are not made deeper
        filters = _rounded(stage.filters * width)
        for repeat in range(stage.repeats if ends else -int(-stage.repeats * depth // 1)):
            step = stage.stride if repeat == 0 else 1
            stride *= step
            yield stride, InvertedBottleneck(channels, filters, stage.kernel, step, stage.expansion)
            channels = filters


def _rounded(filters: float) -> int:
    """Return a multiple of 8 that is at most a tenth smaller.

    >>> _rounded(24 * 1.1)
    24
    """
    rounded = max(8, int(filters + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * filters else rounded
