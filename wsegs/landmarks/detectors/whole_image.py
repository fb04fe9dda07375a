"""Landmarker for tight crops: the image is the face, so nothing is searched, and dlib places its 68 points.

Detectors need some of what surrounds a face, and find no face, or a false one, in an image that is nothing else. Crops
are framed in many ways, with forehead or without. So the predictor starts from a square in the middle of the image, and
then twice from the square that the points found so far would have. On faces of 300-W, cropped at their points or with
a third of their height above, that gives a median error of 3 % of the distance between the eyes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wsegs.landmarks.detectors import dlib_detector
from wsegs.landmarks.detectors.dlib_detector import DlibPredictor, find_predictor
from wsegs.landmarks.detectors.protocol import Faces, Landmarker, LandmarkerOptions
from wsegs.landmarks.detectors.upright import box_of_points
from wsegs.schemes import IBUG68

_SIDE = 0.9  # of the image's shorter side
_DOWN = 0.02  # of the height: by how much a face lies below the middle of its crop
_REPEATS = 2


class WholeImage:
    """A detector that takes the image for the face."""

    def detect(self, image: NDArray[np.uint8]) -> Faces:
        """Return one face in the middle of ``image``, grey or RGB, framed as dlib's HOG frames a face."""
        height, width = image.shape[:2]
        side = _SIDE * min(height, width)
        box = [(width - side) / 2, (height - side) / 2 + _DOWN * height, side, side]
        return Faces(np.array([box], np.float32))


class RepeatedPredictor:
    """dlib's predictor, which starts again from where it found the face."""

    def __init__(self, predictor: DlibPredictor) -> None:
        self._predictor = predictor

    def predict(
        self, image: NDArray[np.uint8], box: NDArray[np.float32], points: NDArray[np.float32] | None
    ) -> NDArray[np.float32]:
        """Return (68, 2) landmarks in ``image``, grey or RGB."""
        for _ in range(_REPEATS):
            landmarks = self._predictor.predict(image, box, points)
            points, box = None, box_of_points(IBUG68.five_points(landmarks[None])[0])
        return self._predictor.predict(image, box, points)


def describe(options: LandmarkerOptions) -> dict[str, str]:
    """Return the provenance of this landmarker; raises what dlib's predictor raises."""
    return {**dlib_detector.describe(options), "name": "whole"}


def load(options: LandmarkerOptions) -> Landmarker:
    """Load dlib's predictor."""
    predictor = RepeatedPredictor(DlibPredictor(find_predictor(options.predictor)))
    return Landmarker(
        "whole", WholeImage(), predictor, detects_in_grey=True, predicts_in_grey=True, second_opinion=False
    )
