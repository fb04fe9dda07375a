"""Open mask stores and data sets as sources of samples; imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsegs.datasets import open_dataset
from wsegs.datasets.index import FaceDataset
from wsegs.datasets.sample import sample_rows
from wsegs.errors import DataError, OptionError
from wsegs.geometry.frame import Frame
from wsegs.geometry.matrices import transform_points
from wsegs.geometry.resample import rescale
from wsegs.landmarks.known import fit_to_images
from wsegs.landmarks.scaling import parse_scale
from wsegs.landmarks.table import REJECTED, LandmarkTable, read_landmarks
from wsegs.store import MaskStore
from wsegs.store.images import find_image_root
from wsegs.training.plan import SourcePlan
from wsegs.training.samples.split import Split, in_share, split_rows


@dataclass(frozen=True)
class OpenStore:
    """A mask store as a source of samples."""

    labelled: MaskStore
    root: Path

    @property
    def name(self) -> str:
        """For messages."""
        return str(self.labelled.path)

    @property
    def frame(self) -> Frame:
        """Crop of its images."""
        return self.labelled.frame

    @property
    def made(self) -> str:
        """What was made for images of certain sizes, for messages."""
        return self.name

    @property
    def image_sizes(self) -> NDArray[np.int32]:
        """(N, 2) width and height of the images that the masks were made for; 0 where unknown."""
        return self.labelled.image_sizes

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Bool (N,): rows whose image has a crop."""
        usable = np.isfinite(self.labelled.affine).all(axis=(1, 2))
        if self.labelled.has_images:
            usable &= self.labelled.crop_bytes > 0
        return np.asarray(usable)

    @cached_property
    def points(self) -> NDArray[np.float32]:
        """(N, 5, 2) five points in the frame, x and y; nan where there is no face."""
        five: NDArray[np.float32] = self.labelled.scheme.five_points(self.labelled.landmarks)
        return five

    @property
    def has_face(self) -> NDArray[np.bool_]:
        """Bool (N,): whether a face was found."""
        return np.asarray(self.labelled.status != 0)


@dataclass(frozen=True)
class OpenData:
    """A data set as a source of samples.

    Attributes
    ----------
    labelled
        The data set.
    frame
        How its images are cropped, at the size of the network's images.
    margin
        By which share boxes are widened.
    source_points
        (N, 5, 2) five points in pixels of the images, x and y; nan where they are not known.
    image_sizes
        (N, 2) width and height of the images that the points were found in; 0 where unknown.
    landmarks
        The file of the points; empty where they came with the data set.
    rejected
        (N,) whether the table of landmarks turned the face down: such an image is not used.
    """

    labelled: FaceDataset
    frame: Frame
    margin: float
    source_points: NDArray[np.float32]
    image_sizes: NDArray[np.int32]
    landmarks: str
    rejected: NDArray[np.bool_]

    @property
    def made(self) -> str:
        """What was made for images of certain sizes, for messages."""
        return self.landmarks

    @property
    def name(self) -> str:
        """For messages."""
        return str(self.labelled.root)

    @property
    def root(self) -> Path:
        """The folder of the images."""
        return self.labelled.root

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Bool (N,): rows whose image can be cropped."""
        if self.frame.kind == "face":
            return self.has_face
        if self.frame.kind == "box":
            return np.asarray(np.isfinite(self.boxes).all(axis=1)) & ~self.rejected
        return ~self.rejected

    @property
    def has_face(self) -> NDArray[np.bool_]:
        """Bool (N,): whether the five points are known."""
        return np.asarray(np.isfinite(self.source_points).all(axis=(1, 2)))

    @property
    def boxes(self) -> NDArray[np.float32]:
        """(N, 4) boxes of the data set: x, y, width, height in pixels of the images."""
        assert self.labelled.boxes is not None
        return self.labelled.boxes


OpenSource = OpenStore | OpenData


def open_store(path: Path, data: Path | None) -> OpenStore:
    """Open a mask store; ``data`` is the data set, if it moved since its landmarks were found."""
    store = MaskStore(path)
    return OpenStore(store, find_image_root(store, data).absolute())


def open_data(
    path: Path,
    crop: str,
    size: tuple[int, int],
    *,
    landmarks: str = "",
    options: dict[str, Any] | None = None,
    zoom: float = 1.25,
    align_eyes: bool = False,
    margin: float = 0.3,
) -> OpenData:
    """Open a data set.

    Parameters
    ----------
    path
        Its folder.
    crop
        See :class:`wsegs.training.recipe.Samples`.
    size
        (H, W) of the network's images.
    landmarks
        ``landmarks.h5`` of the data set; empty for none.
    options
        For :func:`wsegs.datasets.open_dataset`; and ``data_scale``, as ``--data-scale`` has it.
    zoom, align_eyes, margin
        Of crops.

    Raises
    ------
    OptionError
        If the crop needs landmarks or boxes, and there are none.
    MissingError, DataError
        If the data set or the landmarks cannot be read, or have no image in common; or if points or boxes of the data
        set that are used are of images of another size.
    """
    options = dict(options or {})
    scale = options.pop("data_scale", None)
    dataset = open_dataset(path, **options)
    if crop == "auto" and not landmarks and options.get("boxes"):
        crop = "box"
    elif crop == "auto":
        crop = "face" if landmarks else "image" if dataset.aligned_points is not None else "letterbox"
    by_mean_face = crop == "image" or (crop == "face" and not landmarks)
    dataset = fit_to_images(
        dataset,
        None if scale is None else parse_scale(scale, "--data-scale", ()),
        points=not landmarks,
        boxes=crop == "box" or (by_mean_face and dataset.aligned_points is not None),
        each=False,
    )
    points = np.full((len(dataset), 5, 2), np.nan, np.float32)
    sizes, rejected = np.zeros((len(dataset), 2), np.int32), np.zeros(len(dataset), bool)
    if landmarks:
        table = read_landmarks(Path(landmarks))
        points, sizes = points_by_name(table, dataset), sizes_by_name(table, dataset)
        rejected = rejected_by_name(table, dataset)
    elif dataset.points is not None:
        points = dataset.points.astype(np.float32)
    elif crop == "face" and dataset.aligned_points is not None:
        points[:] = dataset.aligned_points
    if crop == "face" and not np.isfinite(points).any():
        raise OptionError(f"--crop face: needs landmarks of {dataset.root}; --landmarks names them")
    if crop == "box" and dataset.boxes is None:
        raise OptionError(
            f"--crop box: the data set '{dataset.name}' in {dataset.root} has no boxes; --boxes names a table of them,"
            " which wsegs locate makes"
        )
    if crop != "box" and dataset.opened.get("boxes"):
        raise OptionError(f"--boxes: expected crops about boxes (--crop box), got --crop {crop}")
    frame = Frame(crop, size, align_eyes, zoom)  # type: ignore[arg-type]
    return OpenData(dataset, frame, margin, points, sizes, landmarks, rejected)


def open_planned(plan: SourcePlan, size: tuple[int, int]) -> OpenSource:
    """Open the source of a plan again."""
    if plan.kind == "store":
        return OpenStore(MaskStore(plan.path), plan.root)
    return open_data(
        plan.path,
        plan.frame.kind,
        size,
        landmarks=plan.landmarks,
        options=plan.opened,
        zoom=plan.frame.zoom,
        align_eyes=plan.frame.align_eyes,
        margin=plan.margin,
    )


def rows_of(
    source: OpenSource,
    *,
    fraction: float,
    hold_out: Any,
    limit: int,
    labels: int = 0,
    labels_seed: int = 0,
    people: tuple[float, float] = (0, 1),
) -> Split:
    """Return the rows that are trained on and validated on.

    Parameters
    ----------
    source
        What samples come from.
    fraction, hold_out
        See :func:`wsegs.training.samples.split.split_rows`.
    limit
        A sample of so many images, spread over the splits; 0 is all.
    labels, labels_seed
        Train on so many images that have a label of an attribute, drawn by the seed; 0 is all.
    people
        The share of the people of the train split; see :func:`wsegs.training.samples.split.in_share`.

    Raises
    ------
    DataError
        If nobody is in the share, or there is nothing to train or to validate on.
    OptionError
        If there are not so many labelled images.
    """
    train = source.labelled.split == 0
    usable = source.usable & (~train | in_share(source.labelled, people))
    if train.any() and not (usable & train).any() and (source.usable & train).any():
        raise DataError(
            f"{source.name}: none of the people of the train split is in the share {people[0]:g} to {people[1]:g}"
            " (samples: people)"
        )
    if limit:
        candidates = np.flatnonzero(usable & (source.labelled.split != 2))
        chosen = candidates[sample_rows(source.labelled.split[candidates], limit)]
        usable = np.zeros(len(usable), bool)
        usable[chosen] = True
    split = split_rows(source.labelled, usable, source.name, fraction=fraction, hold_out=hold_out)
    if not labels:
        return split
    labelled = split.train[(source.labelled.attributes[split.train] >= 0).any(axis=1)]
    if len(labelled) < labels:
        raise OptionError(
            f"--labels: expected at most {len(labelled)}, which is how many training images of {source.name} have"
            f" labels, got {labels}"
        )
    chosen = labelled[np.random.default_rng(labels_seed).permutation(len(labelled))[:labels]]
    return replace(split, train=np.sort(chosen))


def rows_of_plan(plan: SourcePlan, source: OpenSource) -> Split:
    """Return the rows that a plan trains and validates on."""
    return rows_of(
        source,
        fraction=plan.validation_fraction,
        hold_out=plan.hold_out,
        limit=plan.limit,
        labels=plan.labels,
        labels_seed=plan.labels_seed,
        people=plan.people,
    )


def points_by_name(landmarks: LandmarkTable, dataset: FaceDataset) -> NDArray[np.float32]:
    """Return the five points (N, 5, 2) of every image of a data set by name, nan where the table has none.

    Raises
    ------
    DataError
        If no image has any.
    """
    return landmarks.scheme.five_points(landmarks_by_name(landmarks, dataset))


def landmarks_by_name(landmarks: LandmarkTable, dataset: FaceDataset) -> NDArray[np.float32]:
    """Return the landmarks (N, P, 2) of every image of a data set by name, nan where the table has none.

    Raises
    ------
    DataError
        If no image has any.
    """
    known = _rows_by_name(landmarks, dataset)
    if known.max() < 0:
        raise DataError(f"--landmarks: has no image of {dataset.root}; the first there is '{dataset.images[0]}'")
    points = np.asarray(landmarks.landmarks)[known]
    points[known < 0] = np.nan
    return np.asarray(points, np.float32)


def sizes_by_name(landmarks: LandmarkTable, dataset: FaceDataset) -> NDArray[np.int32]:
    """Return width and height (N, 2) that the images of a data set had in a table, by name; 0 where it has none."""
    known = _rows_by_name(landmarks, dataset)
    return np.where(known[:, None] < 0, 0, landmarks.image_size[known]).astype(np.int32)


def rejected_by_name(landmarks: LandmarkTable, dataset: FaceDataset) -> NDArray[np.bool_]:
    """Return whether a table turned down the face of each image of a data set (N,), by name."""
    known = _rows_by_name(landmarks, dataset)
    return np.asarray((known >= 0) & (landmarks.status[known] == REJECTED))


def _rows_by_name(landmarks: LandmarkTable, dataset: FaceDataset) -> NDArray[np.intp]:
    rows = {name: row for row, name in enumerate(landmarks.images)}
    return np.array([rows.get(name, -1) for name in dataset.images], np.intp)


def mean_points(source: OpenSource, rows: NDArray[np.intp], size: tuple[int, int]) -> NDArray[np.float32] | None:
    """Return where the five points (5, 2) lie on average in the network's images; None if no image has any."""
    rows = rows[source.has_face[rows]]
    if isinstance(source, OpenStore):
        if not len(rows):
            return None
        points, points_size = source.points[rows].mean(axis=0), source.labelled.size
    else:
        aligned = source.labelled.aligned_points
        if source.frame.kind == "face" and len(rows):
            five = source.source_points[rows]
            unknown_size = np.zeros((len(rows), 2), np.int32)  # a crop about the face needs none
            placed = transform_points(five, source.frame.affine(five, unknown_size))
            return np.asarray(placed.mean(axis=0), np.float32)
        if source.frame.kind != "image" or aligned is None or source.labelled.image_size is None:
            return None
        points, points_size = aligned, source.labelled.image_size
    scale = np.array(size) / points_size
    moved: NDArray[np.float32] = rescale(np.asarray(points, np.float64), scale[::-1]).astype(np.float32)
    return moved
