"""Samples of a mask store."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsegs.geometry.matrices import scale_affine, transform_points
from wsegs.geometry.warp import warp_image
from wsegs.io.images import read_image
from wsegs.landmarks.image_sizes import check_size
from wsegs.training.samples.class_maps import ClassMaps
from wsegs.training.samples.opening import OpenStore
from wsegs.training.samples.sources import SampleSource


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
    """

    def __init__(self, opened: OpenStore, size: tuple[int, int], class_maps: ClassMaps | None = None) -> None:
        store = opened.labelled
        super().__init__(store, size, opened.has_face, class_maps)
        self._store = store
        self._root = opened.root
        self._affine = scale_affine(store.affine, store.size, size)
        scaling = scale_affine(np.eye(2, 3)[None], store.size, size)
        self._points = transform_points(opened.points, np.repeat(scaling, len(opened.points), axis=0))

    def crop(self, row: int) -> NDArray[np.uint8]:
        """Return an image, resized or warped."""
        if self._store.has_images:
            return self._store.image(row, self.size)
        path = self._root / self._store.images[row]
        image = read_image(path)
        check_size(path, image.shape[1::-1], self._store.image_sizes[row], str(self._store.path))
        return warp_image(image, self._affine[row], self.size)

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

    def region_dtype(self) -> np.dtype[Any]:
        """Return the type of the store's rules."""
        return self._store.rules.dtype

    def _class_matrix(self, row: int, size: tuple[int, int]) -> NDArray[np.float32]:
        return scale_affine(self._store.affine[row], self._store.size, size)
