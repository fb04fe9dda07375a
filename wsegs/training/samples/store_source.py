"""Samples of a mask store."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from wsegs.geometry.matrices import compose, resize_affine, scale_affine, transform_points
from wsegs.geometry.moves import Move
from wsegs.geometry.warp import warp_image, warp_nearest
from wsegs.io.images import read_image
from wsegs.landmarks.image_sizes import check_size
from wsegs.training.samples.class_maps import ClassMaps
from wsegs.training.samples.opening import OpenStore
from wsegs.training.samples.sources import SampleSource

MovedMasks = Literal["warped", "drawn"]


class StoreSource(SampleSource):
    """Crops of a store's images, with its regions.

    Images that the store keeps are resized. Others are found by file name below the root and warped by the store's own
    matrices, so they lie under the masks whatever the network's size.

    Parameters
    ----------
    opened
        The store, and where its images are.
    size
        (H, W) of the crops.
    class_maps
        Of the images; None for none.
    moved_masks
        How the regions of moved crops are made: ``warped`` from the store's region integers by nearest pixel centres,
        empty where the store's frame ends; ``drawn`` by the store's rules from the moved landmarks.
    """

    def __init__(
        self,
        opened: OpenStore,
        size: tuple[int, int],
        class_maps: ClassMaps | None = None,
        moved_masks: MovedMasks = "warped",
    ) -> None:
        store = opened.labelled
        super().__init__(store, size, opened.has_face, class_maps)
        self._store = store
        self._root = opened.root
        self._moved_masks = moved_masks
        self._affine = scale_affine(store.affine, store.size, size)
        scaling = scale_affine(np.eye(2, 3)[None], store.size, size)
        self._points = transform_points(opened.points, np.repeat(scaling, len(opened.points), axis=0))

    def crop(self, row: int) -> NDArray[np.uint8]:
        """Return an image, resized or warped."""
        if self._store.has_images:
            return self._store.image(row, self.size)
        return warp_image(self._source_image(row), self._affine[row], self.size)

    def moved_crop(self, row: int, move: Move) -> NDArray[np.uint8]:
        """Return a moved image: warped once from the source, or from the crop where the store keeps that alone."""
        matrix, image = self._affine[row], None
        if self._store.has_images:
            image = self._store.image(row)
            (matrix,) = resize_affine(np.array([self._store.size]), self.size)
        return warp_image(
            self._source_image(row) if image is None else image, compose(move.affine(self.size), matrix), self.size
        )

    def _source_image(self, row: int) -> NDArray[np.uint8]:
        path = self._root / self._store.images[row]
        image = read_image(path)
        check_size(path, image.shape[1::-1], self._store.image_sizes[row], str(self._store.path))
        return image

    def matrix(self, row: int) -> NDArray[np.float32]:
        """Return the store's matrix, at the size of the crops."""
        return np.asarray(self._affine[row], np.float32)

    def points(self, row: int) -> NDArray[np.float32]:
        """Return the store's five points, at the size of the crops."""
        return np.asarray(self._points[row], np.float32)

    def image_size(self, row: int) -> tuple[int, int]:
        """Return (H, W) of the source image, turned as its EXIF orientation says."""
        width, height = self._store.image_sizes[row].tolist()
        if not width:
            height, width = read_image(self._root / self._store.images[row]).shape[:2]
        return height, width

    def regions(self, rows: NDArray[np.intp], size: tuple[int, int]) -> NDArray[np.unsignedinteger]:
        """Return the store's region integers by nearest neighbour (Thom & Hand, section 3.2)."""
        return self._store.regions(rows, size)

    def moved_regions(self, row: int, size: tuple[int, int], move: Move) -> NDArray[np.unsignedinteger]:
        """Return the region integers of a moved crop, as ``moved_masks`` says."""
        store = self._store
        affine = move.affine_at(self.size, store.size)
        if self._moved_masks == "drawn":
            moved = transform_points(store.landmarks[row][None], affine[None])
            return np.asarray(store.rules.draw_resized(moved, store.size, size)[0]).astype(store.rules.dtype)
        (resize,) = resize_affine(np.array([store.size]), size)
        return warp_nearest(store.regions([row])[0], compose(resize, affine), size, 0, np.bitwise_or)

    def region_dtype(self) -> np.dtype[Any]:
        """Return the type of the store's rules."""
        return self._store.rules.dtype

    def _class_matrix(self, row: int, size: tuple[int, int]) -> NDArray[np.float32]:
        return scale_affine(self._store.affine[row], self._store.size, size)
