"""Crops, labels and region integers of a mask store, batch by batch.

Imports no Lightning, so that workers under spawn start in half the time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from wsegs.errors import DataError
from wsegs.geometry.frame import scale_affine, transform_points, warp_image
from wsegs.io.images import read_image
from wsegs.store import MaskStore
from wsegs.training.cache import RowCache
from wsegs.training.class_maps import IGNORE_INDEX, ClassMaps
from wsegs.training.sampler import BatchPlan


class Batch(NamedTuple):
    """One batch.

    Attributes
    ----------
    images
        uint8 (B, 3, H, W), RGB; in memory channels are innermost.
    labels
        int8 (B, A): 1 present, 0 absent, -1 unknown.
    regions
        int32 or int64 (B, h, w): bit r is base region r; None where no loss needs masks.
    has_face
        bool (B,): whether the regions were drawn; a row without a face has none.
    flip
        bool (B,): which rows to mirror, images and regions together.
    classes
        uint8 (B, h, w): the class of each pixel, ``IGNORE_INDEX`` where it is not known; None where nothing needs them.
    points
        float32 (B, 5, 2): eyes, nose, corners of the mouth, x and y in pixels of the images; nan without a face.
    """

    images: Tensor
    labels: Tensor
    regions: Tensor | None
    has_face: Tensor
    flip: Tensor
    classes: Tensor | None
    points: Tensor


class FaceCrops(Dataset[Batch]):
    """Crops of a store's images at the size of a network, by :class:`BatchPlan`.

    Images that the store keeps are resized. Others are found by file name below ``root`` and warped by the store's own
    matrices, so they lie under the masks whatever the network's size. Pickles without its images: works in workers
    under fork and spawn.

    Parameters
    ----------
    store
        Masks, labels, matrices.
    root
        Folder of the images, where the store keeps none.
    size
        (H, W) of the crops.
    map_size
        (h, w) of the region integers, by nearest neighbour (Thom & Hand, section 3.2); None for none.
    crops, regions
        Where rows that were read once are kept, or None.
    class_maps, class_size
        Class maps and the (h, w) to read them at; None for none.
    classes
        Where class maps that were read once are kept, or None.
    """

    def __init__(
        self,
        store: MaskStore,
        root: Path,
        size: tuple[int, int],
        map_size: tuple[int, int] | None,
        crops: RowCache | None = None,
        regions: RowCache | None = None,
        *,
        class_maps: ClassMaps | None = None,
        class_size: tuple[int, int] = (0, 0),
        classes: RowCache | None = None,
    ) -> None:
        self._store = store
        self._root = root
        self._size = size
        self._map_size = map_size
        self._affine = scale_affine(store.affine, store.size, size)
        self._labels = store.attributes
        self._found = store.status != 0
        self._crops = crops
        self._regions = regions
        self._class_maps = class_maps
        self._class_size = class_size
        self._classes = classes
        scaling = scale_affine(np.eye(2, 3)[None], store.size, size)
        five = store.scheme.five_points(store.landmarks)
        self._points = transform_points(five, np.repeat(scaling, len(five), axis=0))

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, plan: BatchPlan) -> Batch:
        """Return a batch; rows of -1 are black images without a label."""
        images = np.zeros((len(plan.rows), *self._size, 3), np.uint8)
        labels = np.full((len(plan.rows), self._labels.shape[1]), -1, np.int8)
        has_face = np.zeros(len(plan.rows), bool)
        points = np.full((len(plan.rows), *self._points.shape[1:]), np.nan, np.float32)
        for position, row in enumerate(plan.rows):
            if row >= 0:
                images[position] = self._crop(row) if self._crops is None else self._crops.get(row, self._crop)
                labels[position] = self._labels[row]
                has_face[position] = self._found[row]
                points[position] = self._points[row]
        return Batch(
            torch.from_numpy(images).permute(0, 3, 1, 2),
            torch.from_numpy(labels),
            None if self._map_size is None else torch.from_numpy(self._region_batch(plan.rows, self._map_size)),
            torch.from_numpy(has_face),
            torch.from_numpy(np.array(plan.flip)),
            None if self._class_maps is None else torch.from_numpy(self._class_batch(plan.rows)),
            torch.from_numpy(points),
        )

    def _crop(self, row: int) -> NDArray[np.uint8]:
        if self._store.has_images:
            return self._store.image(row, self._size)
        path = self._root / self._store.images[row]
        image = read_image(path)
        if self._store.frame.kind == "image":
            matrix = self._store.affine[row]
            height, width = round(self._store.size[0] / matrix[1, 1]), round(self._store.size[1] / matrix[0, 0])
            if image.shape[:2] != (height, width):
                raise DataError(
                    f"{path}: expected the image of {height}x{width} (HxW) that {self._store.path} was made from,"
                    f" got {image.shape[0]}x{image.shape[1]}"
                )
        return warp_image(image, self._affine[row], self._size)

    def _region_batch(self, rows: NDArray[np.intp], map_size: tuple[int, int]) -> NDArray[Any]:
        """Return signed integers, (B, h, w): torch computes with few unsigned types."""
        signed = np.int32 if self._store.rules.dtype.itemsize <= 2 else np.int64
        out = np.zeros((len(rows), *map_size), signed)
        real = np.flatnonzero(rows >= 0)
        if self._regions is None:
            out[real] = self._store.regions(rows[real], map_size).astype(signed)
        else:
            for position in real:
                out[position] = self._regions.get(rows[position], self._region_row)
        return out

    def _class_batch(self, rows: NDArray[np.intp]) -> NDArray[np.uint8]:
        out = np.full((len(rows), *self._class_size), IGNORE_INDEX, np.uint8)
        for position in np.flatnonzero(rows >= 0):
            row = rows[position]
            out[position] = self._class_row(row) if self._classes is None else self._classes.get(row, self._class_row)
        return out

    def _class_row(self, row: int) -> NDArray[np.uint8]:
        assert self._class_maps is not None
        return self._class_maps.read(row, self._class_size)

    def _region_row(self, row: int) -> NDArray[Any]:
        return self._store.regions([row], self._map_size)[0]


def start_worker(_: int) -> None:
    """Keep a worker to one thread: there are as many workers as are wanted already."""
    cv2.setNumThreads(0)
