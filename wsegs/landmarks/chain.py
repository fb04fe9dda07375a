"""The fallback chain: methods tried in order until one finds the face."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from wsegs.landmarks.choose import choose_face
from wsegs.landmarks.detectors import check_methods, describe_method, load_method
from wsegs.landmarks.detectors.protocol import Faces, Method, MethodOptions

MAX_SIDE = 1024
DETECTORS = ("dlib", "mtcnn")


@dataclass(frozen=True)
class ChainOptions:
    """What a worker needs in order to build its own chain: a few strings and a number, never a loaded detector.

    Attributes
    ----------
    detectors
        Names of methods, in the order in which they are tried.
    predictor
        Path of a dlib shape predictor; None for the installed one.
    max_side
        Detectors see the image with its longer side reduced to this; 0 means as it is. Landmarks are always
        placed on the full image.
    """

    detectors: tuple[str, ...] = DETECTORS
    predictor: str | None = None
    max_side: int = MAX_SIDE

    def __post_init__(self) -> None:
        object.__setattr__(self, "detectors", check_methods(self.detectors))

    def methods(self) -> list[tuple[str, MethodOptions]]:
        """Return each method's name and its options."""
        return [(name, MethodOptions(self.predictor, self.detectors[:i])) for i, name in enumerate(self.detectors)]

    def describe(self) -> list[dict[str, str]]:
        """Check that every method can be used and return their provenance, before any long work begins."""
        return [describe_method(name, options) for name, options in self.methods()]


class FoundFace(NamedTuple):
    """What the chain found in one image.

    Attributes
    ----------
    landmarks
        (P, 2) float32, x and y in pixels of the image; None if there is no face.
    found_by
        Name of the method; ``none`` if there is no face.
    box
        (4,) float32, x, y, width, height of the face; None if there is no face.
    faces
        How many faces that method found.
    """

    landmarks: NDArray[np.float32] | None
    found_by: str
    box: NDArray[np.float32] | None
    faces: int


class Chain:
    """Loaded methods, tried in order."""

    def __init__(self, methods: list[Method], max_side: int) -> None:
        self._methods = methods
        self._max_side = max_side

    def find(self, image: NDArray[np.uint8], known_box: NDArray[np.floating] | None = None) -> FoundFace:
        """Find the landmarks of the face that is meant in ``image`` (H, W, 3), RGB.

        A method whose faces all lie outside ``known_box`` (4,), where the data set gives one, has not found it.
        """
        height, width = image.shape[:2]
        scale = min(1.0, self._max_side / max(height, width)) if self._max_side else 1.0
        seen = image
        if scale < 1:
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            seen = cv2.resize(image, size, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        for method in self._methods:
            faces = _enlarged(method.detector.detect(seen), 1 / scale)
            chosen = choose_face(faces.boxes, (height, width), known_box)
            if chosen is None:
                continue
            box = faces.boxes[chosen]
            points = None if faces.points is None else faces.points[chosen]
            return FoundFace(method.predictor.predict(image, box, points), method.name, box, len(faces))
        return FoundFace(None, "none", None, 0)


def _enlarged(faces: Faces, factor: float) -> Faces:
    if factor == 1:
        return faces
    # Pixel centres are at integers: the edge of the first pixel, at -1/2, stays where it is.
    boxes = faces.boxes * factor
    boxes[:, :2] += (factor - 1) / 2
    return Faces(boxes, None if faces.points is None else faces.points * factor + (factor - 1) / 2)


@functools.lru_cache(maxsize=1)
def load_chain(options: ChainOptions) -> Chain:
    """Return the chain of these options, loaded once a process."""
    cv2.setNumThreads(1)  # a process is one worker of several
    return Chain([load_method(name, method) for name, method in options.methods()], options.max_side)


def landmarks_of_image(
    image: NDArray[np.uint8],
    detectors: tuple[str, ...] = DETECTORS,
    *,
    predictor: str | None = None,
    max_side: int = MAX_SIDE,
    box: NDArray[np.floating] | None = None,
) -> FoundFace:
    """Find the landmarks of one image in memory; the detectors stay loaded for the next call.

    Parameters
    ----------
    image
        (H, W, 3) uint8, RGB.
    detectors, predictor, max_side
        As in :class:`ChainOptions`.
    box
        (4,), x, y, width, height of the face that is meant; None for the largest near the centre.

    Raises
    ------
    MissingError, DataError
        If weights are missing or cannot be used.
    """
    return load_chain(ChainOptions(tuple(detectors), predictor, max_side)).find(image, box)
