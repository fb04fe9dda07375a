"""Measuring a run on a split of any data set."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from wsegs.datasets.index import FaceDataset
from wsegs.errors import DataError, OptionError
from wsegs.evaluation.crop_sources import CropSource, FileCrops, StoreCrops
from wsegs.evaluation.crops import Crop, cropper_for
from wsegs.io.files import atomic_write, write_table
from wsegs.landmarks.table import LandmarkTable
from wsegs.store import MaskStore
from wsegs.tasks.scores import ROW_FIELDS, AttributeScores, mean_scores, score_attributes, undefined_attributes
from wsegs.training.dataset import start_worker
from wsegs.training.module import normalise
from wsegs.training.precision import autocast, memory_format, resolve_precision
from wsegs.training.runs import Run
from wsegs.training.sampler import BatchPlan, ValidationOrder

_BATCH = 64


@dataclass(frozen=True)
class Evaluation:
    """What a network said about images, and what is true.

    Attributes
    ----------
    images
        N names of images.
    attribute_names
        The A attributes that network and data set share.
    logits, labels
        float (N, A) and int8 (N, A): 1 present, 0 absent, -1 unknown.
    crops
        How many images were cropped in which way.
    unreadable
        What was left out, with the reason.
    only_run, only_data
        Attributes that only one side has.
    """

    images: tuple[str, ...]
    attribute_names: tuple[str, ...]
    logits: Tensor
    labels: Tensor
    crops: dict[str, int]
    unreadable: tuple[str, ...]
    only_run: tuple[str, ...]
    only_data: tuple[str, ...]

    def scores(self) -> list[AttributeScores]:
        """Return the scores of every attribute."""
        return score_attributes(self.attribute_names, self.logits, self.labels)


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
    unreadable
        What could not be read.
    """

    images: Tensor
    points: Tensor
    positions: NDArray[np.intp]
    kinds: Sequence[str]
    unreadable: list[str]


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
        )


def evaluate(
    run: Run,
    dataset: FaceDataset,
    split: str = "test",
    *,
    landmarks: LandmarkTable | None = None,
    store: MaskStore | None = None,
    jobs: int = 0,
    limit: int | None = None,
) -> Evaluation:
    """Apply a run's network to a split of a data set.

    No masks are needed, and no landmarks where the images are aligned, be it another way than those of the
    training: CelebA to LFWA is one similarity transform for all images. Other images are cropped by landmarks.

    Parameters
    ----------
    run
        See :func:`wsegs.training.runs.load_run`.
    dataset
        Any data set; its attributes are joined to the run's by name.
    split
        ``train``, ``validation``, ``test`` or ``all``.
    landmarks
        Where the faces of images that are not aligned lie; None finds them.
    store
        Of whose images inside ``dataset`` is made (:func:`wsegs.evaluation.crop_sources.store_dataset`); None where it
        is made of files.
    jobs
        Processes that read and crop; 0 does so in this one.
    limit
        At most so many images, evenly spaced.

    Raises
    ------
    OptionError
        If the split is empty, or the run cannot be applied to new images.
    DataError
        If run and data set, or landmarks and data set, have nothing in common.
    """
    run.check_usable()
    rows = dataset.indices_of(split)
    if not len(rows):
        counts = {name: len(dataset.indices_of(name)) for name in ("train", "validation", "test", "all")}
        there = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise OptionError(f"--split {split}: no image of {dataset.root} is in it ({there})")
    if limit is not None and limit < len(rows):
        rows = rows[np.linspace(0, len(rows) - 1, limit).round().astype(np.intp)]
    dataset = dataset.select(rows)
    names = [name for name in run.info.attribute_names if name in dataset.attribute_names]
    if not names:
        raise DataError(f"{dataset.root}: has none of the {len(run.info.attribute_names)} attributes of {run.path}")
    source: CropSource
    if store is not None:
        source = StoreCrops(store, run.info, run.size, rows)
    else:
        cropper = cropper_for(run.info, run.size, dataset.aligned_points)
        source = FileCrops(cropper, [dataset.path(i) for i in range(len(dataset))], _join(landmarks, dataset))
    crops = EvaluationCrops(source)
    logits = torch.full((len(dataset), len(run.info.attribute_names)), float("nan"))
    kinds: Counter[str] = Counter()
    unreadable: list[str] = []
    workers = jobs if len(dataset) > 2 * _BATCH else 0  # processes would take longer to start than to work
    loader: DataLoader[CropBatch] = DataLoader(
        crops,
        sampler=ValidationOrder(np.arange(len(dataset)), _BATCH),
        batch_size=None,
        num_workers=workers,
        worker_init_fn=start_worker if workers else None,
        collate_fn=_as_it_is,
    )
    predict = Predictor(run)
    with tqdm(total=len(dataset), unit="image", desc="evaluate", disable=None) as bar:
        for batch in loader:
            if len(batch.positions):
                logits[torch.from_numpy(batch.positions)] = predict(batch.images, batch.points)[0]
            kinds.update(batch.kinds)
            unreadable += batch.unreadable
            bar.update(len(batch.positions) + len(batch.unreadable))
    kept = np.flatnonzero(~logits.isnan().all(dim=1).numpy())
    if not len(kept):
        raise DataError(f"{dataset.root}: no image could be read; the first: {unreadable[0]}")
    ours = [run.info.attribute_names.index(name) for name in names]
    theirs = [dataset.attribute_names.index(name) for name in names]
    return Evaluation(
        images=tuple(dataset.images[i] for i in kept),
        attribute_names=tuple(names),
        logits=logits[torch.from_numpy(kept)][:, ours],
        labels=torch.from_numpy(dataset.attributes[kept][:, theirs]),
        crops=dict(kinds),
        unreadable=tuple(unreadable),
        only_run=tuple(name for name in run.info.attribute_names if name not in names),
        only_data=tuple(name for name in dataset.attribute_names if name not in names),
    )


class Predictor:
    """Applies a network to batches, on a GPU if there is one.

    Parameters
    ----------
    run
        Its network, what draws its regions, and the precision of its recipe.
    """

    def __init__(self, run: Run) -> None:
        precision = run.recipe.precision
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        # What was chosen for the machine that trained need not be there.
        self._precision = resolve_precision("auto" if precision != "32-true" else precision, self._device.type)
        self._network = self._place(run.network)
        self._regions = None if run.regions is None else self._place(run.regions)

    def __call__(self, images: Tensor, points: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return logits (B, A) and maps (B, A, h, w) or None, on the CPU.

        Parameters
        ----------
        images
            uint8 (B, 3, H, W).
        points
            float (B, 5, 2): eyes, nose, corners of the mouth, x and y in pixels of the images; nan if not known.
        """
        with torch.inference_mode(), autocast(self._precision, self._device):
            normalised = normalise(images.to(self._device))
            if self._regions is None:
                output = self._network(normalised)
            else:
                output = self._network(normalised, self._regions(normalised, None, points.to(self._device)))
        return output.logits.float().cpu(), None if output.maps is None else output.maps.float().cpu()

    def parse(self, images: Tensor) -> Tensor:
        """Return class scores (B, C, H, W), on the CPU, of uint8 images (B, 3, H, W)."""
        with torch.inference_mode(), autocast(self._precision, self._device):
            scores: Tensor = self._network.parse(normalise(images.to(self._device)))[0]  # type: ignore[operator]
        return scores.float().cpu()

    def _place(self, module: nn.Module) -> nn.Module:
        placed: nn.Module = module.to(self._device, memory_format=memory_format(self._precision))  # type: ignore[call-overload]
        return placed


def average(evaluations: Sequence[Evaluation]) -> Evaluation:
    """Return what several networks say of the same images on average, such as SSP + SSG of Kalayeh et al.

    Probabilities are averaged; ``logits`` are those of the average.

    Raises
    ------
    DataError
        If they are of other images or attributes.
    """
    first = evaluations[0]
    for other in evaluations[1:]:
        if other.attribute_names != first.attribute_names:
            raise DataError("runs of different attributes cannot be averaged")
        if other.images != first.images:
            raise DataError("the runs could not read the same images, so they cannot be averaged")
    probabilities = torch.stack([evaluation.logits.double().sigmoid() for evaluation in evaluations]).mean(dim=0)
    return replace(first, logits=probabilities.logit())


def write_evaluation(evaluation: Evaluation, folder: Path, about: dict[str, Any]) -> dict[str, Any]:
    """Write an evaluation into a folder and return its summary.

    ``metrics.csv``: a row an attribute. ``metrics.json``: the summary. ``attributes.png``: the bar chart.
    ``scores.csv``: the probability of every attribute on every image.

    Parameters
    ----------
    about
        What else the summary should say: run, data set, split.
    """
    from wsegs.reports.plots import plot_attribute_bars

    folder.mkdir(parents=True, exist_ok=True)
    scores = evaluation.scores()
    rows = [score.as_row() for score in scores]
    write_table(folder / "metrics.csv", ROW_FIELDS, ([row[name] for name in ROW_FIELDS] for row in rows))
    probabilities = zip(evaluation.images, evaluation.logits.sigmoid().tolist(), strict=True)
    texts = ([image, *(f"{value:.5f}" for value in values)] for image, values in probabilities)
    write_table(folder / "scores.csv", ["image", *evaluation.attribute_names], texts)
    plot_attribute_bars([{**row, "majority": row["majority_rate"]} for row in rows], folder / "attributes.png")
    summary = {
        **about,
        "output": str(folder),
        "images": len(evaluation.images),
        "crops": evaluation.crops,
        "unreadable": list(evaluation.unreadable),
        "attributes_only_in_run": list(evaluation.only_run),
        "attributes_only_in_data": list(evaluation.only_data),
        "undefined_average_precision": undefined_attributes(scores),
        "mean": _finite(mean_scores(scores)),
        "attributes": [_finite(row) for row in rows],
    }
    with atomic_write(folder / "metrics.json") as temporary:
        temporary.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return summary


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with None for nan, which JSON does not know."""
    return {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in row.items()}


def _join(landmarks: LandmarkTable | None, dataset: FaceDataset) -> list[NDArray[np.float32]] | None:
    """Return the five points of every image by name, nan where the table has none."""
    if landmarks is None:
        return None
    rows = {name: row for row, name in enumerate(landmarks.images)}
    known = [rows.get(name, -1) for name in dataset.images]
    if max(known) < 0:
        raise DataError(f"--landmarks: has no image of {dataset.root}; the first there is '{dataset.images[0]}'")
    points = landmarks.scheme.five_points(landmarks.landmarks)
    missing = np.full((5, 2), np.nan, np.float32)
    return [points[row] if row >= 0 else missing for row in known]


def _as_it_is(batch: Any) -> Any:
    return batch
