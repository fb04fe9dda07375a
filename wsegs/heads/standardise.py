"""Features at mean 0 and deviation 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsegs.errors import DataError, OptionError
from wsegs.heads.checks import check_finite, check_matrix, row_blocks

_CONSTANT = 1e-6  # deviation by mean below which a feature is constant; neighbours in float16 are 1e-3 apart


@dataclass(frozen=True, eq=False)
class Standardiser:
    """Means and deviations of features, of the training images alone.

    Attributes
    ----------
    mean, scale
        float32 (F,). A feature that does not vary has scale 1, so that it is 0 wherever it is what it was.
    clip
        Standardised features are clipped at so many deviations: a region that is seldom there has a tiny variance.
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    clip: float = 8.0

    @classmethod
    def measure(
        cls, features: NDArray[np.floating[Any]], rows: NDArray[np.bool_] | None = None, clip: float = 8.0
    ) -> Standardiser:
        """Measure means and deviations block by block, in double precision.

        Parameters
        ----------
        features
            (N, F), float16 or float32; an HDF5 dataset will do, too.
        rows
            bool (N,): the training images; None takes all.
        clip
            See the class.

        Raises
        ------
        DataError
            If there is no row, or one has a feature that is nan or infinite.
        OptionError
            If ``clip`` is not positive.
        """
        check_matrix(features)
        if not clip > 0:
            raise OptionError(f"clip: expected a number above 0, got {clip}")
        count, mean, squares = 0, np.zeros(features.shape[1]), np.zeros(features.shape[1])
        for here in row_blocks(len(features)):
            taken = slice(None) if rows is None else rows[here]
            block = np.asarray(features[here])[taken]
            if not len(block):
                continue
            check_finite(block, np.arange(here.start, here.stop)[taken])
            # Chan's update: a block's own mean, then what its distance from the mean so far adds to the squares.
            own = block.mean(axis=0, dtype=float)
            squares += np.square(block - own).sum(axis=0)
            squares += np.square(own - mean) * (count * len(block) / (count + len(block)))
            mean += (own - mean) * (len(block) / (count + len(block)))
            count += len(block)
        if not count:
            raise DataError("features: expected training images, got none")
        deviation = np.sqrt(squares / count)
        varies = deviation > _CONSTANT * np.abs(mean)
        scale = np.where(varies, deviation, 1.0)
        return cls(mean.astype(np.float32), scale.astype(np.float32), clip)

    def apply(self, features: NDArray[np.float32]) -> None:
        """Standardise features float32 (N, F) in place."""
        check_matrix(features, len(self.mean))
        if features.dtype != np.float32:
            raise DataError(f"features: expected float32 to standardise in place, got {features.dtype}")
        for here in row_blocks(len(features)):
            block = features[here]
            block -= self.mean
            block /= self.scale
            np.clip(block, -self.clip, self.clip, out=block)

    def standardised(self, features: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Return features (N, F), float16 or float32, as standardised float32; they are converted block by block."""
        check_matrix(features, len(self.mean))
        result = np.empty(features.shape, np.float32)
        for here in row_blocks(len(features)):
            result[here] = features[here]
        self.apply(result)
        return result
