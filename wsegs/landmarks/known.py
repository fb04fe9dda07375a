"""Landmarks that need no search: imported ones, and those of the data set, both doubted and scaled where asked."""

from __future__ import annotations

import warnings
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import PIL.ExifTags
import PIL.Image
from numpy.typing import NDArray

from wsegs.datasets.index import FaceDataset
from wsegs.errors import DataError, MissingError, OptionError, WsegsError
from wsegs.io.images import image_size
from wsegs.landmarks.imports import Imported
from wsegs.landmarks.plausible import Faces, check_border, check_corner, check_faces, check_size
from wsegs.landmarks.scaling import Scale, corners, scaled, scaled_boxes
from wsegs.landmarks.table import NO_FACE, STATUS_NAMES
from wsegs.schemes import CELEBA5, LandmarkScheme

IMPORTED, DATA_SET = STATUS_NAMES.index("imported"), STATUS_NAMES.index("data set")
_SAMPLE = 200  # images whose headers are read where not each is looked at


@dataclass(frozen=True)
class Known:
    """Landmarks of N images that are known already.

    Attributes
    ----------
    landmarks
        (N, P, 2) float32; nan where they are not known.
    status
        (N,) uint8: their source, an index of ``STATUS_NAMES``; 0 where they are not known.
    score
        (N,) float32: how sure their source is of the face, 0 to 1; nan where it does not say.
    """

    landmarks: NDArray[np.float32]
    status: NDArray[np.uint8]
    score: NDArray[np.float32]


def known_landmarks(
    dataset: FaceDataset, imported: Imported, scheme: LandmarkScheme, *, from_data: bool, scale: Scale | None = None
) -> Known:
    """Return the imported landmarks and, for other images, those of the data set.

    Parameters
    ----------
    dataset
        The images, with points and boxes as :func:`fit_to_images` returns them.
    imported
        Their imports.
    scheme
        What the points are.
    from_data
        Take the data set's own points.
    scale
        What the imported points are scaled by; None doubts them as they are.

    Raises
    ------
    OptionError, MissingError
        If the data set has no points of this scheme.
    DataError
        If imported points cannot be the faces of their images; see :mod:`wsegs.landmarks.plausible`.
    """
    landmarks = _on_images(dataset, imported, scheme, scale)
    status = np.where(imported.found, IMPORTED, NO_FACE).astype(np.uint8)
    if from_data:
        if not scheme.agrees_with(CELEBA5):
            raise OptionError(f"--from-data: a data set's own points are {CELEBA5.name}, not {scheme.name}")
        if dataset.points is None:
            raise MissingError(f"--from-data: {dataset.root}: the data set '{dataset.name}' has no list of landmarks")
        rows = ~imported.found & np.isfinite(dataset.points).all(axis=(1, 2))
        landmarks[rows] = dataset.points[rows]
        status[rows] = DATA_SET
    return Known(landmarks, status, np.where(imported.found, imported.scores, np.nan).astype(np.float32))


def _on_images(
    dataset: FaceDataset, imported: Imported, scheme: LandmarkScheme, scale: Scale | None
) -> NDArray[np.float32]:
    landmarks = imported.landmarks.copy()
    rows = np.flatnonzero(imported.found)
    if not len(rows):
        return landmarks
    sizes = sizes_of(dataset, rows)
    made_on = imported.sizes[rows]
    if scale is not None and not scale.as_it_is:
        try:
            landmarks[rows] = scaled(landmarks[rows], scale, sizes, made_on, imported.first[rows])
        except DataError as error:
            raise DataError(f"--import-scale file: {error}; name their size") from error
        made_on = np.zeros_like(made_on)
    if scale is None or not scale.as_it_is:
        read = (sizes > 0).all(axis=1)  # what cannot be read is told later
        places = [imported.places[row] or "the imported landmarks" for row in rows[read]]
        faces = _faces(dataset, landmarks[rows[read]], rows[read], sizes[read], made_on[read], places)
        check_faces(replace(faces, first=np.where(scale is None, imported.first[rows[read]], 0)), scheme)
    return landmarks


def fit_to_images(
    dataset: FaceDataset, scale: Scale | None, *, points: bool, boxes: bool, each: bool = True
) -> FaceDataset:
    """Return a data set whose own points and boxes lie on its images; refuse those of images of another size.

    Parameters
    ----------
    dataset
        The images.
    scale
        What points and boxes are scaled by; None doubts them as they are, unless they were scaled before.
    points
        Whether the points are used.
    boxes
        Whether the boxes, or the mean face of aligned images, are used: some of the images are looked at.
    each
        Whether each image is looked at whose points are used; else some are.

    Raises
    ------
    DataError
        If the points or boxes are of other images than those; the message names both sizes.
    """
    if scale is not None:
        return replace(dataset if scale.as_it_is else _scaled_dataset(dataset, scale), scaled=True)
    if dataset.scaled:
        return dataset
    if points and dataset.points is not None:
        rows = np.flatnonzero(np.isfinite(dataset.points).all(axis=(1, 2)))
        rows = rows if each else _some(rows)
        _check_own(dataset, rows, dataset.points[rows], CELEBA5)
    if boxes and (dataset.boxes is not None or dataset.aligned_points is not None):
        rows = np.arange(len(dataset)) if dataset.boxes is None else np.flatnonzero(np.isfinite(dataset.boxes).all(1))
        rows = _some(rows)
        if dataset.boxes is None:
            _check_own(dataset, rows, np.zeros((len(rows), 0, 2)), None)
        else:
            _check_own(dataset, rows, corners(dataset.boxes[rows]), None)
    return dataset


def _some(rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return some rows, evenly spaced."""
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), _SAMPLE)).astype(np.intp))]


def _check_own(
    dataset: FaceDataset, rows: NDArray[np.intp], points: NDArray[np.floating], scheme: LandmarkScheme | None
) -> None:
    sizes = sizes_of(dataset, rows)
    read = (sizes > 0).all(axis=1)
    rows, sizes = rows[read], sizes[read]
    made_on = np.zeros_like(sizes)
    if dataset.image_size is not None:
        made_on[:] = dataset.image_size[::-1]
    what = "points" if scheme is not None else "boxes"
    faces = _faces(
        dataset, points[read], rows, sizes, made_on, [f"{dataset.root}, the data set's own {what}"] * len(rows)
    )
    faces = replace(faces, option="--data-scale")
    if scheme is not None:
        check_faces(faces, scheme)
    elif len(rows):
        check_size(faces)
        if points.shape[1]:
            check_border(faces)
            check_corner(faces)


def _scaled_dataset(dataset: FaceDataset, scale: Scale) -> FaceDataset:
    every = np.arange(len(dataset))
    sizes = sizes_of(dataset, every) if scale.kind == "size" else np.zeros((len(dataset), 2), np.int32)
    none = np.zeros(len(dataset), np.uint8)

    def fitted(values: NDArray[np.floating]) -> NDArray[np.float32]:
        return scaled(values, scale, sizes, np.zeros_like(sizes), none).astype(np.float32)

    points = None if dataset.points is None else fitted(dataset.points)
    boxes = None if dataset.boxes is None else scaled_boxes(dataset.boxes, fitted).astype(np.float32)
    # The mean face has one place only where all images have one size.
    aligned, image_size_ = None, None
    read = sizes[(sizes > 0).all(axis=1)]
    if dataset.aligned_points is not None and (
        scale.kind == "factor" or (len(read) and not np.ptp(read, axis=0).any())
    ):
        one = read[:1] if len(read) else np.zeros((1, 2), np.int32)
        aligned = scaled(dataset.aligned_points[None], scale, one, one * 0, none[:1])[0].astype(np.float32)
        image_size_ = (int(one[0, 1]), int(one[0, 0])) if len(read) else None
    return replace(dataset, points=points, boxes=boxes, aligned_points=aligned, image_size=image_size_)


def sizes_of(dataset: FaceDataset, rows: NDArray[np.intp]) -> NDArray[np.int32]:
    """Return width and height of some images, (n, 2) int32; 0 where one cannot be read."""
    sizes = np.zeros((len(rows), 2), np.int32)
    for at, row in enumerate(rows.tolist()):
        with suppress(WsegsError):
            sizes[at] = image_size(dataset.path(row))
    return sizes


def _faces(
    dataset: FaceDataset,
    points: NDArray[np.floating],
    rows: NDArray[np.intp],
    sizes: NDArray[np.int32],
    made_on: NDArray[np.int32],
    places: list[str],
) -> Faces:
    return Faces(
        points=points.astype(np.float64),
        sizes=sizes,
        made_on=made_on,
        first=np.zeros(len(rows), np.uint8),
        images=[dataset.images[row] for row in rows],
        places=places,
        orientation=lambda at: _orientation(dataset.path(int(rows[at]))),
    )


def _orientation(path: Path) -> int:
    """Return EXIF's orientation, 1 to 8; 1 where there is none."""
    # Pillow raises many kinds on damaged metadata.
    with suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with PIL.Image.open(path) as header:
            return int(header.getexif().get(PIL.ExifTags.Base.Orientation, 1))
    return 1
