"""Faces found on the fly, where the data set may know which face it means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wsegs.datasets import open_dataset
from wsegs.datasets.layouts.celeba import FOLDERS, is_celeba
from wsegs.datasets.listing import first_folder
from wsegs.errors import OptionError
from wsegs.io.images import open_photo
from wsegs.landmarks.chain import GIVEN, MAX_SIDE, ChainOptions, FoundFace, landmarks_of_image, load_chain
from wsegs.landmarks.dataset_boxes import square_of_boxes
from wsegs.landmarks.detectors.upright import box_of_points
from wsegs.landmarks.known import fit_to_images
from wsegs.landmarks.scaling import Scale

if TYPE_CHECKING:
    from wsegs.datasets.index import FaceDataset


__all__ = ["GIVEN", "KnownFace", "KnownFaces", "faces_of_files", "find_face", "known_faces"]


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


def faces_of_files(data: Path, files: Sequence[Path], scale: Scale | None = None) -> KnownFaces:
    """Return the boxes and points that a data set has of some of its files; of CelebA those of their kind of images.

    Parameters
    ----------
    data, files
        The data set's folder, and N files.
    scale
        What boxes and points are scaled by; None doubts them as they are.

    Raises
    ------
    OptionError
        If none of the files is one of its images, or it has neither boxes nor points.
    DataError
        If its boxes or points are of images of another size.
    """
    absolute = [file.parent.resolve() / file.name for file in files]  # an image may be a link
    boxes = np.full((len(files), 4), np.nan, np.float32)
    points = np.full((len(files), 5, 2), np.nan, np.float32)
    matched = known = False
    for kind in _kinds_of(data, absolute):
        dataset = open_dataset(data, images=kind)
        root, row_of = dataset.root.resolve(), {name: row for row, name in enumerate(dataset.images)}
        rows = np.array([row_of.get(_below(file, root), -1) for file in absolute], np.intp)
        here = np.flatnonzero(rows >= 0)
        matched |= len(here) > 0
        known |= dataset.boxes is not None or dataset.points is not None
        few = fit_to_images(dataset.select(rows[here]), scale, points=True, boxes=dataset.boxes is not None)
        boxes[here] = np.nan if few.boxes is None else few.boxes
        points[here] = np.nan if few.points is None else few.points
    if not matched:
        raise OptionError(f"--data {data}: none of the {len(files)} images is one of its own, in {dataset.root}")
    if not known:
        raise OptionError(f"--data {data}: the data set '{dataset.name}' knows neither boxes nor points of its faces")
    return KnownFaces(boxes, points)


def _kinds_of(data: Path, files: Sequence[Path]) -> tuple[str | None, ...]:
    """Return the kinds of CelebA's images that some files are; None alone for another data set."""
    if not data.is_dir() or not is_celeba(data):
        return (None,)
    here = []
    for kind, names in FOLDERS.items():
        folder = first_folder(data, names)
        if folder is not None and any(_below(file, folder.resolve()) for file in files):
            here.append(kind)
    return tuple(here) or ("aligned",)


def _below(file: Path, folder: Path) -> str:
    """Return the name of a file below a folder; empty if it is elsewhere."""
    return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else ""


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
