"""Seams: where the two halves of a mirrored polygon meet.

Each half is moved inwards and rounded to pixels by itself, which would leave pixels between them. So a side that
reaches the other half stays where it is, and what lies between it and its mirror image is filled, too.
"""

from __future__ import annotations

import numpy as np

from wsegs.rules.drawing.inset import inset
from wsegs.rules.drawing.scope import FaceFrame, Points

# Inter-ocular distances by which halves may stop short of each other and still meet: 0.03 is two pixels of a face of
# 218x178. Halves that overlap meet at any distance.
MAX_GAP = 0.03


def join_halves(
    half: Points, other: Points, drawn: np.ndarray, frame: FaceFrame
) -> tuple[Points, Points, list[tuple[Points, np.ndarray]]]:
    """Move both halves of a mirrored polygon inwards, except for the sides at which they meet.

    Parameters
    ----------
    half, other
        x and y in pixels, each (V, N): vertex v of one is the mirror image of vertex v of the other.
    drawn
        bool (N,): on which faces both halves are drawn.
    frame
        The faces' frame.

    Returns
    -------
    Both halves moved, and for each side at which they meet on some face the quadrilateral between them, with the
    faces, bool (N,), on which it is filled.
    """
    along_x, along_y = frame.along
    faces = len(along_x)
    # How far each vertex lies right of its mirror image, in pixels times the inter-ocular distance.
    apart = (half[0] - other[0]) * along_x + (half[1] - other[1]) * along_y
    reaches = apart * np.sign(apart.mean(axis=0)) <= MAX_GAP * (along_x**2 + along_y**2)
    meets = reaches & np.concatenate([reaches[1:], reaches[:1]]) & drawn
    sides = np.flatnonzero(meets.any(axis=1)).tolist()
    coincides = (np.abs(half[0] - other[0]) < 1e-6) & (np.abs(half[1] - other[1]) < 1e-6)
    x, y = (np.concatenate(axes, axis=1) for axes in zip(half, other, strict=True))
    moved_x, moved_y = inset((x, y), sides, np.tile(meets[sides], 2))  # at once, in half of the time
    half, other = ((moved_x[:, each], moved_y[:, each]) for each in (slice(faces), slice(faces, None)))
    between = []
    for side in sides:
        ends = [side, (side + 1) % len(meets)]
        one, two = (np.stack([axis[ends] for axis in points]) for points in (half, other))
        corner_x, corner_y = np.concatenate([one, two[:, ::-1]], axis=1)
        between.append(((corner_x, corner_y), meets[side] & ~coincides[ends].all(axis=0)))  # else both fill one border
    return half, other, between
