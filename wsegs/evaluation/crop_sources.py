"""Sources of crops for an evaluation: image files of a data set, or a mask store that keeps its images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from wsegs.datasets import open_dataset
from wsegs.datasets.index import FaceDataset
from wsegs.errors import OptionError, WsegsError
from wsegs.evaluation.crops import Crop, CropKind, Cropper, cropper_for, label_types, run_data_folder
from wsegs.evaluation.region_readers import RegionReader, find_landmarks
from wsegs.evaluation.runs import Run
from wsegs.geometry.matrices import resize_affine, transform_points
from wsegs.io.images import open_photo, read_image
from wsegs.landmarks.chain import MAX_SIDE
from wsegs.landmarks.image_sizes import check_size
from wsegs.landmarks.table import LandmarkTable, read_landmarks
from wsegs.store import MaskStore
from wsegs.training.resolve import DEFAULT_DATA
from wsegs.training.runs import RunInfo

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
    """

    cropper: Cropper
    paths: Sequence[Path]
    points: Sequence[NDArray[np.float32]] | None
    boxes: NDArray[np.float32] | None = None
    regions: RegionReader | None = None
    landmarks: NDArray[np.float32] | None = None
    sizes: NDArray[np.int32] | None = None

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
        if self.regions is None:
            return self.cropper.place(image, points, detect=detect, box=box, path=path)
        landmarks, scheme = None, self.regions.scheme
        if scheme is not None:
            landmarks = (
                find_landmarks(open_photo(path, MAX_SIDE), scheme)
                if self.landmarks is None
                else self.landmarks[position]
            )
            if points is None:
                points = np.full((5, 2), np.nan) if landmarks is None else scheme.five_points(landmarks[None])[0]
        crop = self.cropper.place(image, points, detect=detect, box=box, path=path)
        height, width = image.shape[:2]
        regions, source = self.regions.read(position, (height, width), crop.matrix, landmarks)
        found = self.landmarks is None and self.points is None
        if found and source == "landmarks":
            source = "landmarks found"
        kind: CropKind = "detected" if found and crop.kind == "landmarks" else crop.kind
        return crop._replace(kind=kind, regions=regions, regions_from=source)


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
    regions
        See :class:`FileCrops`.
    """

    store: MaskStore
    info: RunInfo
    size: tuple[int, int]
    rows: NDArray[np.intp]
    regions: RegionReader | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def crop(self, position: int) -> Crop:
        """Read and resize or crop an image."""
        row = int(self.rows[position])
        crop = self._place(row)
        if self.regions is None:
            return crop
        landmarks, scheme = None, self.regions.scheme
        if scheme is not None:
            landmarks = self.store.scheme.convert(self.store.landmarks[row][None], scheme)[0]
        regions, source = self.regions.read(position, self.store.size, crop.matrix, landmarks)
        return crop._replace(regions=regions, regions_from=source)

    def _place(self, row: int) -> Crop:
        points = self.store.scheme.five_points(self.store.landmarks[row][None])[0]
        if self.store.frame != self.info.frame:
            return cropper_for(self.info, self.size).place(self.store.image(row), points, detect=False)
        resize = resize_affine(np.array([self.store.size]), self.size)
        image = self.store.image(row, self.size)
        return Crop(image, "as in training", transform_points(points[None], resize)[0], resize[0])


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


@dataclass(frozen=True)
class OpenImages:
    """The images that a run is measured on.

    Attributes
    ----------
    dataset
        Their names and labels.
    path
        The folder of the data set, or the mask store.
    store
        The mask store whose images they are; None where they are files.
    landmarks
        Where their faces lie; None where that is not known, or the store says so.
    """

    dataset: FaceDataset
    path: Path
    store: MaskStore | None = None
    landmarks: LandmarkTable | None = None


def open_images(
    run: Run, data: Path | None, masks: Path | None, landmarks: Path | None, options: Mapping[str, Any]
) -> OpenImages:
    """Open the images that a run is to be measured on.

    Parameters
    ----------
    run
        Says what it was trained on, which is used where nothing else is named.
    data, masks
        A data set, or a mask store that keeps its images.
    landmarks
        ``landmarks.h5`` of the data set.
    options
        For :func:`wsegs.datasets.open_dataset`; empty takes the numbers and categories of the training.

    Raises
    ------
    OptionError
        If the mask store keeps no images, or both it and landmarks are named.
    MissingError, DataError
        If a file cannot be read.
    """
    if masks is not None and landmarks is not None:
        raise OptionError("--landmarks: a mask store has landmarks of its own; expected --masks or --landmarks")
    if masks is not None:
        store = MaskStore(masks)
        return OpenImages(store_dataset(store), store.path, store)
    if data is not None:
        return _open_folder(data, landmarks, options)
    known = open_training_images(run, landmarks, options)
    return known or _open_folder(DEFAULT_DATA, landmarks, _with_label_types(run, options))


def open_training_images(run: Run, landmarks: Path | None, options: Mapping[str, Any]) -> OpenImages | None:
    """Open the images that a run was trained on; None if they are not where they were.

    Parameters
    ----------
    run
        Says where they were, and with which options and landmarks a data set was opened.
    landmarks, options
        What replaces those; see :func:`open_images`.
    """
    source = run.plan.main
    if source.kind == "data":
        table = landmarks or (Path(source.landmarks) if source.landmarks else None)
        return _open_folder(source.path, table, {**source.opened, **options})
    folder = run_data_folder(run.info)
    if folder is not None:
        return _open_folder(folder, landmarks, _with_label_types(run, options))
    store = training_store(run.info)
    return None if store is None else OpenImages(store_dataset(store), store.path, store)


def _open_folder(data: Path, landmarks: Path | None, options: Mapping[str, Any]) -> OpenImages:
    table = None if landmarks is None else read_landmarks(landmarks)
    return OpenImages(open_dataset(data, **options), data, None, table)


def _with_label_types(run: Run, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options with the numbers and categories of a run's training, where they name none."""
    if options.get("numbers") or options.get("categories"):
        return dict(options)
    types = dict(zip(("numbers", "categories"), label_types(run.info), strict=True))
    return {**options, **{name: labels for name, labels in types.items() if labels}}


def training_store(info: RunInfo) -> MaskStore | None:
    """Return the store that a run was trained on, if it is still there and keeps its images."""
    try:
        store = MaskStore(info.provenance["masks"])
    except (WsegsError, KeyError):
        return None
    return store if store.has_images else None
