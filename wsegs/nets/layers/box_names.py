"""Names of the boxes about the five points; imports no torch."""

from __future__ import annotations

from collections.abc import Sequence

POINTS = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")


def box_names(aspects: Sequence[float]) -> tuple[str, ...]:
    """Return the names of the boxes: each aspect about each point, then the whole image.

    >>> box_names([0.5])[:2]
    ('left_eye 0.5', 'right_eye 0.5')
    """
    return (*(f"{point} {aspect:g}" for point in POINTS for aspect in aspects), "image")
