"""Faces found on the fly, where the data set may know which face it means."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wsegs.io.images import open_photo
from wsegs.landmarks.chain import GIVEN, MAX_SIDE, ChainOptions, FoundFace, landmarks_of_image, load_chain
from wsegs.landmarks.dataset_boxes import square_of_boxes
from wsegs.landmarks.detectors.upright import box_of_points

if TYPE_CHECKING:
    from wsegs.datasets.index import FaceDataset


__all__ = ["GIVEN", "KnownFace", "KnownFaces", "find_face", "known_faces"]


@dataclass(frozen=True)
class KnownFace:
    """What is known of an image's face: ``box`` (4,) x, y, width, height; five ``points`` (5, 2); None is unknown.

    ``path`` is the file of the image, in which a face is searched as ``wsegs landmarks`` does.
    """

    box: NDArray[np.float32] | None = None
    points: NDArray[np.float32] | None = None
    path: Path | None = None


@dataclass(frozen=True)
class KnownFaces:
    """Faces of N images, in pixels of each: ``boxes`` (N, 4), ``points`` (N, 5, 2), nan unknown; None is none."""

    boxes: NDArray[np.float32] | None
    points: NDArray[np.float32] | None

    def of(self, position: int, path: Path | None = None) -> KnownFace:
        """Return what is known of one image, whose file is ``path``."""
        return KnownFace(_known(self.boxes, position), _known(self.points, position), path)


def known_faces(dataset: FaceDataset, rows: NDArray[np.intp]) -> KnownFaces | None:
    """Return the boxes and points that a data set has of some rows; None where it has neither."""
    if dataset.boxes is None and dataset.points is None:
        return None
    return KnownFaces(
        None if dataset.boxes is None else dataset.boxes[rows],
        None if dataset.points is None else dataset.points[rows],
    )


def find_face(image: NDArray[np.uint8], face: KnownFace | None = None) -> FoundFace:
    """Find the landmarks of a face as ``wsegs landmarks`` does: near the box of the data set, where there is one.

    Where no detector sees a face that the data set knows, landmarks are placed in its box.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    face
        What is known of it.
    """
    if face is None:
        return landmarks_of_image(image)
    photo = image if face.path is None else open_photo(face.path, MAX_SIDE)
    if face.box is None and face.points is None:
        return landmarks_of_image(photo)
    box = box_of_points(face.points) if face.box is None and face.points is not None else face.box
    found = landmarks_of_image(photo, box=box)
    if found.landmarks is not None:
        return found
    square = None if face.box is None else square_of_boxes(face.box[None])[0]
    return load_chain(ChainOptions()).find_at(photo, square=square, points=face.points)


def _known(array: NDArray[np.float32] | None, position: int) -> NDArray[np.float32] | None:
    return None if array is None or not np.isfinite(array[position]).all() else array[position]
