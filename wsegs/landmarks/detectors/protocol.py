"""Protocols of a landmarker: detector, predictor, and what they pass on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class LandmarkerOptions:
    """Options for loading a landmarker; small, hashable and picklable.

    Attributes
    ----------
    predictor
        Path of a dlib shape predictor; None for the one that is installed.
    before
        Names of the landmarkers listed before this one.
    """

    predictor: str | None = None
    before: tuple[str, ...] = ()


@dataclass(frozen=True)
class Faces:
    """The faces in one image.

    Attributes
    ----------
    boxes
        (K, 4) float32: x, y, width, height in pixels, framed as dlib's HOG detector does (square, brows to chin),
        whichever detector found them.
    points
        (K, 5, 2) float32: eye centres, nose, mouth corners in CelebA's order; None from a detector without points.
    scores
        (K,) float32, how sure the detector is, from 0 to 1, on a scale that all detectors share: from
        :data:`wsegs.landmarks.choose.SURE` on hardly any is no face. None from a detector that does not say.
    """

    boxes: NDArray[np.float32]
    points: NDArray[np.float32] | None = None
    scores: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.boxes)


class FaceDetector(Protocol):
    """Finds faces."""

    def detect(self, image: NDArray[np.uint8]) -> Faces:
        """Return the faces in ``image`` (H, W, 3), RGB, or (H, W), grey, as its landmarker declares."""
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
    """A face detector and a landmark predictor, under one name of ``--detectors``.

    Attributes
    ----------
    name
        As in ``--detectors``.
    detector, predictor
        They find faces, and place landmarks on them.
    detects_in_grey, predicts_in_grey
        Whether they take grey images; colours are then not decoded.
    second_opinion
        Whether the detector is worth asking where an earlier one is unsure: not one that takes its boxes from others.
    """

    name: str
    detector: FaceDetector
    predictor: LandmarkPredictor
    detects_in_grey: bool = False
    predicts_in_grey: bool = False
    second_opinion: bool = True


NO_FACES = Faces(np.zeros((0, 4), np.float32))
