"""Classify pixels by spatial prior and colour.

Expectation maximisation with one colour histogram per class: estimate histograms from the class probabilities, then
class probabilities from prior times histogram, a few times. Deterministic.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

ITERATIONS = 4
# Exponent of the probabilities as weights in histograms: a pixel of probability 1/2 has the weight 1/8.
SHARPENING = 3
# Bin widths of L, a and b in 8-bit Lab.
BIN_WIDTHS = (16, 4, 4)
# Share of each histogram that is uniform, so that an unseen colour is unlikely but not impossible.
_EVEN = 0.05
_BLUR = 1.0  # pixels; neighbours mostly share a class


def classify(
    image: NDArray[np.uint8], prior: NDArray[np.float32], counts: NDArray[np.bool_] | None = None
) -> NDArray[np.float32]:
    """Return the probability of each class at each pixel, given spatial prior and colour.

    Parameters
    ----------
    image
        (h, w, 3) uint8, RGB; best at an inter-ocular distance of about 32 pixels.
    prior
        (K, h, w) float32, of sum 1 over the classes; see :func:`wsegs.refine.place.prior`.
    counts
        (h, w): the pixels that histograms are estimated from; all, if None.

    Returns
    -------
    (K, h, w) float32, of sum 1 over the classes.
    """
    bins, shape = colour_bins(image)
    classes = prior
    for _ in range(ITERATIONS):
        weights = classes**SHARPENING
        if counts is not None:
            weights = weights * counts
        classes = prior * _histograms(bins, shape, weights)[:, bins]
        classes /= classes.sum(axis=0)
        classes = np.stack([cv2.GaussianBlur(plane, (0, 0), _BLUR) for plane in classes])
    return np.asarray(classes / classes.sum(axis=0), np.float32)


def colour_bins(image: NDArray[np.uint8]) -> tuple[NDArray[np.intp], tuple[int, ...]]:
    """Return the colour bin of each pixel of an RGB image (h, w, 3), (h, w), and the number of bins along each axis.

    Bins span only the range of the image, since smoothing them is most of the work.
    """
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).reshape(-1, 3) // np.array(BIN_WIDTHS, np.uint8)
    lab = lab - lab.min(axis=0)
    shape = tuple((lab.max(axis=0).astype(int) + 1).tolist())
    return np.ravel_multi_index(tuple(lab.T.astype(np.intp)), shape).reshape(image.shape[:2]), shape


def _histograms(bins: NDArray[np.intp], shape: tuple[int, ...], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the smoothed density of colours of each class, (K, bins); ``bins`` is (h, w), ``weights`` (K, h, w)."""
    count = int(np.prod(shape))
    flat = bins.reshape(-1)
    histograms = np.stack([np.bincount(flat, plane.reshape(-1), count) for plane in weights]).astype(np.float32)
    smooth = ndimage.gaussian_filter(histograms.reshape(-1, *shape), (0, 1, 1, 1), mode="nearest", truncate=3)
    smooth = smooth.reshape(len(weights), count)
    total = np.maximum(smooth.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return np.asarray((1 - _EVEN) * smooth / total + _EVEN / count, np.float32)
