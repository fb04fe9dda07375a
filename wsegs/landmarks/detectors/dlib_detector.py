"""Landmarker of dlib's HOG face detector and 68-point predictor (Kazemi and Sullivan, CVPR 2014).

The detector runs at the image's own size. Upsampling once costs four times as much and, on CelebA's originals, finds
few faces that the next detector of the chain would miss.
"""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
from pathlib import Path

import cv2
import dlib
import numpy as np
from numpy.typing import NDArray

from wsegs.errors import DataError, MissingError
from wsegs.io.files import sha256_of
from wsegs.io.processes.subprocess_call import SubprocessError, call_in_subprocess
from wsegs.landmarks.choose import score_of_margins
from wsegs.landmarks.detectors.protocol import Faces, Landmarker, LandmarkerOptions
from wsegs.landmarks.detectors.upright import UprightCrop, tilt_of
from wsegs.schemes import IBUG68

KNOWN_SHA256 = "fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f"
LICENCE = "trained on iBUG 300-W, whose licence excludes commercial use"
FILE_NAME = "shape_predictor_68_face_landmarks.dat"

# The predictor was trained on upright faces. Beyond this tilt, in degrees, it runs again on the face rotated upright:
# on faces rotated by 35 degrees the mean error halves; results on upright faces do not change.
MAX_TILT = 10.0


class DlibDetector:
    """dlib's frontal face detector (HOG and a linear SVM)."""

    def __init__(self, threshold: float = 0.0, upsample: int = 0) -> None:
        self._detector = dlib.get_frontal_face_detector()
        self._threshold = threshold
        self._upsample = upsample

    def detect(self, image: NDArray[np.uint8]) -> Faces:
        """Return the faces in ``image``, grey or RGB, of about 80 pixels or more."""
        found, margins, _ = self._detector.run(_grey(image), self._upsample, self._threshold)
        boxes = [(box.left(), box.top(), box.width(), box.height()) for box in found]
        return Faces(np.array(boxes, np.float32).reshape(-1, 4), None, score_of_margins(margins).astype(np.float32))


class DlibPredictor:
    """dlib's shape predictor; tilted faces are rotated upright first."""

    def __init__(self, path: Path) -> None:
        try:
            self._predictor = dlib.shape_predictor(str(path))
        except RuntimeError as error:
            raise DataError(f"{path}: not a dlib shape predictor ({error})") from error

    def predict(
        self, image: NDArray[np.uint8], box: NDArray[np.float32], points: NDArray[np.float32] | None
    ) -> NDArray[np.float32]:
        """Return (68, 2) landmarks in ``image``, grey or RGB: from five points if they are known, else from the box."""
        image = _grey(image)
        if points is not None:
            return self._predict_upright(image, points)
        landmarks = self._predict_at(image, box)
        five = IBUG68.five_points(landmarks[None])[0]
        return self._predict_upright(image, five) if abs(tilt_of(five)) > MAX_TILT else landmarks

    def _predict_upright(self, image: NDArray[np.uint8], points: NDArray[np.float32]) -> NDArray[np.float32]:
        crop = UprightCrop(points)
        return crop.to_image(self._predict_at(crop.warp(image), crop.box))

    def _predict_at(self, image: NDArray[np.uint8], box: NDArray[np.float32]) -> NDArray[np.float32]:
        x, y, width, height = (round(float(value)) for value in box)
        shape = self._predictor(image, dlib.rectangle(x, y, x + width - 1, y + height - 1))
        return np.array([(point.x, point.y) for point in shape.parts()], np.float32)


def _grey(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)  # type: ignore[return-value]


def find_predictor(path: str | None) -> Path:
    """Return the file of the 68-point model: ``path``, or the one of an installed package.

    Raises
    ------
    MissingError
        If there is none; the message says what to install.
    """
    if path is not None:
        if not Path(path).is_file():
            raise MissingError(f"--predictor {path}: no such file")
        return Path(path)
    # Located, not imported: the package imports pkg_resources.
    package = importlib.util.find_spec("face_recognition_models")
    for folder in (package.submodule_search_locations or ()) if package else ():
        file = Path(folder) / "models" / FILE_NAME
        if file.is_file():
            return file
    raise MissingError(
        "dlib's 68-point model was not found: pip install 'wsegs[ibug68]' (trained on iBUG 300-W, no commercial use)"
        " or give --predictor PATH"
    )


def describe_predictor(path: str | None) -> dict[str, str]:
    """Check the 68-point model and return its file name, sha256 and licence.

    Raises
    ------
    MissingError, DataError
        If there is none, or it is not a predictor of 68 points.
    """
    file = find_predictor(path)
    state = file.stat()
    digest = _checked(file, state.st_mtime_ns, state.st_size)
    licence = LICENCE if digest == KNOWN_SHA256 else "unknown weights"
    return {"weights": file.name, "sha256": digest, "licence": licence}


@functools.lru_cache(maxsize=8)  # several landmarkers use the same file
def _checked(file: Path, _mtime: int, _size: int) -> str:
    digest = sha256_of(file)
    if digest != KNOWN_SHA256:
        _probe(file)
    return digest


def _probe(file: Path) -> None:
    """Load and run an unknown model in a subprocess, since a damaged file can crash the process."""
    try:
        points = int(call_in_subprocess(f"{__name__}:_points_of", str(file), seconds=120))
    except SubprocessError as error:
        raise DataError(f"{file}: not a usable dlib shape predictor ({error})") from error
    if points != IBUG68.count:
        raise DataError(f"{file}: a shape predictor of {points} points, expected {IBUG68.count}")


def _points_of(file: str) -> bytes:
    """Return the number of a model's points."""
    image = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)
    return str(dlib.shape_predictor(file)(image, dlib.rectangle(8, 8, 55, 55)).num_parts).encode()


def describe(options: LandmarkerOptions) -> dict[str, str]:
    """Return the provenance of this landmarker; see :func:`describe_predictor` for what it raises."""
    version = importlib.metadata.version("dlib-bin") if _installed("dlib-bin") else str(dlib.__version__)
    return {"name": "dlib", "version": version, **describe_predictor(options.predictor)}


def _installed(distribution: str) -> bool:
    return any(True for _ in importlib.metadata.distributions(name=distribution))


def usual() -> DlibDetector:
    """Return the detector with the threshold of the chain."""
    return DlibDetector()


def sensitive() -> DlibDetector:
    """Return a detector with a lower threshold: more faces, more false ones."""
    return DlibDetector(threshold=-0.3, upsample=1)


def load(options: LandmarkerOptions) -> Landmarker:
    """Load the detector and the predictor."""
    predictor = DlibPredictor(find_predictor(options.predictor))
    return Landmarker("dlib", usual(), predictor, detects_in_grey=True, predicts_in_grey=True)
