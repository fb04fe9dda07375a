"""face-alignment's FAN (Bulat and Tzimiropoulos, ICCV 2017) on boxes from the other detectors.

FAN takes a second or more a face on a CPU and tolerates a poor box. Listed after other landmarkers it therefore sees
only the images in which they found no face, and takes its boxes from them at a lower threshold. Alone
(``--detectors face-alignment``) it places the points of every face, on boxes from dlib's HOG, else MTCNN's.

The package does not contain its weights and wsegs downloads nothing: put them where the package looks for them.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsegs.errors import DataError, MissingError
from wsegs.io.files import sha256_of
from wsegs.landmarks.detectors.protocol import NO_FACES, Faces, Landmarker, LandmarkerOptions

FILE_NAME = "2DFAN4-11f355bf06.pth.tar"
URL = f"https://www.adrianbulat.com/downloads/python-fan/{FILE_NAME}"
KNOWN_SHA256_PREFIX = "11f355bf06"  # the package's authors put it in the file's name


def weights_path() -> Path:
    """Return where face-alignment looks for its weights: torch's own rule, without importing torch."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", f"{cache}/torch")
    return Path(home).expanduser() / "hub" / "checkpoints" / FILE_NAME


def _check_weights() -> Path:
    path = weights_path()
    if not path.is_file():
        raise MissingError(
            f"{path}: face-alignment's weights are missing; download {URL} and put it there under that name"
        )
    return path


def _import(name: str) -> Any:
    try:
        with warnings.catch_warnings():
            # Some of its dependencies use names that Python or numpy warn of.
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ImportError as error:
        raise MissingError(
            f"--detectors face-alignment: the package is not installed ({error}); pip install 'wsegs[face-alignment]'"
        ) from error


class BoxesOfOthers:
    """Face detector that tries several in turn until one finds a face."""

    def __init__(self, detectors: list[Any]) -> None:
        self._detectors = detectors

    def detect(self, image: NDArray[np.uint8]) -> Faces:
        """Return the faces of the first detector that finds any in ``image`` (H, W, 3), RGB."""
        for detector in self._detectors:
            faces: Faces = detector.detect(image)
            if len(faces):
                return faces
        return NO_FACES


class FanPredictor:
    """FAN's 68 points, on the CPU and uncompiled (compiling it takes a minute and a half a process)."""

    def __init__(self) -> None:
        path = _check_weights()
        face_alignment = _import("face_alignment")
        torch = importlib.import_module("torch")  # it is there with face_alignment
        torch.set_num_threads(1)  # a process is one worker of several
        try:
            self._network = face_alignment.FaceAlignment(
                face_alignment.LandmarksType.TWO_D, device="cpu", face_detector="folder", compile=False
            )
        except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}: not the weights of 2DFAN-4 ({str(error).splitlines()[0]})") from error

    def predict(
        self, image: NDArray[np.uint8], box: NDArray[np.float32], points: NDArray[np.float32] | None
    ) -> NDArray[np.float32]:
        """Return (68, 2) landmarks of the face at ``box``; ``points`` are not needed."""
        x, y, width, height = (float(value) for value in box)
        found = self._network.get_landmarks_from_image(image, detected_faces=[np.array([x, y, x + width, y + height])])
        return np.asarray(found[0], np.float32)


def describe(options: LandmarkerOptions) -> dict[str, str]:
    """Return the provenance of this landmarker.

    Raises
    ------
    MissingError
        If the package or its weights are missing.
    """
    path = _check_weights()
    if importlib.util.find_spec("face_alignment") is None:
        _import("face_alignment")
    digest = sha256_of(path)
    known = digest.startswith(KNOWN_SHA256_PREFIX)
    return {
        "name": "face-alignment",
        "version": importlib.metadata.version("face-alignment"),
        "weights": path.name,
        "sha256": digest,
        "licence": "BSD-3-Clause code; weights trained on 300-W-LP, check its terms" if known else "unknown weights",
        "boxes": ", ".join(options.before or ("dlib", "mtcnn")),
    }


def boxes_from(before: tuple[str, ...]) -> BoxesOfOthers:
    """Return FAN's face detectors: of the landmarkers ``before`` it, at a lower threshold, else dlib and MTCNN."""
    detectors: list[Any] = []
    for name in before or ("dlib", "mtcnn"):
        module = importlib.import_module(f"wsegs.landmarks.detectors.{name}_detector")
        detectors.append(module.sensitive() if before else module.usual())
    return BoxesOfOthers(detectors)


def load(options: LandmarkerOptions) -> Landmarker:
    """Load FAN and the detectors that it takes its boxes from."""
    predictor = FanPredictor()
    return Landmarker("face-alignment", boxes_from(options.before), predictor, second_opinion=False)
