"""Protocols of a landmarker: detector, predictor, and what they pass on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class LandmarkerOptions:
    """What a landmarker needs in order to load: small, hashable, cheap to send to a worker process.

    Attributes
    ----------
    predictor
        Path of a dlib shape predictor; None for the one that is installed.
    before
        The landmarkers listed before this one.
    """

    predictor: str | None = None
    before: tuple[str, ...] = ()


@dataclass(frozen=True)
class Faces:
    """The faces in one image.

    Attributes
    ----------
    boxes
        (K, 4) float32: x, y, width, height in pixels, shaped like the squares of dlib's HOG detector (brows to
        chin), whoever found them.
    points
        (K, 5, 2) float32: eye centres, nose, mouth corners in CelebA's order; None from a detector without points.
    """

    boxes: NDArray[np.float32]
    points: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.boxes)


class FaceDetector(Protocol):
    """Finds faces."""

    def detect(self, image: NDArray[np.uint8]) -> Faces:
        """Return the faces in ``image`` (H, W, 3), RGB, or (H, W), grey, as its landmarker says."""
        ...


class LandmarkPredictor(Protocol):
    """Places landmarks on one face."""

    def predict(
        self, image: NDArray[np.uint8], box: NDArray[np.float32], points: NDArray[np.float32] | None
    ) -> NDArray[np.float32]:
        """Return (P, 2) landmarks of the face at ``box`` (4,), whose ``points`` (5, 2) may be known."""
        ...


@dataclass(frozen=True)
class Landmarker:
    """A name of ``--detectors``: a detector and the predictor for what it finds.

    Attributes
    ----------
    name
        As in ``--detectors``.
    detector, predictor
        What finds faces, and what places landmarks on them.
    detects_in_grey, predicts_in_grey
        Whether they look at brightness alone; colours are then not decoded for them.
    """

    name: str
    detector: FaceDetector
    predictor: LandmarkPredictor
    detects_in_grey: bool = False
    predicts_in_grey: bool = False


NO_FACES = Faces(np.zeros((0, 4), np.float32))
