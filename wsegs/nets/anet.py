"""ANet (Liu, Luo, Wang & Tang, section 3.2): attributes of a face, by filters shared locally."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from wsegs.errors import OptionError
from wsegs.nets import NetworkOutput, register
from wsegs.nets.layers.heads import Heads
from wsegs.nets.layers.interweave import PATCH_STRIDE, VIEWS, best_patch, patch_responses, views_about
from wsegs.nets.layers.locally_shared import LocallySharedConvolution

_FILTERS = (20, 40, 60, 80)  # and all kernels: Sun, Wang & Tang (DeepID2), the paper's reference [23]
_FEATURES = 160
_HEAD_DEVIATION = 0.001  # a network that begins with decisions of chance first learns to say nothing


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
        (:class:`ANetViews`).

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
            nn.Conv2d(3, c1, 4), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(c1, c2, 3), nn.MaxPool2d(2), nn.ReLU()
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
        self._begin()

    def _begin(self) -> None:
        """Draw weights whose responses neither grow nor shrink from layer to layer (He et al., 2015).

        The paper says nothing. With torch's own, which shrink, SGD learns nothing of who people are in 20 epochs.
        """
        for name, values in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(values)
            elif name.startswith("heads."):
                nn.init.normal_(values, std=_HEAD_DEVIATION)
            else:
                inputs = values[0].numel() if values.ndim <= 4 else values[0, 0, 0].numel()
                nn.init.normal_(values, std=(2 / inputs) ** 0.5)

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
        return self.local_layers(self.shared_layers(patches))

    def shared_layers(self, images: Tensor) -> Tensor:
        """Return the pooled maps (B, C2, h, w) of the shared convolutions, of images (B, 3, H, W) of any size."""
        # Channels innermost, and ReLU after pooling, which is the same, take half the time on a CPU.
        maps: Tensor = self.shared(images.contiguous(memory_format=torch.channels_last))
        return maps

    def local_layers(self, maps: Tensor) -> dict[str, Tensor]:
        """Return what the layers after the shared convolutions say of their maps of patches (B, C2, h, w)."""
        third = self.third(maps).relu()
        fourth = self.fourth(self.pool(third)).relu()
        return {"third": third, "fourth": fourth, "full": self.features_of(fourth)}

    def features_of(self, fourth: Tensor) -> Tensor:
        """Return the features (..., 160) of responses of the fourth convolution, (..., C4, h, w)."""
        features: Tensor = self.full(fourth.flatten(-3)).relu()
        return features


@register("anet-views")
class ANetViews(ANet):
    """An ANet that reads a face and its surroundings, and linear heads on its features of all these views.

    Each view goes through the fully connected layer; what it says of all views is concatenated. The heads are fitted on
    it, standardised: they are the paper's support vector machines.

    Parameters
    ----------
    heads, size, width, cells
        See :class:`ANet`.
    border
        Pixels about the patch in the middle of the images: how far the search and the views reach.
    views
        5: the patch and those four pixels above, below, left and right of it; 1: the patch alone.
    search
        Where the face is: true takes the patch of the image to which the fourth convolution responds most
        (:mod:`wsegs.nets.layers.interweave`), false the middle, for faces that are aligned.
    clip
        Features are clipped at so many standard deviations.

    Attributes
    ----------
    mean, scale : Tensor
        (F,): features are standardised by them.
    thresholds : Tensor
        (A,): decisions from which on an attribute is called present.

    Raises
    ------
    OptionError
        If there is no border to look into, or as in :class:`ANet`.
    """

    map_size = None
    name = "anet-views"
    mean: Tensor
    scale: Tensor
    thresholds: Tensor

    def __init__(
        self,
        heads: Mapping[str, int],
        size: tuple[int, int],
        width: float = 1.0,
        cells: tuple[int, int] = (2, 1),
        border: int = 4,
        views: int = 5,
        search: bool = False,
        clip: float = 8.0,
    ) -> None:
        super().__init__(heads, size, width, cells, border)
        if views not in (1, len(VIEWS)):
            raise OptionError(f"network '{self.name}': views: expected 1 or {len(VIEWS)}, got {views}")
        if border < PATCH_STRIDE and (views > 1 or search):
            raise OptionError(
                f"network '{self.name}': border: expected {PATCH_STRIDE} or more, to look beside the middle,"
                f" got {border}"
            )
        self.views, self.search, self.clip = views, search, clip
        features = views * self.full.out_features
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("scale", torch.ones(features))
        self.register_buffer("thresholds", torch.zeros(heads.get("attributes", 0)))
        self.heads = Heads(features, heads)

    def forward(self, images: Tensor) -> NetworkOutput:
        """Return the outputs (B, K) of the tasks for images (B, 3, H, W), and standardised features (B, F)."""
        features = self.standardised(self.read(images))
        return NetworkOutput(self.heads(features), features=features)

    def read(self, images: Tensor) -> Tensor:
        """Return the features of all views of images (B, 3, H, W), (B, F), as they are."""
        if self.search:
            responses = patch_responses(self, images)
            fourth = views_about(responses, best_patch(responses), self.views)
        else:
            fourth = self._middle_views(images)
        return torch.cat([self.features_of(view) for view in fourth], dim=1)

    def standardised(self, features: Tensor) -> Tensor:
        """Return features (B, F) standardised and clipped, float32."""
        return ((features.float() - self.mean) / self.scale).clamp(-self.clip, self.clip)

    def _middle_views(self, images: Tensor) -> list[Tensor]:
        """Return the fourth convolution's responses to the views of the middle; the shared ones are computed once."""
        maps, first = self.shared_layers(images), self.border // PATCH_STRIDE
        height, width = self.shared_size
        found = []
        for down, across in VIEWS[: self.views]:
            top, left = first + down, first + across
            found.append(self.local_layers(maps[:, :, top : top + height, left : left + width])["fourth"])
        return found


def _shared_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return (h, w) of what the shared convolutions leave of an image."""

    def along(length: int) -> int:
        return ((length - 3) // 2 - 2) // 2

    return along(size[0]), along(size[1])
