"""Order of the features that are read by region: stride by stride, in each region by region, the whole image last."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WHOLE = "whole image"
"""Name of the block that is the mean over all of the image."""


@dataclass(frozen=True)
class FeatureLayout:
    """Places of features in a vector.

    Attributes
    ----------
    region_names
        R names.
    blocks
        (stride, channels), in order: each block has ``R + 1`` rows of its channels, and the last row is the whole
        image's.
    """

    region_names: tuple[str, ...]
    blocks: tuple[tuple[int, int], ...]

    @property
    def rows(self) -> tuple[str, ...]:
        """R + 1 names: of the regions, and of the whole image."""
        return (*self.region_names, WHOLE)

    @property
    def size(self) -> int:
        """F, the length of a vector.

        >>> FeatureLayout(("eyes", "mouth"), ((4, 24), (8, 40))).size
        192
        """
        return len(self.rows) * sum(channels for _, channels in self.blocks)

    @property
    def whole_image(self) -> NDArray[np.bool_]:
        """Bool (F,): which features are of the whole image.

        >>> FeatureLayout(("eyes",), ((4, 1), (8, 2))).whole_image.tolist()
        [False, True, False, False, True, True]
        """
        rows = np.arange(len(self.rows)) == len(self.region_names)
        return np.concatenate([np.repeat(rows, channels) for _, channels in self.blocks])

    def block_of(self, stride: int) -> slice:
        """Return where a stride's features lie.

        >>> FeatureLayout(("eyes", "mouth"), ((4, 24), (8, 40))).block_of(8)
        slice(72, 192, None)
        """
        first = 0
        for own, channels in self.blocks:
            length = len(self.rows) * channels
            if own == stride:
                return slice(first, first + length)
            first += length
        raise KeyError(stride)
