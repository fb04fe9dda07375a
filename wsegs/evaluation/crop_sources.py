"""Sources of crops for an evaluation: image files of a data set, or a mask store that keeps its images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from wsegs.datasets.index import FaceDataset
from wsegs.errors import OptionError
from wsegs.evaluation.crops import Crop, CropKind, Cropper, cropper_for
from wsegs.evaluation.known_faces import KnownFace, KnownFaces
from wsegs.evaluation.region_readers import MEAN_FACE, RegionReader, find_landmarks
from wsegs.evaluation.runs import Run
from wsegs.geometry.matrices import compose, resize_affine, transform_points
from wsegs.geometry.moves import STAYS, Move, SeededMoves
from wsegs.geometry.warp import warp_image
from wsegs.io.images import read_image
from wsegs.landmarks.image_sizes import check_size
from wsegs.schemes import CELEBA5
from wsegs.store import MaskStore
from wsegs.training.runs import RunInfo

WHOLE_IMAGE = "the whole image alone"
"""Where the boxes of an image come from in which no face was found."""
LANDMARKS = "the table of landmarks"
"""In messages about images of another size than its own."""


class CropSource(Protocol):
    """Crops by position in a data set; pickles, so that workers can read."""

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the crops."""

    def __len__(self) -> int: ...

    def crop(self, position: int) -> Crop:
        """Return an image as a network expects it; raises DataError if it cannot be read."""


@dataclass(frozen=True)
class FileCrops:
    """Crops of image files.

    Attributes
    ----------
    cropper
        How they are cropped.
    paths
        N files.
    points
        N arrays (5, 2), the five points in pixels of the image, x and y; nan where they are not known. None finds
        them where they are needed.
    boxes
        (N, 4) x, y, width, height in pixels of the image, of a run that crops about boxes; None finds them.
    regions
        What reads the regions of the crops; None where the run reads none, or draws them itself.
    landmarks
        (N, P, 2) of the scheme that ``regions`` draws from, x and y in pixels of the image; None finds them.
    sizes
        (N, 2) width and height of the images that the points were found in, 0 where unknown; None without points.
    faces
        What the data set knows of where the faces are, for landmarks that are found on the fly.
    find_points
        Find the five points of images of which they are not known, even where the crop needs none: the run reads parts
        about them, or boxes.
    mean_face
        Where no face is found in an image that needs no landmarks to be cropped, take the five points of the mean face
        of the training; False leaves them unknown.
    moves
        How each crop is moved; None where they stay as they are.
    """

    cropper: Cropper
    paths: Sequence[Path]
    points: Sequence[NDArray[np.float32]] | None
    boxes: NDArray[np.float32] | None = None
    regions: RegionReader | None = None
    landmarks: NDArray[np.float32] | None = None
    sizes: NDArray[np.int32] | None = None
    faces: KnownFaces | None = None
    find_points: bool = False
    mean_face: bool = False
    moves: Sequence[Move] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the crops."""
        return self.cropper.size

    def __len__(self) -> int:
        return len(self.paths)

    def crop(self, position: int) -> Crop:
        """Read and crop an image."""
        path = self.paths[position]
        image = read_image(path)
        if self.sizes is not None:
            check_size(path, image.shape[1::-1], self.sizes[position], LANDMARKS)
        points = None if self.points is None else self.points[position]
        box = None if self.boxes is None else self.boxes[position]
        detect = self.points is None and self.boxes is None
        face = KnownFace(path=path) if self.faces is None else self.faces.of(position, path)
        move = STAYS if self.moves is None else self.moves[position]
        if self.find_points:
            return self._about_points(image, points, box, face, move)
        if self.regions is None:
            return self.cropper.place(image, points, detect=detect, box=box, face=face, move=move)
        landmarks, scheme = None, self.regions.scheme
        if scheme is not None:
            landmarks = find_landmarks(image, scheme, face) if self.landmarks is None else self.landmarks[position]
            if points is None:
                points = np.full((5, 2), np.nan) if landmarks is None else scheme.five_points(landmarks[None])[0]
        crop = self.cropper.place(image, points, detect=detect, box=box, face=face, move=move)
        height, width = image.shape[:2]
        regions, source = self.regions.read(position, (height, width), crop.matrix, landmarks)
        found = self.landmarks is None and self.points is None
        if found and source == "landmarks":
            source = "landmarks found"
        kind: CropKind = "detected" if found and crop.kind == "landmarks" else crop.kind
        return crop._replace(kind=kind, regions=regions, regions_from=source)

    def _about_points(
        self,
        image: NDArray[np.uint8],
        points: NDArray[np.float32] | None,
        box: NDArray[np.float32] | None,
        face: KnownFace,
        move: Move,
    ) -> Crop:
        """Return a crop with its five points, and say where they come from; nan where there is no face."""
        found = points is None
        if points is None:
            landmarks = find_landmarks(image, CELEBA5, face)
            points = np.full((5, 2), np.nan, np.float32) if landmarks is None else landmarks
        crop = self.cropper.place(image, points, detect=False, box=box, face=face, move=move)
        if not np.isfinite(points).all():
            if self.mean_face:
                return crop._replace(regions_from=MEAN_FACE if np.isfinite(crop.points).all() else WHOLE_IMAGE)
            return crop._replace(points=np.full((5, 2), np.nan, np.float32), regions_from=MEAN_FACE)
        kind: CropKind = "detected" if found and crop.kind == "landmarks" else crop.kind
        return crop._replace(kind=kind, regions_from="landmarks found" if found else "landmarks")


@dataclass(frozen=True)
class StoreCrops:
    """Crops that a mask store keeps.

    In the frame of the run's training they are resized, as in training. In another they are cropped once more, by the
    landmarks of the store.

    Attributes
    ----------
    store, info
        The store, and the run whose network sees the crops.
    size
        (H, W) of the crops.
    rows
        (N,) rows of the store.
    regions, moves
        See :class:`FileCrops`.
    """

    store: MaskStore
    info: RunInfo
    size: tuple[int, int]
    rows: NDArray[np.intp]
    regions: RegionReader | None = None
    moves: Sequence[Move] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def crop(self, position: int) -> Crop:
        """Read and resize or crop an image."""
        row = int(self.rows[position])
        crop = self._place(row, STAYS if self.moves is None else self.moves[position])
        if self.regions is None:
            return crop
        landmarks, scheme = None, self.regions.scheme
        if scheme is not None:
            landmarks = self.store.scheme.convert(self.store.landmarks[row][None], scheme)[0]
        regions, source = self.regions.read(position, self.store.size, crop.matrix, landmarks)
        return crop._replace(regions=regions, regions_from=source)

    def _place(self, row: int, move: Move) -> Crop:
        points = self.store.scheme.five_points(self.store.landmarks[row][None])[0]
        if self.store.frame != self.info.frame:
            return cropper_for(self.info, self.size).place(self.store.image(row), points, detect=False, move=move)
        resize = resize_affine(np.array([self.store.size]), self.size)
        if move.stays:
            image = self.store.image(row, self.size)
        else:
            resize = compose(move.affine(self.size), resize[0])[None].astype(np.float32)
            image = warp_image(self.store.image(row), resize[0], self.size)
        points = transform_points(points[None], resize)[0]
        return Crop(move.recoloured(image), "as in training", points, resize[0])


def check_boxes(run: Run, given: bool) -> None:
    """Check that a run reads crops about boxes where some are given, and that they are given where it needs them.

    Parameters
    ----------
    run
        The run.
    given
        Whether there are boxes of the images to come.

    Raises
    ------
    OptionError
        If the two do not fit.
    """
    about_boxes = run.info.frame.kind == "box"
    if given and not about_boxes:
        raise OptionError(
            f"--boxes: {run.path} was not trained on crops about boxes (--crop box), but on '{run.info.frame.kind}'"
        )
    source = run.plan.main
    trained_by = str(source.opened.get("boxes", "")) if source.kind == "data" else ""
    if about_boxes and trained_by and not given and run.locator is None:
        raise OptionError(
            f"{run.path}: was trained on crops about the boxes of {trained_by}; --boxes names those of these images,"
            " which wsegs locate finds"
        )


def store_dataset(store: MaskStore) -> FaceDataset:
    """Return the images of a store as a data set, each at the position of its row.

    Raises
    ------
    OptionError
        If it keeps masks alone.
    """
    if not store.has_images:
        raise OptionError(
            f"--masks {store.path}: expected a store with its images inside, which wsegs masks --with-images makes;"
            " --data names the folder of the images otherwise"
        )
    return FaceDataset(
        name=str(store.provenance.get("data", {}).get("name", "store")),
        root=store.path,
        images=store.images,
        attribute_names=store.attribute_names,
        attributes=store.attributes,
        identity=store.identity,
        split=store.split,
        numbers=store.numbers,
        categories=store.categories,
    )


def chosen_moves(run: Run, seed: int | None, ranges: Mapping[str, Any]) -> SeededMoves | None:
    """Return how crops are moved: as the run was trained, but for the ranges that are given; None not at all.

    Raises
    ------
    OptionError
        If ranges are given without a seed, or nothing is moved.
    """
    if seed is None:
        if ranges:
            raise OptionError(f"--{next(iter(ranges))}: expected --moved SEED, too, which moves the crops")
        return None
    moves = SeededMoves(replace(run.plan.moves.ranges, **ranges), seed)
    if not moves.ranges:
        raise OptionError(
            f"--moved: {run.path} was trained on crops as they are; --rotate, --scale, --shift or --colour say how far"
            " they are moved"
        )
    return moves
