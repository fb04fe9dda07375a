"""Choose the face of an image that has several."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

SURE = 0.5
"""Score from which a detector is sure of a face; see :class:`wsegs.landmarks.detectors.protocol.Faces`."""

_LARGE, _CENTRAL = 0.4, 0.2  # of the image's shorter side: faces of aligned images are as large and as central


def score_of_margins(margins: ArrayLike) -> NDArray[np.float64]:
    """Return scores from 0 to 1 of the margins of dlib's detectors: 0.3 becomes 0.5, and 1 becomes 0.9."""
    scores: NDArray[np.float64] = 1 - 10.0 ** -np.maximum(margins, 0)
    return scores


def choose_face(
    boxes: NDArray[np.floating],
    image_size: tuple[int, int],
    known: NDArray[np.floating] | None = None,
    scores: NDArray[np.floating] | None = None,
) -> int | None:
    """Return the row of ``boxes`` of the face that the data set labels; None if there is none.

    With a known box: the box of largest intersection over union with it, none if no box overlaps it. Without: of the
    boxes that the detector is sure of, else of all, the one of largest ``area * (1 - d)**2``, where ``d`` is the
    distance of its centre from the image's, in units of half the diagonal (0 in the centre, 1 in a corner). A face in
    a corner must be much larger to win.

    Parameters
    ----------
    boxes
        (K, 4): x, y, width, height in pixels.
    image_size
        Height and width of the image.
    known
        (4,), the box in the data set; None or nan if it has none.
    scores
        (K,), how sure the detector is of each; None if it does not say.
    """
    if not len(boxes):
        return None
    if known is not None and np.isfinite(known).all():
        overlap = intersection_over_union(boxes, known)
        best = int(overlap.argmax())
        return best if overlap[best] > 0 else None
    height, width = image_size
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    distance = np.linalg.norm(boxes[:, :2] + (boxes[:, 2:] - 1) / 2 - centre, axis=1)
    distance = np.minimum(distance / (np.hypot(width, height) / 2), 1)
    weights = boxes[:, 2] * boxes[:, 3] * (1 - distance) ** 2
    if scores is not None and (scores >= SURE).any():
        weights = np.where(scores >= SURE, weights, -1)
    return int(weights.argmax())


def is_sure(box: NDArray[np.floating], score: float, image_size: tuple[int, int]) -> bool:
    """Tell whether a face needs no second opinion: its detector is sure of it, or does not say.

    A face that fills the middle of the image, as in all aligned data sets, needs none either.

    Parameters
    ----------
    box
        (4,): x, y, width, height in pixels.
    score
        How sure the detector is; nan if it does not say.
    image_size
        Height and width of the image.
    """
    if not score < SURE:
        return True
    side = min(image_size)
    off_centre = np.abs(box[:2] + (box[2:] - 1) / 2 - (np.array(image_size[::-1]) - 1) / 2).max()
    return bool(box[2] >= _LARGE * side and off_centre <= _CENTRAL * side)


def intersection_over_union(boxes: NDArray[np.floating], other: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return (K,), the overlap of each of ``boxes`` (K, 4) with ``other`` (4,); all x, y, width, height."""
    low = np.maximum(boxes[:, :2], other[:2])
    high = np.minimum(boxes[:, :2] + boxes[:, 2:], other[:2] + other[2:])
    common = np.clip(high - low, 0, None).prod(axis=1)
    union = boxes[:, 2:].prod(axis=1) + other[2:].prod() - common
    overlap: NDArray[np.floating] = common / np.maximum(union, 1e-9)
    return overlap
