"""What expressions can refer to: the landmarks of a batch in the image or the face's frame, mirrored or not."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from wsegs.rules.language.expressions import Expression
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
    views: Views | None = None  # the same faces in the other space
    space: Space = "image"
    mirrored: bool = False

    @property
    def faces(self) -> int:
        """The number of faces, N."""
        return int(self.x.shape[1])

    def value(self, name: str) -> Any:
        """Return a named value, computed once a batch."""
        if name not in self.values and name not in self.expressions:
            assert self.outer is not None  # names are checked when the file is read
            return self.outer.value(name)
        # Each may use those above it; computing them in order avoids deep recursion.
        for above in self.expressions if name not in self.values else ():
            if above not in self.values:
                self.values[above] = self.expressions[above].evaluate(self)
            if above == name:
                break
        return self.values[name]

    def inner(self, expressions: Mapping[str, Expression]) -> Scope:
        """Return a scope with further names, as a region's ``let`` has them."""
        return replace(self, expressions=expressions, outer=self, values={}) if expressions else self

    def at(self, points: Points) -> Scope:
        """Return a scope in which ``x`` and ``y`` are the given points."""
        return replace(self, expressions={}, outer=self, values={"x": points[0], "y": points[1]})

    def within(self, space: Space) -> Scope:
        """Return the same faces and names in a space."""
        if space == self.space or self.views is None:
            return self
        if self.outer is None:
            return self.views.scope(space, self.mirrored)
        # The names of each level are computed anew in the other space; those of a current point mean this one.
        return self.outer.within(space).inner(self.expressions)

    @property
    def interocular_distance(self) -> Any:
        """The distance between the eyes in the unit of this space: 1, or (N,) pixels."""
        if self.space == "face" or self.views is None:
            return 1.0
        return self.views.frame.unit

    def length_from(self, space: Space, length: Any) -> Any:
        """Convert a length of another space to this one."""
        if space == self.space or self.views is None:
            return length
        return length * self.views.frame.unit if self.space == "image" else length / self.views.frame.unit

    def vector_from(self, space: Space, vector: Points) -> Points:
        """Convert an offset (x, y) of another space to this one; mirrored scopes mirror the image, too."""
        if space == self.space or self.views is None:
            return vector
        x, y = vector
        sign = -1.0 if self.mirrored else 1.0
        convert = self.views.frame.vector_to_image if self.space == "image" else self.views.frame.vector_to_face
        new_x, new_y = convert(sign * x, y)
        return sign * new_x, new_y


@dataclass(frozen=True)
class FaceFrame:
    """The face's own frame of N faces.

    The origin lies midway between the eyes, the unit is their distance, x runs along the eyes to the image's right
    and y across them, downwards. Faces whose eyes coincide have no frame: their coordinates are nan.
    """

    origin: tuple[np.ndarray, np.ndarray]
    along: tuple[np.ndarray, np.ndarray]  # the unit vector of x, times the distance

    @property
    def unit(self) -> np.ndarray:
        """The distance between the eyes in pixels, (N,)."""
        distance: np.ndarray = np.hypot(*self.along)
        return distance

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
        return self.vector_to_face(x - self.origin[0], y - self.origin[1])

    def to_image(self, x: np.ndarray, y: np.ndarray) -> Points:
        """Map the frame to pixels."""
        along_x, along_y = self.along
        return self.origin[0] + x * along_x - y * along_y, self.origin[1] + x * along_y + y * along_x

    def vector_to_face(self, x: np.ndarray, y: np.ndarray) -> Points:
        """Map an offset in pixels to the frame."""
        along_x, along_y = self.along
        square = along_x**2 + along_y**2
        return (x * along_x + y * along_y) / square, (y * along_x - x * along_y) / square

    def vector_to_image(self, x: np.ndarray, y: np.ndarray) -> Points:
        """Map an offset in the frame to pixels."""
        along_x, along_y = self.along
        return x * along_x - y * along_y, x * along_y + y * along_x


class Views:
    """A batch of faces in every space that shapes use, with the file's parameters; each scope is made once.

    Parameters
    ----------
    landmarks
        (N, P, 2) float64 in pixels.
    scheme
        Their scheme.
    parameters
        The file's named expressions.
    """

    def __init__(self, landmarks: np.ndarray, scheme: LandmarkScheme, parameters: Mapping[str, Expression]) -> None:
        self._x = np.ascontiguousarray(landmarks[:, :, 0].T)
        self._y = np.ascontiguousarray(landmarks[:, :, 1].T)
        self._scheme = scheme
        self._names = parameters
        self._outer: Views | None = None
        self._scopes: dict[tuple[Space, bool], Scope] = {}
        self.faces = len(landmarks)
        self.frame = FaceFrame.of(self._x, self._y, scheme)

    def with_names(self, expressions: Mapping[str, Expression]) -> Views:
        """Return the same faces with further names, as a region's ``let`` has them."""
        if not expressions:
            return self
        named = copy(self)
        named._outer, named._names, named._scopes = self, expressions, {}
        return named

    def scope(self, space: Space, mirrored: bool) -> Scope:
        """Return the faces in a space; mirrored ones have x negated and left and right points exchanged."""
        key = (space, mirrored)
        if key not in self._scopes:
            if self._outer is not None:
                self._scopes[key] = self._outer.scope(space, mirrored).inner(self._names)
            else:
                self._scopes[key] = self._whole(space, mirrored)
        return self._scopes[key]

    def _whole(self, space: Space, mirrored: bool) -> Scope:
        if mirrored:
            other, mirror = self.scope(space, mirrored=False), list(self._scheme.mirror)
            x, y = -other.x[mirror], other.y[mirror]
        else:
            x, y = self.frame.to_face(self._x, self._y) if space == "face" else (self._x, self._y)
        return Scope(x, y, self._names, views=self, space=space, mirrored=mirrored)

    def to_image(self, points: Points, space: Space, mirrored: bool) -> Points:
        """Map points of :meth:`scope` back to pixels."""
        x, y = points
        if mirrored:
            x = -x
        return self.frame.to_image(x, y) if space == "face" else (x, y)
