"""Spatial prior over classes.

A multinomial logistic regression: the score of a class is a weighted sum of the signed distances from the borders of
the rules' regions, and a softmax turns scores into probabilities. So the prior follows the pose of the face.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

NEAR = 0.25
"""Largest distance from a border, in inter-ocular distances, that the near weight acts on."""

FAR = 1.5
"""Distance outside, in inter-ocular distances, beyond which the prior stays constant."""


def features(regions: NDArray[np.uint8], unit: float) -> NDArray[np.float32]:
    """Return the features of the regression.

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
    """Return the prior probability of each class at each pixel.

    Parameters
    ----------
    features
        (F, h, w).
    weights
        (K, F).

    Returns
    -------
    (1 + K, h, w) float32, of sum 1 over the classes; the first class is the background, whose score is 0.
    """
    # Not tensordot, whose sums depend on the number of threads: stores must not.
    scores = np.einsum("kf,fhw->khw", weights, features)
    scores = np.concatenate([np.zeros_like(scores[:1]), scores])
    likelihood = np.exp(scores - scores.max(axis=0))
    return np.asarray(likelihood / likelihood.sum(axis=0), np.float32)
