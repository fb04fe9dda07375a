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
# Lab of 8 bits: so many values of lightness a bin, and of the two axes of colour.
BIN_WIDTHS = (16, 4, 4)
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
    """Return the bin of each pixel of an RGB image (h, w, 3), (h, w), and how many bins there are along each axis.

    The bins are those between the image's own extremes: smoothing them is most of the work, and most colours that
    there are do not occur in one photo.
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
