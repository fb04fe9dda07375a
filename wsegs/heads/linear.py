"""A linear head: what is kept of a fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsegs.errors import DataError
from wsegs.heads.checks import check_finite, check_matrix, row_blocks
from wsegs.heads.standardise import Standardiser


@dataclass(frozen=True, eq=False)
class LinearHead:
    """One logit an attribute: a weighted sum of standardised features, and a bias.

    Attributes
    ----------
    names
        A names of attributes.
    weight
        float32 (F, A).
    bias
        float32 (A,).
    standardiser
        Of the features. It cannot be folded into the weights, since it clips.
    thresholds
        float32 (A,): logits from which on an attribute is called present.
    fitted
        bool (A,): False for attributes whose known labels were all alike.

    Raises
    ------
    DataError
        If the shapes do not fit.
    """

    names: tuple[str, ...]
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    standardiser: Standardiser
    thresholds: NDArray[np.float32]
    fitted: NDArray[np.bool_]

    def __post_init__(self) -> None:
        size, count = len(self.standardiser.mean), len(self.names)
        shapes = {"weight": (size, count), "bias": (count,), "thresholds": (count,), "fitted": (count,)}
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise DataError(f"linear head: {name}: expected {shape}, got {getattr(self, name).shape}")

    @property
    def skipped(self) -> tuple[str, ...]:
        """Names of the attributes that were not fitted."""
        return tuple(name for name, fitted in zip(self.names, self.fitted, strict=True) if not fitted)

    def logits(self, features: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Return logits float32 (N, A) of features (N, F) as they were read, not standardised.

        Raises
        ------
        DataError
            If there are not F features, or one is nan or infinite.
        """
        check_matrix(features, len(self.weight))
        result = np.empty((len(features), len(self.names)), np.float32)
        for here in row_blocks(len(features)):
            block = features[here]
            check_finite(block, np.arange(here.start, here.stop))
            result[here] = self.standardiser.standardised(block) @ self.weight + self.bias
        return result

    def present(self, logits: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return which attributes are present, bool (N, A), by logits (N, A)."""
        return logits >= self.thresholds
