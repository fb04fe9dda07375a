"""Face detectors and landmark predictors: one protocol, one module a method, one line a method here.

To add a method write a module with a function ``load(options) -> Method``, add its name to :data:`METHODS` and to
``STATUS_NAMES`` of :mod:`wsegs.landmarks.table`.
"""

from __future__ import annotations

import importlib

from wsegs.errors import OptionError
from wsegs.io.files import did_you_mean
from wsegs.landmarks.detectors.protocol import Method, MethodOptions

# Imported only when asked for, since each brings a heavy library.
METHODS = {
    "dlib": "wsegs.landmarks.detectors.dlib_detector",
    "mtcnn": "wsegs.landmarks.detectors.mtcnn_detector",
    "face-alignment": "wsegs.landmarks.detectors.face_alignment_detector",
}


def check_methods(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return ``names`` if each is a method and none is there twice; ``("none",)`` becomes ``()``.

    Raises
    ------
    OptionError
        If not.
    """
    if names == ("none",):
        return ()
    for name in names:
        if name not in METHODS:
            raise OptionError(
                f"--detectors: unknown detector '{name}', expected {', '.join(METHODS)} or none"
                f"{did_you_mean(name, list(METHODS))}"
            )
        if names.count(name) > 1:
            raise OptionError(f"--detectors: '{name}' is listed twice")
    if not names:
        raise OptionError(f"--detectors: expected {', '.join(METHODS)} or none, got nothing")
    return names


def load_method(name: str, options: MethodOptions) -> Method:
    """Load a detector and its predictor into this process."""
    method: Method = importlib.import_module(METHODS[name]).load(options)
    return method


def describe_method(name: str, options: MethodOptions) -> dict[str, str]:
    """Check that a method can be used here and return its provenance: name, version, weights, sha256, licence.

    Raises
    ------
    MissingError
        If its weights are missing; the message says how to get them.
    DataError
        If its weights cannot be used.
    """
    description: dict[str, str] = importlib.import_module(METHODS[name]).describe(options)
    return description
