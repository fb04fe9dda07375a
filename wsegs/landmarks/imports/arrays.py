"""Read NumPy's ``.npy`` of one face and ``.npz`` of many. Pickled objects are never read."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsegs.errors import DataError
from wsegs.landmarks.imports.rows import FaceRow, checked_points
from wsegs.schemes import LandmarkScheme

_LARGEST = 1 << 30  # bytes of an array; 200,000 faces of 478 points have 765 million as float32
_NAMES = ("names", "name", "images", "image", "files", "file", "filenames", "paths")


def read_npy(path: Path, name: str, scheme: LandmarkScheme) -> Iterator[FaceRow]:
    """Yield the face of an array (P, 2) or (1, P, 2) that is named as its image; an empty array is "no face"."""
    array = _array(path)
    if array.size == 0:
        yield FaceRow((name,), None, str(path))
        return
    if array.ndim == 3 and array.shape[1:] == (scheme.count, 2) and len(array) > 1:
        raise DataError(
            f"{path}: {len(array)} faces and no names of images; write a .npz with 'landmarks' and 'names',"
            " or a .npy for each image"
        )
    yield FaceRow((name,), _points(array, scheme, str(path)), str(path))


def read_npz(path: Path, name: str, scheme: LandmarkScheme) -> Iterator[FaceRow]:
    """Yield the faces of arrays: (N, P, 2) beside N names, or one for each image, which is its name."""
    arrays = _arrays(path)
    names = next((array for key, array in arrays.items() if key.lower() in _NAMES), None)
    if names is None:
        for key, array in arrays.items():
            if array.ndim == 3 and len(array) > 1:
                raise DataError(
                    f"{path}: '{key}' holds {len(array)} faces, and no array of names ({', '.join(_NAMES[:3])})"
                    " says whose"
                )
            yield FaceRow(
                (key, name) if len(arrays) == 1 else (key,),
                _points(array, scheme, f"{path}, '{key}'"),
                f"{path}, '{key}'",
            )
        return
    faces = [(key, array) for key, array in arrays.items() if array.ndim == 3]
    if names.dtype.kind not in "US" or names.ndim != 1 or len(faces) != 1 or len(faces[0][1]) != len(names):
        shapes = ", ".join(f"{key} {array.dtype} {array.shape}" for key, array in arrays.items())
        raise DataError(
            f"{path}: expected N names and one array (N, {scheme.count}, 2) of landmarks, got {shapes[:200]}"
        )
    for row, (image, points) in enumerate(zip(names, faces[0][1], strict=True)):
        where = f"{path}, row {row}"
        text = image.decode("utf-8", "surrogateescape") if isinstance(image, bytes) else str(image)
        yield FaceRow((text,), _points(points, scheme, where), where)


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(path) as file:
            size = sum(entry.file_size for entry in file.infolist())
            keys = [entry.filename for entry in file.infolist()]
    except Exception as error:  # NumPy and zipfile raise many kinds on damaged headers
        raise DataError(f"{path}: not a .npz that can be read") from error
    if size > _LARGEST:
        raise DataError(f"{path}: {size} bytes unpacked, expected at most {_LARGEST}")
    if not keys:
        raise DataError(f"{path}: expected arrays, got an empty .npz")
    try:
        with _quietly(), np.load(path, allow_pickle=False) as file:
            return {key: np.asarray(file[key]) for key in file.files}
    except Exception as error:  # NumPy and zipfile raise many kinds on damaged headers
        raise DataError(f"{path}: {_reason(error)}") from error


def _array(path: Path) -> NDArray[Any]:
    if (size := path.stat().st_size) > _LARGEST:
        raise DataError(f"{path}: {size} bytes, expected at most {_LARGEST}")
    try:
        # Mapped, so that a header that promises too much is refused before memory is spent on it.
        with _quietly():
            array = np.load(path, mmap_mode="r" if size else None, allow_pickle=False)
    except Exception as error:  # NumPy and zipfile raise many kinds on damaged headers
        raise DataError(f"{path}: {_reason(error)}") from error
    if not isinstance(array, np.ndarray):
        array.close()
        raise DataError(f"{path}: not an array as .npy has it")
    return np.array(array)


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep NumPy's notes on headers of old files to itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _reason(error: BaseException) -> str:
    if any(word in str(error) for word in ("pickle", "Object arrays", "Python objects")):
        return "pickled Python objects, which are never read; expected an array of numbers"
    return "not an array that can be read"


def _points(array: NDArray[Any], scheme: LandmarkScheme, where: str) -> NDArray[np.float64] | None:
    if array.dtype.kind not in "fiu" or array.shape not in ((scheme.count, 2), (1, scheme.count, 2)):
        raise DataError(
            f"{where}: expected numbers ({scheme.count}, 2) of {scheme.name}, got {array.dtype} {array.shape}"
        )
    with np.errstate(invalid="ignore"):  # a signalling nan
        points = array.reshape(-1, 2).astype(np.float64)
    return checked_points(points, where)
