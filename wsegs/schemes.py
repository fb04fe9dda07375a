"""Landmark schemes: how many points, which are the eyes, and which mirror which.

A leaf module: landmarks and rules both need it and do not know each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wsegs.errors import DataError
from wsegs.files import nearest


@dataclass(frozen=True)
class LandmarkScheme:
    """A named, ordered set of landmarks.

    "Left" is the image's left, where a person's right eye lies.

    Attributes
    ----------
    name
        As rule files and landmark files write it.
    count
        The number of points, P.
    left_eye, right_eye
        The points whose means are the ends of the inter-ocular distance: for ``ibug68`` the outer corners.
    eyes
        The points about each eye, left then right, whose means are the eyes' centres.
    nose
        The tip of the nose.
    mouth
        The corners of the mouth, left and right.
    mirror
        ``mirror[i]`` is the point that point i becomes when the image is flipped.
    """

    name: str
    count: int
    left_eye: tuple[int, ...]
    right_eye: tuple[int, ...]
    eyes: tuple[tuple[int, ...], tuple[int, ...]]
    nose: int
    mouth: tuple[int, int]
    mirror: tuple[int, ...]

    def five_points(self, landmarks: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return the five points of CelebA: eye centres, nose, mouth corners.

        Parameters
        ----------
        landmarks
            (N, P, 2), x and y in pixels.

        Returns
        -------
        (N, 5, 2) float32: left eye, right eye, nose, left and right mouth corner.
        """
        left, right = (landmarks[:, list(eye)].mean(axis=1) for eye in self.eyes)
        rest = landmarks[:, [self.nose, *self.mouth]]
        return np.concatenate([left[:, None], right[:, None], rest], axis=1).astype(np.float32)

    def inter_ocular_distance(self, landmarks: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the distance between the eyes, (N,), in the unit of ``landmarks`` (N, P, 2)."""
        left = landmarks[:, list(self.left_eye)].mean(axis=1)
        right = landmarks[:, list(self.right_eye)].mean(axis=1)
        return np.linalg.norm(right - left, axis=1)


def _mirror(count: int, pairs: list[tuple[int, int]]) -> tuple[int, ...]:
    mirror = list(range(count))
    for one, other in pairs:
        mirror[one], mirror[other] = other, one
    return tuple(mirror)


# The pairs follow the published figure of the 68 points (Sagonas et al., 300-W).
_IBUG68_PAIRS = [
    *((i, 16 - i) for i in range(8)),  # jaw
    *((i, 43 - i) for i in range(17, 22)),  # eyebrows
    *((31, 35), (32, 34)),  # nostrils
    *((36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46)),  # eyes
    *((48, 54), (49, 53), (50, 52), (55, 59), (56, 58)),  # outer lip
    *((60, 64), (61, 63), (65, 67)),  # inner lip
]

IBUG68 = LandmarkScheme(
    name="ibug68",
    count=68,
    left_eye=(36,),
    right_eye=(45,),
    eyes=(tuple(range(36, 42)), tuple(range(42, 48))),
    nose=30,
    mouth=(48, 54),
    mirror=_mirror(68, _IBUG68_PAIRS),
)

CELEBA5 = LandmarkScheme(
    name="celeba5",
    count=5,
    left_eye=(0,),
    right_eye=(1,),
    eyes=((0,), (1,)),
    nose=2,
    mouth=(3, 4),
    mirror=_mirror(5, [(0, 1), (3, 4)]),
)

_SCHEMES = {scheme.name: scheme for scheme in (IBUG68, CELEBA5)}


def get_scheme(name: str) -> LandmarkScheme:
    """Return the scheme of that name.

    Raises
    ------
    DataError
        If there is none; the message lists the known names.
    """
    if name not in _SCHEMES:
        known = sorted(_SCHEMES)
        raise DataError(f"unknown landmark scheme '{name}': expected one of {', '.join(known)}{nearest(name, known)}")
    return _SCHEMES[name]
