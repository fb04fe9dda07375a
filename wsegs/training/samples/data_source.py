"""Samples straight from a data set: whole images, or crops by landmarks or boxes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wsegs.geometry.crops import box_affine, centre_affine, letterbox_affine
from wsegs.geometry.matrices import compose, resize_affine, transform_points
from wsegs.geometry.moves import Move
from wsegs.geometry.warp import warp_image
from wsegs.io.images import read_image
from wsegs.landmarks.image_sizes import check_size
from wsegs.training.samples.class_maps import ClassMaps
from wsegs.training.samples.opening import OpenData
from wsegs.training.samples.sources import SampleSource


class DataSource(SampleSource):
    """Crops of a data set's images; there are no regions.

    Parameters
    ----------
    opened
        The data set, and how its images are cropped.
    size
        (H, W) of the crops.
    class_maps
        Of the images; None for none.
    patch
        (h, w) of the patches of the crops that mini-batches hold; None for whole crops.
    """

    def __init__(
        self,
        opened: OpenData,
        size: tuple[int, int],
        class_maps: ClassMaps | None = None,
        patch: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(opened.labelled, size, opened.has_face, class_maps, patch)
        self._opened = opened
        self._last: tuple[int, NDArray[np.uint8], NDArray[np.float32]] | None = None

    def crop(self, row: int) -> NDArray[np.uint8]:
        """Return an image, cropped as the source says."""
        image, matrix = self._read(row)
        return warp_image(image, matrix, self.size)

    def moved_crop(self, row: int, move: Move) -> NDArray[np.uint8]:
        """Return a moved crop, warped once from the image."""
        image, matrix = self._read(row)
        return warp_image(image, compose(move.affine(self.size), matrix), self.size)

    def matrix(self, row: int) -> NDArray[np.float32]:
        """Return the matrix of the crop."""
        return self._read(row)[1]

    def points(self, row: int) -> NDArray[np.float32]:
        """Return the five points in the crop; nan where they are not known."""
        points = self._opened.source_points[row]
        if not np.isfinite(points).all():
            return np.full((5, 2), np.nan, np.float32)
        moved: NDArray[np.float32] = transform_points(points[None], self._row("matrices", row, self.matrix)[None])[0]
        return moved

    def image_size(self, row: int) -> tuple[int, int]:
        """Return (H, W) of the image, turned as its EXIF orientation says."""
        height, width = self._read(row)[0].shape[:2]
        return height, width

    def _read(self, row: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Return an image and its matrix; the last one is kept, since its parts are asked for one after another."""
        if self._last is None or self._last[0] != row:
            path = self._opened.labelled.path(row)
            image = read_image(path)
            check_size(path, image.shape[1::-1], self._opened.image_sizes[row], self._opened.made)
            self._last = (row, image, self._matrix_of(row, (image.shape[0], image.shape[1])))
        return self._last[1], self._last[2]

    def _matrix_of(self, row: int, image_size: tuple[int, int]) -> NDArray[np.float32]:
        frame = self._opened.frame
        if frame.kind == "letterbox":
            return letterbox_affine(image_size, self.size)
        if frame.kind == "centre":
            return centre_affine(image_size, self.size)
        if frame.kind == "box":
            return box_affine(self._opened.boxes[row], self.size, self._opened.margin)
        if frame.kind == "face":
            width_and_height = np.array([image_size[::-1]])
            matrices = frame.affine(self._opened.source_points[row][None], width_and_height)
        else:
            matrices = resize_affine(np.array([image_size]), self.size)
        matrix: NDArray[np.float32] = matrices[0]
        return matrix

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_last": None}
