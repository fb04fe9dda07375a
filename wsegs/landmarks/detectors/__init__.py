"""Registry of landmarkers: pairs of a face detector and a landmark predictor, each in a module of its own.

To add one, write a module with the functions ``load(options) -> Landmarker`` and ``describe(options)``, add its name to
:data:`LANDMARKERS` and to ``STATUS_NAMES`` of :mod:`wsegs.landmarks.table`, and a test class that inherits
``tests/landmarks/tester.py``.
"""

from __future__ import annotations

import importlib

from wsegs.errors import OptionError
from wsegs.io.extras import needs_extras
from wsegs.io.files import did_you_mean
from wsegs.landmarks.detectors.protocol import Landmarker, LandmarkerOptions

# Modules are imported on first use, since each needs a heavy library.
LANDMARKERS = {
    "dlib": "wsegs.landmarks.detectors.dlib_detector",
    "mtcnn": "wsegs.landmarks.detectors.mtcnn_detector",
    "face-alignment": "wsegs.landmarks.detectors.face_alignment_detector",
    "whole": "wsegs.landmarks.detectors.whole_image",
}


def check_landmarkers(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return ``names`` if each is a landmarker and none is there twice; ``("none",)`` becomes ``()``.

    Raises
    ------
    OptionError
        If not.
    """
    if names == ("none",):
        return ()
    for name in names:
        if name not in LANDMARKERS:
            raise OptionError(
                f"--detectors: unknown detector '{name}', expected {', '.join(LANDMARKERS)} or none"
                f"{did_you_mean(name, list(LANDMARKERS))}"
            )
        if names.count(name) > 1:
            raise OptionError(f"--detectors: '{name}' is listed twice")
    if not names:
        raise OptionError(f"--detectors: expected {', '.join(LANDMARKERS)} or none, got nothing")
    return names


def load_landmarker(name: str, options: LandmarkerOptions) -> Landmarker:
    """Load a detector and its predictor into this process."""
    with needs_extras(f"--detectors {name}"):
        landmarker: Landmarker = importlib.import_module(LANDMARKERS[name]).load(options)
    return landmarker


def describe_landmarker(name: str, options: LandmarkerOptions) -> dict[str, str]:
    """Check that a landmarker can be used here and return its provenance: name, version, weights, sha256, licence.

    Raises
    ------
    MissingPackageError
        If the package of an extra is not installed.
    MissingError
        If its weights are missing; the message says how to get them.
    DataError
        If its weights cannot be used.
    """
    with needs_extras(f"--detectors {name}"):
        description: dict[str, str] = importlib.import_module(LANDMARKERS[name]).describe(options)
    return description
