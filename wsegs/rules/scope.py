"""What expressions see: the landmarks of a batch in the image or in the face's own frame, mirrored or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from wsegs.rules.expressions import Expression
from wsegs.schemes import LandmarkScheme

Space = Literal["image", "face"]
Points = tuple[np.ndarray, np.ndarray]  # x and y, each (V, N) float64


@dataclass
class Scope:
    """Landmarks and named values of N faces, in one space."""

    x: np.ndarray  # (P, N) float64
    y: np.ndarray
    expressions: Mapping[str, Expression] = field(default_factory=dict)
    outer: Scope | None = None
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def faces(self) -> int:
        """The number of faces, N."""
        return int(self.x.shape[1])

    def value(self, name: str) -> Any:
        """Return a named value, computed once a batch."""
        if name not in self.values:
            if name in self.expressions:
                self.values[name] = self.expressions[name].evaluate(self)
            else:
                assert self.outer is not None  # names are checked when the file is read
                return self.outer.value(name)
        return self.values[name]

    def inner(self, expressions: Mapping[str, Expression]) -> Scope:
        """Return a scope with further names, as a region's ``let`` has them."""
        return Scope(self.x, self.y, expressions, self) if expressions else self

    def at(self, points: Points) -> Scope:
        """Return a scope in which ``x`` and ``y`` are the given points."""
        return Scope(self.x, self.y, {}, self, {"x": points[0], "y": points[1]})


@dataclass(frozen=True)
class FaceFrame:
    """The face's own frame of N faces.

    The origin lies midway between the eyes, the unit is their distance, x runs along the eyes to the image's right
    and y across them, downwards. Faces whose eyes coincide have no frame: their coordinates are nan.
    """

    origin: tuple[np.ndarray, np.ndarray]
    along: tuple[np.ndarray, np.ndarray]  # the unit vector of x, times the distance

    @classmethod
    def of(cls, x: np.ndarray, y: np.ndarray, scheme: LandmarkScheme) -> FaceFrame:
        """Return the frame of landmarks x, y (P, N) in pixels."""
        left_x, left_y = (axis[list(scheme.left_eye)].mean(axis=0) for axis in (x, y))
        right_x, right_y = (axis[list(scheme.right_eye)].mean(axis=0) for axis in (x, y))
        return cls(
            ((left_x + right_x) / 2, (left_y + right_y) / 2),
            (right_x - left_x, right_y - left_y),
        )

    def to_face(self, x: np.ndarray, y: np.ndarray) -> Points:
        """Map pixels to the frame."""
        (origin_x, origin_y), (along_x, along_y) = self.origin, self.along
        square = along_x**2 + along_y**2
        right, down = x - origin_x, y - origin_y
        return (right * along_x + down * along_y) / square, (down * along_x - right * along_y) / square

    def to_image(self, x: np.ndarray, y: np.ndarray) -> Points:
        """Map the frame to pixels."""
        (origin_x, origin_y), (along_x, along_y) = self.origin, self.along
        return origin_x + x * along_x - y * along_y, origin_y + x * along_y + y * along_x


class Views:
    """A batch of faces in each space that shapes ask for, with the file's parameters, each made once.

    Parameters
    ----------
    landmarks
        (N, P, 2) float64 in pixels.
    scheme
        Which points they are.
    parameters
        The file's named expressions.
    """

    def __init__(self, landmarks: np.ndarray, scheme: LandmarkScheme, parameters: Mapping[str, Expression]) -> None:
        self._x = np.ascontiguousarray(landmarks[:, :, 0].T)
        self._y = np.ascontiguousarray(landmarks[:, :, 1].T)
        self._scheme = scheme
        self._parameters = parameters
        self._frame: FaceFrame | None = None
        self._scopes: dict[tuple[Space, bool], Scope] = {}

    @property
    def frame(self) -> FaceFrame:
        """The faces' own frames."""
        if self._frame is None:
            self._frame = FaceFrame.of(self._x, self._y, self._scheme)
        return self._frame

    def scope(self, space: Space, mirrored: bool) -> Scope:
        """Return the faces in a space; mirrored ones have x negated and left and right points exchanged."""
        key = (space, mirrored)
        if key not in self._scopes:
            x, y = self.frame.to_face(self._x, self._y) if space == "face" else (self._x, self._y)
            if mirrored:
                mirror = list(self._scheme.mirror)
                x, y = -x[mirror], y[mirror]
            self._scopes[key] = Scope(x, y, self._parameters)
        return self._scopes[key]

    def to_image(self, points: Points, space: Space, mirrored: bool) -> Points:
        """Map points of :meth:`scope` back to pixels."""
        x, y = points
        if mirrored:
            x = -x
        return self.frame.to_image(x, y) if space == "face" else (x, y)
