"""Crop images as those of the training were cropped.

A network fails on images that are cropped differently. Every image is brought to where the training images had their
faces: by landmarks, by the known alignment of its data set, or, for images like those of the training, by the same
resize.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wsegs.evaluation.known_faces import GIVEN, KnownFace, find_face
from wsegs.evaluation.localisation.of_run import RunLocator
from wsegs.geometry.crops import box_affine, centre_affine, letterbox_affine
from wsegs.geometry.frame import Frame
from wsegs.geometry.matrices import compose, invert, resize_affine, scale_affine, similarity, transform_points
from wsegs.geometry.moves import STAYS, Move
from wsegs.geometry.warp import warp_image
from wsegs.landmarks.dataset_boxes import BOX_CENTRE, BOX_SIDE
from wsegs.schemes import IBUG68
from wsegs.training.runs import RunInfo

_CELEBA_ASPECT = 1.39  # height by width of CelebA's boxes

CropKind = Literal[
    "as in training", "aligned", "landmarks", "detected", "located", "data set box", "box", "whole image"
]
"""How an image was cropped: resized as in training; by the alignment of its data set; by given landmarks; by
landmarks that were found on the fly; by a box that the run's LNets located; by landmarks placed in the box of its data
set, where none were found; by that box itself; or, where no face was found, not at all."""


class Crop(NamedTuple):
    """An image as a network expects it.

    Attributes
    ----------
    image
        (H, W, 3) uint8 RGB.
    kind
        How it was cropped.
    points
        (5, 2) float32: eyes, nose, corners of the mouth, x and y in pixels of the crop; nan where they are not known.
    matrix
        (2, 3) float32, from the image to the crop.
    regions
        (h, w) int64 region integers, of a run that reads drawn regions; zeros where there is no face.
    regions_from
        Where the regions come from; empty where there are none.
    """

    image: NDArray[np.uint8]
    kind: CropKind
    points: NDArray[np.float32]
    matrix: NDArray[np.float32]
    regions: NDArray[np.int64] | None = None
    regions_from: str = ""


@dataclass(frozen=True)
class Cropper:
    """Crops images for one run.

    Attributes
    ----------
    size
        (H, W) of the network's images.
    frame, source_size, mean_points
        See :class:`wsegs.training.runs.RunInfo`.
    aligned_points
        (5, 2), where all images to come have their five points, x and y in pixels; None if they are not aligned.
    margin
        By which share boxes are widened.
    locator
        What finds boxes, of a run that keeps LNets; None is a detector.
    """

    size: tuple[int, int]
    frame: Frame
    source_size: tuple[int, int] | None
    mean_points: NDArray[np.float32] | None
    aligned_points: NDArray[np.float32] | None = None
    margin: float = 0.0
    locator: RunLocator | None = None

    def crop(
        self, image: NDArray[np.uint8], points: NDArray[np.floating] | None = None, *, detect: bool = True
    ) -> tuple[NDArray[np.uint8], CropKind]:
        """Return an image as the network expects it.

        Parameters
        ----------
        image
            (h, w, 3) uint8 RGB.
        points
            (5, 2), the face's five points in pixels of the image, x and y, as
            :meth:`wsegs.schemes.LandmarkScheme.five_points` gives them; None or nan if they are not known.
        detect
            Find landmarks where they are needed and not given.

        Returns
        -------
        (H, W, 3) uint8 RGB, and how it was cropped.
        """
        crop = self.place(image, points, detect=detect)
        return crop.image, crop.kind

    def place(
        self,
        image: NDArray[np.uint8],
        points: NDArray[np.floating] | None = None,
        *,
        detect: bool = True,
        box: NDArray[np.floating] | None = None,
        face: KnownFace | None = None,
        move: Move = STAYS,
    ) -> Crop:
        """Return an image as the network expects it, and where its five points lie; see :meth:`crop`.

        Where the crop needs no landmarks and none are given, the points are those of the mean face of the training,
        to which such images are aligned. ``box`` (4,) is the face's in the image: x, y, width, height; of a run
        that was trained on crops about boxes. ``face`` is what is known of a face that is yet to be found.
        ``move`` moves the crop, whose image is warped once all the same.
        """
        if self.frame.kind == "box":
            return self._place_by_box(image, box, detect, face, move)
        matrix, kind, points = self._matrix(image, points, detect, face)
        placed: NDArray[np.float32] = np.full((5, 2), np.nan, np.float32)
        if points is not None and np.isfinite(points).all():
            placed = transform_points(np.asarray(points, np.float32)[None], matrix[None])[0]
        elif kind in ("as in training", "aligned") and self.mean_points is not None:
            placed = self.mean_points
        return self._warped(image, matrix, kind, placed, move)

    def _place_by_box(
        self,
        image: NDArray[np.uint8],
        box: NDArray[np.floating] | None,
        detect: bool,
        face: KnownFace | None,
        move: Move,
    ) -> Crop:
        kind: CropKind = "box"
        if box is None and detect and self.locator is not None:
            box, kind = self.locator.box(image), "located"
        elif box is None and face is not None and face.box is not None:
            box = face.box
        elif box is None and detect:
            box, kind = _box_of_image(image, face), "detected"
        if box is None or not np.isfinite(box).all():
            matrix, kind = letterbox_affine((image.shape[0], image.shape[1]), self.size), "whole image"
        else:
            matrix = box_affine(box, self.size, self.margin)
        return self._warped(image, matrix, kind, np.full((5, 2), np.nan, np.float32), move)

    def _warped(
        self,
        image: NDArray[np.uint8],
        matrix: NDArray[np.float32],
        kind: CropKind,
        points: NDArray[np.float32],
        move: Move,
    ) -> Crop:
        """Return the crop of a matrix, moved."""
        if not move.stays:
            affine = move.affine(self.size)
            matrix = compose(affine, matrix).astype(np.float32)
            points = transform_points(points[None], affine[None])[0]
        return Crop(move.recoloured(warp_image(image, matrix, self.size)), kind, points, matrix)

    def _matrix(
        self, image: NDArray[np.uint8], points: NDArray[np.floating] | None, detect: bool, face: KnownFace | None
    ) -> tuple[NDArray[np.float32], CropKind, NDArray[np.floating] | None]:
        """Return the matrix of the crop, its kind, and the five points, which may have been found meanwhile."""
        whole = resize_affine(np.array([image.shape[:2]]), self.size)[0]
        if self.frame.kind == "letterbox":
            return letterbox_affine((image.shape[0], image.shape[1]), self.size), "as in training", points
        if self.frame.kind == "centre":
            return centre_affine((image.shape[0], image.shape[1]), self.size), "as in training", points
        if self.frame.kind == "image":
            if self.source_size is None or image.shape[:2] == self.source_size:
                return whole, "as in training", points
            if self.mean_points is None:  # trained without a single face: there is nothing to align to
                return whole, "whole image", points
            if self.aligned_points is not None:
                return self._onto_the_mean_face(self.aligned_points), "aligned", points
        kind: CropKind = "landmarks"
        if points is None and self.aligned_points is not None:
            points, kind = self.aligned_points, "aligned"
        elif points is None and detect:
            points, kind = _five_points_of_image(image, face)
        if points is None or not np.isfinite(points).all():
            return whole, "whole image", points
        if self.frame.kind == "image":
            return self._onto_the_mean_face(points), kind, points
        size = np.array([image.shape[1::-1]])
        matrix = self.frame.affine(np.asarray(points, np.float32)[None], size)[0]
        return scale_affine(matrix, self.frame.size, self.size), kind, points

    def _onto_the_mean_face(self, points: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return the matrix that lays five points over the training's, resized as the training images were.

        A resize to another shape stretches faces. So the similarity is that of the training images' own pixels.
        """
        assert self.mean_points is not None
        if self.source_size is None:
            return similarity(points, self.mean_points)
        resized = resize_affine(np.array([self.source_size]), self.size)[0]
        in_source = transform_points(self.mean_points[None], invert(resized)[None])[0]
        return compose(resized, similarity(points, in_source)).astype(np.float32)


def cropper_for(
    info: RunInfo,
    size: tuple[int, int],
    aligned_points: NDArray[np.float32] | None = None,
    locator: RunLocator | None = None,
) -> Cropper:
    """Return the cropper of a run whose network sees images of ``size`` (H, W)."""
    return Cropper(size, info.frame, info.source_size, info.mean_points, aligned_points, info.margin, locator)


def _five_points_of_image(
    image: NDArray[np.uint8], face: KnownFace | None
) -> tuple[NDArray[np.float32] | None, CropKind]:
    found = find_face(image, face)
    points = None if found.landmarks is None else IBUG68.five_points(found.landmarks[None])[0]
    return points, "data set box" if found.found_by == GIVEN else "detected"


def _box_of_image(image: NDArray[np.uint8], face: KnownFace | None) -> NDArray[np.float32] | None:
    """Return the box of a found face as CelebA would draw it; see :mod:`wsegs.datasets.boxes`."""
    found = find_face(image, face).box
    if found is None:
        return None
    x, y, side = float(found[0]), float(found[1]), float(found[2])
    width = side / BOX_SIDE
    height = _CELEBA_ASPECT * width
    corner = (x + side / 2 - BOX_CENTRE[0] * width, y + side / 2 - BOX_CENTRE[1] * height)
    return np.array([*corner, width, height], np.float32)
