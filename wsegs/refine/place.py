"""How likely each class of pixel is at each place, before any pixel is looked at.

All that counts of a place is how far it lies from the borders of the rules' regions, so what rules know of a face's
pose is kept. A class's score is a weighted sum of these distances, and scores become likelihoods by a softmax: a
multinomial logistic regression.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

NEAR = 0.25
"""Inter-ocular distances: the reach of the border itself, within which the near weight acts."""

FAR = 1.5
"""Inter-ocular distances: what lies farther outside is as unlikely as this."""


def features(regions: NDArray[np.uint8], unit: float) -> NDArray[np.float32]:
    """Return what scores are sums of.

    Parameters
    ----------
    regions
        (R, h, w), 1 inside of each region, 0 outside.
    unit
        The inter-ocular distance in pixels.

    Returns
    -------
    (1 + 2R, h, w): 1; for each region the distance inside of its border (negative outside), limited to ``NEAR``
    either way and divided by it; and for each the distance outside beyond ``NEAR``, negative, to ``FAR``.
    """
    inside = np.stack([signed_distance(region) for region in regions]) / np.float32(unit)
    near = np.clip(inside, -NEAR, NEAR) / NEAR
    far = np.clip(inside, -FAR, -NEAR) + NEAR
    return np.concatenate([np.ones_like(near[:1]), near, far]).astype(np.float32)


def signed_distance(region: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the distance to the border of a region (h, w) in pixels, negative outside; -inf if it is empty."""
    if not region.any():
        return np.full(region.shape, -np.inf, np.float32)
    outside = cv2.distanceTransform(1 - region, cv2.DIST_L2, cv2.DIST_MASK_3)
    within = cv2.distanceTransform(region, cv2.DIST_L2, cv2.DIST_MASK_3)
    return np.asarray(within - outside, np.float32)


def prior(features: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the likelihood of each class at each place.

    Parameters
    ----------
    features
        (F, h, w).
    weights
        (K, F).

    Returns
    -------
    (1 + K, h, w) float32, of sum 1 over the classes; the first class is all else, whose score is 0.
    """
    # Not tensordot: its sums depend on how many threads the process has, and stores must not.
    scores = np.einsum("kf,fhw->khw", weights, features)
    scores = np.concatenate([np.zeros_like(scores[:1]), scores])
    likelihood = np.exp(scores - scores.max(axis=0))
    return np.asarray(likelihood / likelihood.sum(axis=0), np.float32)
