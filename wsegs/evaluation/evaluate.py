"""Measuring a run on a split of any data set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset
from tqdm import tqdm

from wsegs.datasets.index import FaceDataset
from wsegs.datasets.sample import sample_rows
from wsegs.datasets.tables.columns import respelled
from wsegs.errors import DataError, OptionError
from wsegs.evaluation.crop_sources import LANDMARKS, CropSource, FileCrops, StoreCrops, check_boxes
from wsegs.evaluation.crops import Crop, cropper_for
from wsegs.evaluation.known_faces import known_faces
from wsegs.evaluation.predictor import predictor_of
from wsegs.evaluation.region_readers import RegionReader, RowsReader, check_detectable, rules_reader
from wsegs.evaluation.results import Evaluation
from wsegs.evaluation.runs import Run, thresholds_of
from wsegs.geometry.moves import SeededMoves
from wsegs.landmarks.image_sizes import check_image_sizes
from wsegs.landmarks.known import fit_to_images, sizes_of
from wsegs.landmarks.table import LandmarkTable
from wsegs.nets import NetworkOutput
from wsegs.store import MaskStore
from wsegs.tasks.batch import Batch
from wsegs.tasks.labelled import label_values
from wsegs.tasks.task import Task
from wsegs.training.samples.loaders import sample_loader
from wsegs.training.samples.opening import landmarks_by_name, points_by_name, rejected_by_name, sizes_by_name
from wsegs.training.samples.readers import one_line_reader_failures
from wsegs.training.samples.sampler import BatchPlan, ValidationSampler

_BATCH = 64
_HEADERS = 200  # images whose sizes are compared with those of the training


class CropBatch(NamedTuple):
    """Crops of a data set.

    Attributes
    ----------
    images
        uint8 (B, 3, H, W).
    points
        (B, 5, 2), their five points.
    positions
        Of each in the data set.
    kinds
        How each was cropped.
    regions
        int64 (B, h, w) region integers; None where the run reads none that were drawn.
    regions_from
        Where they come from.
    unreadable
        What could not be read.
    """

    images: Tensor
    points: Tensor
    positions: NDArray[np.intp]
    kinds: Sequence[str]
    unreadable: list[str]
    regions: Tensor | None = None
    regions_from: Sequence[str] = ()


class EvaluationCrops(Dataset[CropBatch]):
    """Crops of a data set for a run, by :class:`BatchPlan`; images that cannot be read are left out and named."""

    def __init__(self, source: CropSource) -> None:
        self._source = source

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, plan: BatchPlan) -> CropBatch:
        """Return one batch."""
        crops: list[Crop] = []
        positions, unreadable = [], []
        for position in plan.rows:
            try:
                crops.append(self._source.crop(int(position)))
            except DataError as error:
                unreadable.append(str(error))
                continue
            positions.append(position)
        images = np.zeros((len(crops), *self._source.size, 3), np.uint8)
        placed = np.zeros((len(crops), 5, 2), np.float32)
        for i, crop in enumerate(crops):
            images[i], placed[i] = crop.image, crop.points
        return CropBatch(
            torch.from_numpy(images).permute(0, 3, 1, 2),
            torch.from_numpy(placed),
            np.array(positions, np.intp),
            [crop.kind for crop in crops],
            unreadable,
            stack_regions(crops),
            [crop.regions_from for crop in crops if crop.regions_from],
        )


def stack_regions(crops: Sequence[Crop]) -> Tensor | None:
    """Return the region integers of crops, int64 (B, h, w); None where they have none."""
    drawn = [crop.regions for crop in crops if crop.regions is not None]
    return torch.from_numpy(np.stack(drawn)) if drawn else None


def evaluate(
    run: Run,
    dataset: FaceDataset,
    split: str = "test",
    *,
    landmarks: LandmarkTable | None = None,
    store: MaskStore | None = None,
    regions: RegionReader | None = None,
    jobs: int = 0,
    limit: int | None = None,
    moves: SeededMoves | None = None,
) -> Evaluation:
    """Apply a run's network to a split of a data set.

    No masks are needed, and no landmarks where the images are aligned, be it another way than those of the
    training: CelebA to LFWA is one similarity transform for all images. Other images are cropped by landmarks.

    Parameters
    ----------
    run
        See :func:`wsegs.evaluation.runs.load_run`.
    dataset
        Any data set; its attributes are joined to the run's by name.
    split
        ``train``, ``validation``, ``test`` or ``all``.
    landmarks
        Where the faces of images that are not aligned lie; None finds them.
    store
        Of whose images inside ``dataset`` is made (:func:`wsegs.evaluation.crop_sources.store_dataset`); None where it
        is made of files.
    regions
        What reads the regions of all images of ``dataset``, for a run that reads drawn regions; None draws them by
        landmarks, as in training.
    jobs
        Processes that read and crop; 0 does so in this one.
    limit
        A sample of so many images.
    moves
        How crops are moved; None leaves them as they are.

    Raises
    ------
    OptionError
        If the split is empty, or the run cannot be applied to new images.
    DataError
        If run and data set, or landmarks and data set, have nothing in common.
    """
    run.check_usable()
    whole = dataset
    dataset, rows = chosen_images(dataset, split, limit, landmarks)
    dataset = replace(dataset, attribute_names=respelled(dataset.attribute_names, run.attribute_names))
    names = [name for name in run.attribute_names if name in dataset.attribute_names]
    tasks = _measurable_tasks(run, dataset)
    if not names and not tasks:
        raise DataError(f"{dataset.root}: has none of the {len(run.attribute_names)} attributes of {run.path}")
    crops = EvaluationCrops(crop_source(run, whole, rows, landmarks, store, regions, moves))
    logits = torch.full((len(dataset), len(run.attribute_names)), float("nan"))
    read = np.zeros(len(dataset), bool)
    kinds, sources = np.full(len(dataset), "", object), np.full(len(dataset), "", object)
    unreadable: list[str] = []
    workers = jobs if len(dataset) > 2 * _BATCH else 0  # processes would take longer to start than to work
    sampler = ValidationSampler(np.arange(len(dataset)), _BATCH)
    predict = predictor_of(run)
    labels = [_labels_of(run, task, dataset) for task in tasks]
    bar = tqdm(total=len(dataset), unit="image", desc="evaluate", disable=None)
    with one_line_reader_failures(), bar:
        for batch in sample_loader(crops, sampler, workers, collate_fn=_as_it_is):
            if len(batch.positions):
                output = predict(batch.images, batch.points, batch.regions)
                if names:
                    logits[torch.from_numpy(batch.positions)] = output.logits
                for task, values in zip(tasks, labels, strict=True):
                    _update(task, output, batch, values)
                read[batch.positions] = True
            kinds[batch.positions] = batch.kinds
            if batch.regions_from:
                sources[batch.positions] = batch.regions_from
            unreadable += batch.unreadable
            bar.update(len(batch.positions) + len(batch.unreadable))
    kept = np.flatnonzero(read)
    if not len(kept):
        raise DataError(f"{dataset.root}: no image could be read; the first: {unreadable[0]}")
    if names:
        _check_finite(run, dataset, logits[torch.from_numpy(kept)], kept)
    ours = [run.attribute_names.index(name) for name in names]
    theirs = [dataset.attribute_names.index(name) for name in names]
    return Evaluation(
        images=tuple(dataset.images[i] for i in kept),
        attribute_names=tuple(names),
        logits=logits[torch.from_numpy(kept)][:, ours],
        labels=torch.from_numpy(dataset.attributes[kept][:, theirs]),
        crops=dict(Counter(kinds[kept].tolist())),
        unreadable=tuple(unreadable),
        only_run=tuple(name for name in run.attribute_names if name not in names),
        only_data=tuple(name for name in dataset.attribute_names if name not in names),
        other={task.name: task.scores() for task in tasks},
        regions=dict(Counter(source for source in sources[kept].tolist() if source)),
        kinds=tuple(kinds[kept].tolist()),
        sources=tuple(sources[kept].tolist()) if sources[kept].any() else (),
        thresholds=None if not names else thresholds_of(run)[ours],
    )


def chosen_images(
    dataset: FaceDataset, split: str, limit: int | None, landmarks: LandmarkTable | None
) -> tuple[FaceDataset, NDArray[np.intp]]:
    """Return the images of a split, or a sample of them, and their rows; without those whose face was rejected.

    Raises
    ------
    OptionError
        If none is left.
    """
    rows = dataset.indices_of(split)
    if not len(rows):
        counts = {name: len(dataset.indices_of(name)) for name in ("train", "validation", "test", "all")}
        there = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise OptionError(f"--split {split}: no image of {dataset.root} is in it ({there})")
    if landmarks is not None:
        rows = rows[~rejected_by_name(landmarks, dataset)[rows]]
        if not len(rows):
            raise OptionError(f"--landmarks: the faces of all images in split {split} of {dataset.root} are rejected")
    if limit is not None:
        rows = rows[sample_rows(dataset.split[rows], limit)]
    return dataset.select(rows), rows


def crop_source(
    run: Run,
    dataset: FaceDataset,
    rows: NDArray[np.intp],
    landmarks: LandmarkTable | None,
    store: MaskStore | None,
    regions: RegionReader | None,
    moves: SeededMoves | None = None,
) -> CropSource:
    """Return the crops of some rows of a data set, as a run sees them; arguments as of :func:`evaluate`."""
    reader = rules_reader(run) if regions is None else regions
    chosen = None if reader is None else RowsReader(reader, rows)
    moved = None if moves is None else moves.of(rows)
    if store is not None:
        return StoreCrops(store, run.info, run.crop_size, rows, chosen, moved)
    if landmarks is None:
        check_detectable(run, reader)
    _check_places(run, dataset, rows, landmarks is None, draws=reader is not None and reader.scheme is not None)
    check_boxes(run, "boxes" in dataset.opened)
    cropper = cropper_for(run.info, run.crop_size, dataset.aligned_points, run.locator)
    points = found = sizes = None
    if landmarks is not None:
        points = list(points_by_name(landmarks, dataset)[rows])
        sizes = sizes_by_name(landmarks, dataset)[rows]
        check_image_sizes(dataset.root, [dataset.images[row] for row in rows], sizes, LANDMARKS)
        if reader is not None and reader.scheme is not None:
            found = landmarks.scheme.convert(landmarks_by_name(landmarks, dataset)[rows], reader.scheme)
    # A run that keeps LNets finds faces by them, unless a table of boxes is named.
    about_boxes = run.info.frame.kind == "box" and (run.locator is None or "boxes" in dataset.opened)
    boxes = dataset.boxes if about_boxes else None
    paths = [dataset.path(row) for row in rows]
    faces = known_faces(dataset, rows)
    return FileCrops(
        cropper,
        paths,
        points,
        None if boxes is None else boxes[rows],
        chosen,
        found,
        sizes,
        faces,
        run.reads_parts or run.reads_boxes,
        run.reads_boxes,
        moved,
    )


def _check_places(run: Run, dataset: FaceDataset, rows: NDArray[np.intp], finds: bool, *, draws: bool) -> None:
    """Raise DataError if boxes or points of the data set are used, and are of images of another size.

    A run that ``finds`` faces on the fly looks for them there, be it to crop or, where it ``draws`` regions, for these.
    """
    kind, source_size = run.info.frame.kind, run.info.source_size
    other = False  # whether whole images of another size are cropped like the training's
    if kind == "image" and source_size is not None:
        sizes = sizes_of(dataset, rows[np.linspace(0, len(rows) - 1, min(len(rows), _HEADERS)).astype(np.intp)])
        other = bool(np.any(sizes[(sizes > 0).all(axis=1)] != source_size[::-1]))
    finds &= draws or other or kind == "face"
    boxes = dataset.boxes is not None and (kind == "box" or finds)
    aligned = (other or (kind == "face" and finds)) and dataset.aligned_points is not None
    fit_to_images(dataset.select(rows), None, points=finds, boxes=boxes or aligned, each=False)


def _measurable_tasks(run: Run, dataset: FaceDataset) -> list[Task]:
    """Return the run's tasks other than attributes whose labels the data set has."""
    kinds = {task.name: task for task in run.plan.tasks}
    found = []
    for task in run.image_tasks:
        planned = kinds[task.name]
        label = planned.options.get("label")
        there = label is None or label in dataset.numbers or label in dataset.categories
        if planned.kind != "attributes" and there:
            found.append(task)
    return found


def _labels_of(run: Run, task: Task, dataset: FaceDataset) -> dict[str, NDArray[Any]]:
    """Return the labels of all images that a task is measured by, as the run numbers them."""
    labels = {}
    for name in task.fields(run.network, run.size).labels:
        values = label_values(dataset, name)
        if name in dataset.categories:  # the data set's own numbers of categories, in the run's order
            known = [task.outputs.index(own) if own in task.outputs else -1 for own in dataset.categories[name].names]
            values = np.array([*known, -1])[values]
        labels[name] = values
    return labels


def _update(task: Task, output: NetworkOutput, crops: CropBatch, values: Mapping[str, NDArray[Any]]) -> None:
    """Add a mini-batch to the scores of a task."""
    labels = {name: torch.from_numpy(all_images[crops.positions]) for name, all_images in values.items()}
    count = len(crops.positions)
    flip, matrix = torch.zeros(count, dtype=torch.bool), torch.full((count, 2, 3), float("nan"))
    task.update(output, Batch(crops.images, labels, None, ~flip, flip, None, crops.points, matrix))


def _check_finite(run: Run, dataset: FaceDataset, logits: Tensor, kept: NDArray[np.intp]) -> None:
    wrong = np.flatnonzero(~logits.isfinite().all(dim=1).numpy())
    if len(wrong):
        raise DataError(
            f"{run.path}: the network says nan of {len(wrong)} of {len(kept)} images, the first of them"
            f" '{dataset.images[kept[wrong[0]]]}'; its training diverged, or its weights are damaged"
        )


def _as_it_is(batch: Any) -> Any:
    return batch
