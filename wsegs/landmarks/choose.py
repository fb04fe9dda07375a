"""Choose the face of an image that has several."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def choose_face(
    boxes: NDArray[np.floating], image_size: tuple[int, int], known: NDArray[np.floating] | None = None
) -> int | None:
    """Return the row of ``boxes`` of the face that the data set labels; None if there is none.

    With a known box: the box of largest intersection over union with it, none if no box overlaps it. Without: the
    box of largest ``area * (1 - d)**2``, where ``d`` is the distance of its centre from the image's, in units of half
    the diagonal (0 in the centre, 1 in a corner). A face in a corner must be much larger to win.

    Parameters
    ----------
    boxes
        (K, 4): x, y, width, height in pixels.
    image_size
        Height and width of the image.
    known
        (4,), the box in the data set; None or nan if it has none.
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
    return int((boxes[:, 2] * boxes[:, 3] * (1 - distance) ** 2).argmax())


def intersection_over_union(boxes: NDArray[np.floating], other: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return (K,), the overlap of each of ``boxes`` (K, 4) with ``other`` (4,); all x, y, width, height."""
    low = np.maximum(boxes[:, :2], other[:2])
    high = np.minimum(boxes[:, :2] + boxes[:, 2:], other[:2] + other[2:])
    common = np.clip(high - low, 0, None).prod(axis=1)
    union = boxes[:, 2:].prod(axis=1) + other[2:].prod() - common
    overlap: NDArray[np.floating] = common / np.maximum(union, 1e-9)
    return overlap
