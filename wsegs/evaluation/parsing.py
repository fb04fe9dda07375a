"""Evaluate face parsing: intersection over union of each class."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from wsegs.datasets.index import SPLITS
from wsegs.datasets.sample import sample_rows
from wsegs.errors import DataError, OptionError
from wsegs.evaluation.images import gone
from wsegs.evaluation.predictor import predictor_of
from wsegs.evaluation.runs import Run
from wsegs.io.files import atomic_write, write_table
from wsegs.store import MaskStore
from wsegs.store.images import find_image_root
from wsegs.tasks.batch import SampleFields
from wsegs.tasks.scores import ParsingScores, intersection_over_union
from wsegs.training.plan import SourcePlan
from wsegs.training.samples.checks import check_images
from wsegs.training.samples.class_maps import HumanClasses, open_class_maps
from wsegs.training.samples.loaders import sample_loader
from wsegs.training.samples.opening import OpenStore
from wsegs.training.samples.readers import one_line_reader_failures
from wsegs.training.samples.sampler import ValidationSampler
from wsegs.training.samples.sources import SampleDataset
from wsegs.training.samples.store_source import StoreSource

_BATCH = 32


@dataclass(frozen=True)
class ParsingEvaluation:
    """Confusion matrix of a parser's classes.

    Attributes
    ----------
    class_names
        C names.
    confusion
        (C, C): pixels of true class by predicted class, at the size of the network's images.
    images
        How many there were.
    """

    class_names: tuple[str, ...]
    confusion: NDArray[np.int64]
    images: int

    @property
    def overlap(self) -> NDArray[np.float64]:
        """Intersection over union of each class over all images' pixels together, (C,); nan where there is none."""
        return intersection_over_union(self.confusion)

    def summary(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        overlap = [None if np.isnan(value) else float(value) for value in self.overlap]
        return {
            "images": self.images,
            "mean_iou": float(np.nanmean(self.overlap)) if np.isfinite(self.overlap).any() else None,
            "classes": [
                {"class": name, "pixels": int(self.confusion[c].sum()), "iou": overlap[c]}
                for c, name in enumerate(self.class_names)
            ],
        }


def evaluate_parsing(
    run: Run,
    split: str = "test",
    *,
    masks: Path | None = None,
    data: Path | None = None,
    parsing_masks: Path | None = None,
    jobs: int = 0,
    limit: int | None = None,
) -> ParsingEvaluation:
    """Measure how a run parses a split of a mask store's images. What lies outside of a photo does not count.

    Parameters
    ----------
    run
        Of a network that parses.
    split
        ``train``, ``validation``, ``test`` or ``all``.
    masks
        The mask store; None is that of the training.
    data
        The data set, if it moved since its landmarks were found.
    parsing_masks
        The folder of human parsing masks, if it moved since the training.
    jobs
        Processes that read; 0 does so in this one.
    limit
        A sample of so many images.

    Raises
    ------
    OptionError
        If the run does not parse, or no image is in the split.
    MissingError, DataError
        If images or masks are missing or are of other classes.
    """
    source = _parsing_source(run)
    assert source.class_maps is not None
    store = MaskStore(masks or source.path)
    root = find_image_root(store, data) if masks is not None or data is not None else source.root
    if not root.is_dir() and not store.has_images:
        raise gone(run, root)
    opened = OpenStore(store, root)
    chosen = opened.usable
    if split != "all":
        chosen &= store.split == SPLITS.index(split)
    rows = np.flatnonzero(chosen)
    if not len(rows):
        raise OptionError(f"--split {split}: no image of {store.path} is in it")
    if limit is not None:
        rows = rows[sample_rows(store.split[rows], limit)]
    check_images(opened, rows)
    # Regions are painted over each other by their size on the training images: in that order here too.
    plan = source.class_maps if parsing_masks is None else replace(source.class_maps, folder=str(parsing_masks))
    class_maps = open_class_maps(plan, store, opened.name, fill=False)
    if class_maps.names != run.class_names:
        expected, got = ", ".join(run.class_names), ", ".join(class_maps.names)
        raise DataError(f"{run.path}: parses {expected}; the masks have {got}")
    if isinstance(class_maps, HumanClasses):
        class_maps.check(rows)
    dataset = SampleDataset(StoreSource(opened, run.size, class_maps), SampleFields(classes=run.size))
    loader = sample_loader(dataset, ValidationSampler(rows, _BATCH), jobs)
    predictor, scores = predictor_of(run), ParsingScores(len(class_maps.names))
    bar = tqdm(total=len(rows), unit="image", desc="evaluate", disable=None)
    with one_line_reader_failures(), bar:
        for batch in loader:
            assert batch.classes is not None
            scores.add(predictor.parse(batch.images), batch.classes)
            bar.update(len(batch.images))
    return ParsingEvaluation(class_maps.names, scores.compute().numpy().astype(np.int64), len(rows))


def _parsing_source(run: Run) -> SourcePlan:
    """Return the source that a run learnt to parse from."""
    task = run.plan.task("parsing")
    if task is None:
        raise OptionError(
            f"{run.path}: network '{run.plan.network.name}' does not parse faces; expected a parser's run"
        )
    source = run.plan.sources[task.source]
    if source.kind != "store":
        raise OptionError(
            f"{run.path}: was trained without a mask store; parsing is measured on one, which --masks names"
        )
    return source


def write_parsing_evaluation(evaluation: ParsingEvaluation, folder: Path, about: dict[str, Any]) -> dict[str, Any]:
    """Write ``classes.csv`` and ``metrics.json`` into a folder and return the summary.

    Parameters
    ----------
    about
        What else the summary should say: run, masks, split.
    """
    folder.mkdir(parents=True, exist_ok=True)
    summary = {**about, "output": str(folder), **evaluation.summary()}
    columns = ("class", "pixels", "iou")
    write_table(folder / "classes.csv", columns, ([row[name] for name in columns] for row in summary["classes"]))
    with atomic_write(folder / "metrics.json") as temporary:
        temporary.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return summary
