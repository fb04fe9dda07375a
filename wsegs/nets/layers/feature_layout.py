"""Order of the features that are read by region: stride by stride, in each region by region, the whole image last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wsegs.io.sides import exchanged

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

    def with_rows_exchanged(self, pairs: Iterable[tuple[int, int]]) -> NDArray[np.intp]:
        """Return where each feature comes from, (F,), if the regions of each pair are exchanged.

        >>> FeatureLayout(("left", "right"), ((4, 2),)).with_rows_exchanged([(0, 1)]).tolist()
        [2, 3, 0, 1, 4, 5]
        """
        order = exchanged(len(self.rows), pairs)
        places = np.arange(self.size)
        parts = [
            places[self.block_of(stride)].reshape(len(self.rows), channels)[order].ravel()
            for stride, channels in self.blocks
        ]
        return np.concatenate(parts)

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
