"""The landmark scheme: its points, mirror pairs and eyes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsegs.errors import DataError

Group = tuple[int, ...]
"""One or more points; as a single point, their mean."""


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
    names
        Names of points or groups of points.
    average
        The average face, P points x, y in the face's own frame; empty if the scheme has none.
    description, source, licence
        Free text.
    """

    name: str
    count: int
    left_eye: Group
    right_eye: Group
    eyes: tuple[Group, Group]
    nose: Group
    mouth: tuple[Group, Group]
    mirror: Group
    names: Mapping[str, Group] = field(default_factory=dict, hash=False)
    average: tuple[tuple[float, float], ...] = ()
    description: str = ""
    source: str = ""
    licence: str = ""

    def agrees_with(self, other: LandmarkScheme) -> bool:
        """Return whether the numbers of both mean the same points; names and texts may differ."""
        return all(getattr(self, name) == getattr(other, name) for name in _MEANING)

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
        groups = (*self.eyes, self.nose, *self.mouth)
        return np.stack([landmarks[:, list(group)].mean(axis=1) for group in groups], axis=1).astype(np.float32)

    def convert(self, landmarks: NDArray[np.floating], to: LandmarkScheme) -> NDArray[np.floating]:
        """Return landmarks of this scheme (N, P, 2) as those of another: itself, or CelebA's five points.

        Raises
        ------
        DataError
            If the other scheme is neither.
        """
        if self.agrees_with(to):
            return landmarks
        if to.name == _FIVE_POINTS:
            return self.five_points(landmarks)
        same_name = " of that name with other points" if self.name == to.name else ""
        raise DataError(
            f"expected landmarks of the scheme '{to.name}', got '{self.name}'{same_name};"
            f" only {_FIVE_POINTS} can be had from others"
        )

    def can_become(self, other: LandmarkScheme) -> bool:
        """Return whether :meth:`convert` can make landmarks of this scheme those of another."""
        return self.agrees_with(other) or other.name == _FIVE_POINTS

    def inter_ocular_distance(self, landmarks: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the distance between the eyes, (N,), in the unit of ``landmarks`` (N, P, 2)."""
        left = landmarks[:, list(self.left_eye)].mean(axis=1)
        right = landmarks[:, list(self.right_eye)].mean(axis=1)
        distance: NDArray[np.floating] = np.linalg.norm(right - left, axis=1)
        return distance

    def as_mapping(self, *, average: bool = True) -> dict[str, Any]:
        """Return plain data that JSON can hold and :func:`wsegs.schemes.scheme_from_mapping` reads back.

        Parameters
        ----------
        average
            Keep the average face, which only the display of a scheme needs.
        """
        mapping: dict[str, Any] = {
            "name": self.name,
            "points": self.count,
            "eyes": _sides(*self.eyes),
            "inter_ocular": _sides(self.left_eye, self.right_eye),
            "nose": list(self.nose),
            "mouth": _sides(*self.mouth),
            "mirror": [[point, other] for point, other in enumerate(self.mirror) if point < other],
            "names": {name: list(group) for name, group in self.names.items()},
            "description": self.description,
            "source": self.source,
            "licence": self.licence,
        }
        if average:
            mapping["average"] = [list(point) for point in self.average]
        return {key: value for key, value in mapping.items() if value not in ("", {}) and (value or key == "mirror")}


_FIVE_POINTS = "celeba5"  # a shipped scheme's name, which no other scheme can have
_MEANING = ("name", "count", "left_eye", "right_eye", "eyes", "nose", "mouth", "mirror")


def _sides(left: Sequence[int], right: Sequence[int]) -> dict[str, list[int]]:
    return {"left": list(left), "right": list(right)}
