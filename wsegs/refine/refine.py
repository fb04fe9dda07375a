"""Refine the region integers of one face by its image."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from wsegs.geometry.resample import resample_nearest
from wsegs.refine.colour import classify
from wsegs.refine.place import features, prior
from wsegs.refine.refinement import Refinement
from wsegs.rules import RuleSet

METHOD_VERSION = 2
"""Incremented when the same input would give other regions; kept in stores."""

# Images are shrunk to this inter-ocular distance, half that of aligned CelebA images. Larger ones scored no better on
# human masks and cost more.
WORKING_DISTANCE = 32.0


def refine_regions(
    regions: NDArray[Any],
    image: NDArray[np.uint8],
    landmarks: NDArray[np.floating],
    rules: RuleSet,
    refinement: Refinement,
    covered: NDArray[np.bool_] | None = None,
) -> NDArray[Any]:
    """Refine regions of one face by image colour.

    Only the bits of refined regions change. A region that the rules leave empty stays empty: a rule may know that it
    is hidden. Regions that rules compute from refined ones (``minus``, ``within``) do not change.

    Parameters
    ----------
    regions
        (H, W) region integers from ``rules.draw``.
    image
        (H, W, 3) uint8, RGB, in the same frame.
    landmarks
        (P, 2), x and y in pixels of the frame; a face with nan is not refined.
    rules
        The rules that drew the regions; ``refinement.check(rules)`` has passed.
    refinement
        The regions to refine, and the spatial prior.
    covered
        (H, W): where the frame shows the photo; elsewhere regions stay as drawn. The whole frame, if None.

    Returns
    -------
    A new array, (H, W) of the same type.

    Raises
    ------
    ValueError
        If the image or ``covered`` is not of the regions' size, or the image not RGB of 8 bits.
    """
    size = regions.shape
    if image.shape != (*size, 3) or image.dtype != np.uint8:
        raise ValueError(f"expected a uint8 image of shape {(*size, 3)}, got {image.dtype} {image.shape}")
    if covered is not None and covered.shape != size:
        raise ValueError(f"expected 'covered' of shape {size}, got {covered.shape}")
    refined = regions.copy()
    unit = float(rules.scheme.inter_ocular_distance(np.asarray(landmarks, np.float64)[None])[0])
    if not np.isfinite(landmarks).all() or unit <= 0 or (covered is not None and not covered.any()):
        return refined

    scale = min(1.0, WORKING_DISTANCE / unit)
    small = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    bits = [rules.region_names.index(name) for name in refinement.regions]
    masks = _planes(resample_nearest(regions, small, np.bitwise_or), bits)
    places = prior(features(masks, unit * scale), refinement.weights)
    picture = np.asarray(cv2.resize(image, small[::-1], interpolation=cv2.INTER_AREA), np.uint8)
    classes = classify(picture, places, None if covered is None else resample_nearest(covered, small, np.bitwise_or))

    for name, position in refinement.refined.items():
        bit = regions.dtype.type(1 << rules.region_names.index(name))
        drawn = (regions & bit) != 0
        if not drawn.any():
            continue
        likely = cv2.resize(classes[1 + position], size[::-1], interpolation=cv2.INTER_LINEAR) > refinement.threshold
        if covered is not None:
            likely = np.where(covered, likely, drawn)
        refined = np.where(likely, refined | bit, refined & ~bit)
    return refined


def _planes(regions: NDArray[Any], bits: list[int]) -> NDArray[np.uint8]:
    """Return some regions as one plane each, (R, h, w), 1 inside and 0 outside."""
    return np.stack([(regions >> regions.dtype.type(bit) & regions.dtype.type(1)).astype(np.uint8) for bit in bits])
