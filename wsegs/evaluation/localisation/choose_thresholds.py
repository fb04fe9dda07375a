"""Choose the thresholds of the windows on validation images: by the overlap with the boxes of their landmarks."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from wsegs.datasets.index import FaceDataset
from wsegs.errors import DataError
from wsegs.evaluation.localisation.locate_images import SMALLEST
from wsegs.evaluation.localisation.networks import Locator
from wsegs.evaluation.localise import moved, response_map, window_part, windows_in
from wsegs.geometry.boxes import box_about, box_overlap
from wsegs.io.images import read_image
from wsegs.io.processes.parallel import run_in_workers
from wsegs.landmarks.detectors.upright import box_of_points
from wsegs.landmarks.table import LandmarkTable
from wsegs.training.run_folder import VALIDATED

GRID = tuple(round(0.05 * step, 2) for step in range(20))
"""Thresholds that are tried, for each network."""


@dataclass(frozen=True)
class ChosenThresholds:
    """Thresholds that were chosen.

    Attributes
    ----------
    thresholds
        Of each network.
    overlap
        Mean intersection over union with the boxes of the landmarks.
    images
        How many were looked at.
    """

    thresholds: tuple[float, ...]
    overlap: float
    images: int


def boxes_of_landmarks(table: LandmarkTable) -> NDArray[np.float32]:
    """Return the box (N, 4) of each face of a table: the smallest about all its landmarks; nan without a face.

    Five points do not reach the border of the face. Theirs is the square that dlib's HOG detector would find.
    """
    if table.scheme.count > 5:
        return box_about(np.asarray(table.landmarks, np.float32))
    five = table.scheme.five_points(table.landmarks)
    boxes = np.full((len(five), 4), np.nan, np.float32)
    for row in np.flatnonzero(np.isfinite(five).all(axis=(1, 2))):
        boxes[row] = box_of_points(five[row])
    return boxes


def choose_thresholds(
    dataset: FaceDataset, locator: Locator, table: LandmarkTable, *, jobs: int = -1
) -> ChosenThresholds:
    """Return the thresholds with the largest mean overlap over the validation images; of equals the smallest.

    Parameters
    ----------
    dataset
        Holds the validation images: those of the run of LNet_o where they are in it, else those of its split.
    locator
        The networks; its thresholds are not read.
    table
        Landmarks of these images.
    jobs
        Processes; -1 is one a core.

    Raises
    ------
    DataError
        If no validation image has landmarks.
    """
    rows, boxes = _validation_faces(dataset, locator, table)
    calls = ((locator, dataset.path(int(row)), box) for row, box in zip(rows, boxes, strict=True))
    total = np.zeros((len(GRID),) * len(locator.runs))
    results = run_in_workers(_overlaps, calls, jobs=jobs, ordered=False, batch_size=1)
    with closing(results), tqdm(total=len(rows), unit="image", desc="threshold", disable=None) as bar:
        for overlaps in results:
            total += overlaps
            bar.update()
    best = np.unravel_index(int(total.argmax()), total.shape)
    thresholds = tuple(GRID[int(place)] for place in best)
    return ChosenThresholds(thresholds, float(total.max() / len(rows)), len(rows))


def _validation_faces(
    dataset: FaceDataset, locator: Locator, table: LandmarkTable
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    file = locator.runs[0] / VALIDATED
    validated: set[str] = set()
    if file.is_file():
        with file.open(newline="", encoding="utf-8", errors="surrogateescape") as lines:
            validated = {row["image"] for row in csv.DictReader(lines)}
    wanted = validated & set(dataset.images) or {dataset.images[row] for row in dataset.indices_of("validation")}
    known = {name: row for row, name in enumerate(table.images)}
    boxes = boxes_of_landmarks(table)
    pairs = [
        (row, known[name])
        for row, name in enumerate(dataset.images)
        if name in wanted and name in known and np.isfinite(boxes[known[name]]).all()
    ]
    if not pairs:
        raise DataError(
            f"--choose-threshold: expected landmarks of validation images, and of the {len(wanted)} of"
            f" {locator.runs[0]} in {dataset.root} none has any"
        )
    return np.array([row for row, _ in pairs], np.intp), boxes[[place for _, place in pairs]]


def _overlaps(locator: Locator, path: Path, box: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the overlap with a box for each threshold of each network; 0 where nothing responds."""
    import torch

    torch.set_num_threads(1)
    image = read_image(path)
    result = np.zeros((len(GRID),) * len(locator.runs))
    if min(image.shape[:2]) < SMALLEST:
        return result
    networks, sides = locator.networks(), locator.sides
    rho = response_map(networks[0], image, sides[0])
    seen: dict[tuple[float, ...], float | NDArray[np.float64]] = {}
    for number, threshold in enumerate(GRID):
        windows = windows_in(networks[0], rho, image.shape[:2], longest_side=sides[0], threshold=threshold)
        if not windows:
            return result
        key = tuple(windows[0].box.tolist())
        if key not in seen:
            one = replace(locator, runs=locator.runs[1:], sides=sides[1:])
            whole = float(box_overlap(windows[0].box, box))
            seen[key] = whole if len(networks) == 1 else _fine(one, image, windows[0].box, box)
        result[number] = seen[key]
    return result


def _fine(
    locator: Locator, image: NDArray[np.uint8], window: NDArray[np.float32], box: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return the overlap of the fine network's window for each of its thresholds."""
    (network,), (side,) = locator.networks(), locator.sides
    part, corner = window_part(image, window)
    rho = response_map(network, part, side)
    found: Sequence[float] = [
        float(box_overlap(moved(windows[0], corner).box, box)) if windows else 0.0
        for threshold in GRID
        for windows in [windows_in(network, rho, part.shape[:2], longest_side=side, threshold=threshold)]
    ]
    return np.array(found)
