"""ANet with linear heads on several views of a face (Liu, Luo, Wang & Tang, sections 3.2 and 3.3)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from wsegs.errors import OptionError
from wsegs.nets import NetworkOutput, register
from wsegs.nets.anet import PATCH_STRIDE, ANet
from wsegs.nets.layers.heads import Heads
from wsegs.nets.layers.interweave import VIEWS, best_patch, patch_responses, views_about


@register("anet-views")
class ANetViews(ANet):
    """An ANet that reads a face and its surroundings, and linear heads on its features of all these views.

    Each view goes through the fully connected layer; what it says of all views is concatenated. The heads are fitted on
    it, standardised: they are the paper's support vector machines.

    Parameters
    ----------
    heads, size, width, cells
        See :class:`wsegs.nets.anet.ANet`.
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
        If there is no border to look into, or as in :class:`wsegs.nets.anet.ANet`.
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
        maps, first = self.shared(images), self.border // PATCH_STRIDE
        height, width = self.shared_size
        found = []
        for down, across in VIEWS[: self.views]:
            top, left = first + down, first + across
            found.append(self.local_layers(maps[:, :, top : top + height, left : left + width])["fourth"])
        return found
