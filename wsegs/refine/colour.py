"""Which class each pixel is of, by place and colour.

Expectation maximisation with a colour histogram a class: histograms from the classes as they are believed to lie,
then classes anew from place times colour, a few times. Nothing is drawn at random, so the same pixels give the same
classes.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

ITERATIONS = 4
# Histograms count sure pixels far more than doubtful ones: a pixel of likelihood 1/2 counts an eighth.
SHARPENING = 3
# Lab of 8 bits: lightness in 16 bins, the two axes of colour in 24 each about their middle, where skin and hair lie.
BINS = (16, 24, 24)
_COLOUR_FROM, _COLOUR_RANGE = 80, 96
# The share of each histogram that is spread evenly, so that a colour not seen before is unlikely, not impossible.
_EVEN = 0.05
_BLUR = 1.0  # pixels; neighbours are mostly of one class


def classify(
    image: NDArray[np.uint8], prior: NDArray[np.float32], counts: NDArray[np.bool_] | None = None
) -> NDArray[np.float32]:
    """Return how likely each class is at each pixel, given its colour, too.

    Parameters
    ----------
    image
        (h, w, 3) uint8, RGB; best so small that two eyes are some 32 pixels apart.
    prior
        (K, h, w) float32, of sum 1 over the classes; see :func:`wsegs.refine.place.prior`.
    counts
        (h, w): the pixels that histograms count; all, if None.

    Returns
    -------
    (K, h, w) float32, of sum 1 over the classes.
    """
    bins = colour_bins(image).reshape(-1)
    classes = prior
    for _ in range(ITERATIONS):
        weights = classes**SHARPENING
        if counts is not None:
            weights = weights * counts
        colours = _histograms(bins, weights.reshape(len(prior), -1))
        classes = prior * colours[:, bins].reshape(prior.shape)
        classes /= classes.sum(axis=0)
        classes = np.stack([cv2.GaussianBlur(plane, (0, 0), _BLUR) for plane in classes])
    return np.asarray(classes / classes.sum(axis=0), np.float32)


def colour_bins(image: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Return the bin of each pixel of an RGB image (h, w, 3), (h, w)."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.intp)
    lightness = lab[:, :, 0] * BINS[0] // 256
    green_red, blue_yellow = (
        np.clip((lab[:, :, axis] - _COLOUR_FROM) * BINS[axis] // _COLOUR_RANGE, 0, BINS[axis] - 1) for axis in (1, 2)
    )
    return np.asarray((lightness * BINS[1] + green_red) * BINS[2] + blue_yellow)


def _histograms(bins: NDArray[np.intp], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the smoothed density of colours of each class, (K, bins); ``weights`` is (K, pixels)."""
    count = int(np.prod(BINS))
    histograms = np.stack([np.bincount(bins, plane, count) for plane in weights]).astype(np.float32)
    smooth = ndimage.gaussian_filter(histograms.reshape(-1, *BINS), (0, 1, 1, 1), mode="nearest", truncate=3)
    smooth = smooth.reshape(len(weights), count)
    total = np.maximum(smooth.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return np.asarray((1 - _EVEN) * smooth / total + _EVEN / count, np.float32)
