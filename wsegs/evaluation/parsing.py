"""Measuring how well a run parses faces: intersection over union of each class."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DataLoader
from tqdm import tqdm

from wsegs.datasets.index import SPLITS
from wsegs.errors import DataError, OptionError
from wsegs.evaluation.evaluate import Predictor
from wsegs.io.files import atomic_write, write_table
from wsegs.store import MaskStore
from wsegs.store.images import find_image_root
from wsegs.tasks.scores import ParsingScores, intersection_over_union
from wsegs.training.data import check_images
from wsegs.training.dataset import Batch, FaceCrops, start_worker
from wsegs.training.recipe import ParsingTruth
from wsegs.training.region_inputs import ImageSet, read_class_maps
from wsegs.training.runs import Run
from wsegs.training.sampler import ValidationOrder
from wsegs.training.split import Split

_BATCH = 32


@dataclass(frozen=True)
class ParsingEvaluation:
    """How a parser's classes lie on the true ones.

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
            "mean_iou": float(np.nanmean(self.overlap)),
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
    truth: Path | None = None,
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
    truth
        The folder of human masks, if it moved since the training.
    jobs
        Processes that read; 0 does so in this one.
    limit
        At most so many images, evenly spaced.

    Raises
    ------
    OptionError
        If the run does not parse, or no image is in the split.
    MissingError, DataError
        If images or masks are missing or are of other classes.
    """
    recipe = run.recipe
    if not recipe.parses or recipe.parsing is None:
        raise OptionError(f"{run.path}: network '{recipe.network.name}' does not parse faces; expected a parser's run")
    store = MaskStore(masks or recipe.parsing.store or run.info.provenance["masks"])
    chosen = np.isfinite(store.affine).all(axis=(1, 2))
    if store.has_images:
        chosen &= store.crop_bytes > 0
    if split != "all":
        chosen &= store.split == SPLITS.index(split)
    rows = np.flatnonzero(chosen)
    if not len(rows):
        raise OptionError(f"--split {split}: no image of {store.path} is in it")
    if limit is not None and limit < len(rows):
        rows = rows[np.linspace(0, len(rows) - 1, limit).round().astype(np.intp)]
    root = find_image_root(store, data)
    check_images(store, root, rows)
    source: ParsingTruth = recipe.parsing if truth is None else recipe.parsing.model_copy(update={"truth": truth})
    # Regions are painted over each other by their size on the training images: in that order here too.
    images = ImageSet(store, root, Split(rows, rows[:0], carved=False))
    class_maps = read_class_maps(source, images, "parsing", order=run.info.provenance.get("painted"), fill=False)
    if class_maps.names != run.info.class_names:
        expected, got = ", ".join(run.info.class_names), ", ".join(class_maps.names)
        raise DataError(f"{run.path}: parses {expected}; the masks have {got}")
    crops = FaceCrops(store, root, recipe.size, None, class_maps=class_maps, class_size=recipe.size)
    loader: DataLoader[Batch] = DataLoader(
        crops,
        sampler=ValidationOrder(rows, _BATCH),
        batch_size=None,
        num_workers=jobs,
        worker_init_fn=start_worker if jobs else None,
    )
    predictor, scores = Predictor(run), ParsingScores(len(class_maps.names))
    with tqdm(total=len(rows), unit="image", desc="evaluate", disable=None) as bar:
        for batch in loader:
            assert batch.classes is not None
            scores.add(predictor.parse(batch.images), batch.classes)
            bar.update(len(batch.images))
    return ParsingEvaluation(class_maps.names, scores.compute().numpy().astype(np.int64), len(rows))


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
