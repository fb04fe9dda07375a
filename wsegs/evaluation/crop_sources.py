"""Where the images of an evaluation come from: files of a data set, or a mask store that keeps its images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from wsegs.datasets.index import FaceDataset
from wsegs.errors import OptionError, WsegsError
from wsegs.evaluation.crops import Crop, Cropper, cropper_for
from wsegs.geometry.matrices import resize_affine, transform_points
from wsegs.io.images import read_image
from wsegs.store import MaskStore
from wsegs.training.runs import RunInfo


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
    """

    cropper: Cropper
    paths: Sequence[Path]
    points: Sequence[NDArray[np.float32]] | None
    boxes: NDArray[np.float32] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the crops."""
        return self.cropper.size

    def __len__(self) -> int:
        return len(self.paths)

    def crop(self, position: int) -> Crop:
        """Read and crop an image."""
        points = None if self.points is None else self.points[position]
        box = None if self.boxes is None else self.boxes[position]
        detect = self.points is None and self.boxes is None
        return self.cropper.place(read_image(self.paths[position]), points, detect=detect, box=box)


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
    """

    store: MaskStore
    info: RunInfo
    size: tuple[int, int]
    rows: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.rows)

    def crop(self, position: int) -> Crop:
        """Read and resize or crop an image."""
        row = int(self.rows[position])
        points = self.store.scheme.five_points(self.store.landmarks[row][None])[0]
        if self.store.frame != self.info.frame:
            return cropper_for(self.info, self.size).place(self.store.image(row), points, detect=False)
        resize = resize_affine(np.array([self.store.size]), self.size)
        return Crop(self.store.image(row, self.size), "as in training", transform_points(points[None], resize)[0])


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


def training_store(info: RunInfo) -> MaskStore | None:
    """Return the store that a run was trained on, if it is still there and keeps its images."""
    try:
        store = MaskStore(info.provenance["masks"])
    except (WsegsError, KeyError):
        return None
    return store if store.has_images else None
