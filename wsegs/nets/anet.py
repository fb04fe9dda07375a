"""ANet (Liu, Luo, Wang & Tang, section 3.2): attributes of a face, by filters shared locally."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from wsegs.errors import OptionError
from wsegs.nets import NetworkOutput, register
from wsegs.nets.layers.heads import Heads
from wsegs.nets.layers.locally_shared import LocallySharedConvolution

_FILTERS = (20, 40, 60, 80)  # and all kernels: Sun, Wang & Tang (DeepID2), the paper's reference [23]
_FEATURES = 160
PATCH_STRIDE = 4
"""Pixels between two patches that the shared convolutions can tell apart: they pool twice."""


@register("anet")
class ANet(nn.Module):
    """Four convolutions, three max poolings, one fully connected layer.

    Filters of the first two are shared over the image, those of the others within the cells of a grid. The paper states
    so much; all numbers are those of its reference [23]. There the fully connected layer reads the third convolution,
    too; here it reads the fourth alone, as the paper says. Nothing is padded, so that a face may be read anywhere in a
    larger image (:mod:`wsegs.nets.layers.interweave`).

    Parameters
    ----------
    heads
        Outputs by task: people, or attributes.
    size
        (H, W) of the images; 55x47 is that of [23].
    width
        Scales filters and features; 1 is [23]'s.
    cells
        Sides of the cells of the third and fourth convolution, in pixels of their output.
    border
        Pixels, a multiple of 4, about the patch that it reads: the middle of the images. Others look beside it
        (:mod:`wsegs.nets.anet_views`).

    Attributes
    ----------
    patch : (int, int)
        (H, W) of what it reads.

    Raises
    ------
    OptionError
        If the images are too small, or cells do not divide the maps.
    """

    map_size = None
    name = "anet"

    def __init__(
        self,
        heads: Mapping[str, int],
        size: tuple[int, int],
        width: float = 1.0,
        cells: tuple[int, int] = (2, 1),
        border: int = 0,
    ) -> None:
        super().__init__()
        if not 0 < width < 100:
            raise OptionError(f"network '{self.name}': expected a width above 0 and below 100, got {width}")
        c1, c2, c3, c4 = (max(1, int(count * width + 0.5)) for count in _FILTERS)
        if border < 0 or border % PATCH_STRIDE:
            raise OptionError(
                f"network '{self.name}': border: expected a multiple of {PATCH_STRIDE} pixels, got {border}"
            )
        self.size, self.border = size, border
        self.patch = (size[0] - 2 * border, size[1] - 2 * border)
        self.shared_size = _shared_size(self.patch)
        if min(self.shared_size) < 5:  # 3x3, pooled, 2x2
            raise OptionError(
                f"network '{self.name}': expected images of at least {29 + 2 * border}x{29 + 2 * border} (HxW), got"
                f" {size[0]}x{size[1]}; four convolutions would leave nothing of them"
            )
        self.shared = nn.Sequential(
            nn.Conv2d(3, c1, 4), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(c1, c2, 3), nn.ReLU(), nn.MaxPool2d(2)
        )
        if cells[0] % 2:
            raise OptionError(
                f"network '{self.name}': cells of the third convolution are pooled, so their side is even; got"
                f" {cells[0]}"
            )
        try:
            self.third = LocallySharedConvolution(c2, c3, 3, cells[0], self.shared_size)
            height, across = self.third.output_size
            self.pool = nn.MaxPool2d(2)
            self.fourth = LocallySharedConvolution(c3, c4, 2, cells[1], (height // 2, across // 2))
        except OptionError as error:
            raise OptionError(f"network '{self.name}', faces of {self.patch[0]}x{self.patch[1]}: {error}") from None
        features = max(1, int(_FEATURES * width + 0.5))
        self.full = nn.Linear(c4 * self.fourth.output_size[0] * self.fourth.output_size[1], features)
        self.heads = Heads(features, heads)

    def forward(self, images: Tensor) -> NetworkOutput:
        """Return the outputs (B, K) of the tasks for images (B, 3, H, W), and features (B, 160)."""
        features = self.layers(self.middle(images))["full"]
        return NetworkOutput(self.heads(features), features=features)

    def middle(self, images: Tensor) -> Tensor:
        """Return the patches in the middle of images (B, 3, H, W)."""
        height, width = self.patch
        return images[..., self.border : self.border + height, self.border : self.border + width]

    def layers(self, patches: Tensor) -> dict[str, Tensor]:
        """Return what each layer says of patches: ``third``, ``fourth`` (B, C, h, w), ``full`` (B, 160)."""
        return self.local_layers(self.shared(patches))

    def local_layers(self, maps: Tensor) -> dict[str, Tensor]:
        """Return what the layers after the shared convolutions say of their maps of patches (B, C2, h, w)."""
        third = self.third(maps).relu()
        fourth = self.fourth(self.pool(third)).relu()
        return {"third": third, "fourth": fourth, "full": self.features_of(fourth)}

    def features_of(self, fourth: Tensor) -> Tensor:
        """Return the features (..., 160) of responses of the fourth convolution, (..., C4, h, w)."""
        features: Tensor = self.full(fourth.flatten(-3)).relu()
        return features


def _shared_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return (h, w) of what the shared convolutions leave of an image."""

    def along(length: int) -> int:
        return ((length - 3) // 2 - 2) // 2

    return along(size[0]), along(size[1])
