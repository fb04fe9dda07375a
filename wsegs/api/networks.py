"""Train a network, measure it, apply it. Needs ``pip install 'wsegs[train]'``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from wsegs.datasets.index import FaceDataset
from wsegs.errors import OptionError
from wsegs.evaluation.crop_sources import store_dataset
from wsegs.evaluation.evaluate import evaluate as evaluate_run
from wsegs.evaluation.images import OpenImages, open_images
from wsegs.evaluation.predict import Failure, Prediction
from wsegs.evaluation.predict import predict as predict_images
from wsegs.evaluation.results import Evaluation
from wsegs.evaluation.runs import Run, load_run
from wsegs.landmarks.table import LandmarkTable, read_landmarks
from wsegs.store.reader import MaskStore
from wsegs.training import train as training
from wsegs.training.lightning.trainer import TrainerOptions
from wsegs.training.recipe import Recipe, load_recipe

PathLike = str | os.PathLike[str]


def train(
    recipe: Recipe | PathLike,
    masks: MaskStore | PathLike | None = None,
    output: PathLike | None = None,
    *,
    data: PathLike | None = None,
    changes: Mapping[str, Any] | None = None,
    limit: int | None = None,
    options: TrainerOptions | None = None,
    resume: bool = False,
    force: bool = False,
) -> dict[str, Any]:
    """Train a network.

    Parameters
    ----------
    recipe
        The name of a shipped recipe (``attparsenet``), a YAML file, or a recipe that is loaded already.
    masks
        The mask store; None takes ``masks.h5`` where the recipe needs masks, else samples straight from ``data``.
    output
        The run folder; None is ``runs/RECIPE``.
    data
        The data set; of a mask store, if it moved since its landmarks were found.
    changes
        Fields of the recipe by their dotted names: ``{"network.width": 0.25, "max_steps": 100}``.
    limit
        A sample of so many images, spread over the splits.
    options
        Devices, processes that read, cache; None leaves it to Lightning.
    resume
        Continue the run that is there.
    force
        Overwrite the run that is there.

    Returns
    -------
    A JSON-able summary; ``output`` is the run folder for :func:`wsegs.load_run`, ``best`` the scores of its best
    checkpoint.

    Raises
    ------
    WsegsError
        If recipe, masks, images or output cannot be used, or do not fit each other.
    """
    if isinstance(recipe, Recipe):
        if changes:
            raise OptionError("changes: expected the name or file of a recipe beside it, got one that is loaded")
        if output is None:
            raise OptionError("output: expected the run folder of a recipe that is loaded, got none")
        chosen = recipe
    else:
        chosen = load_recipe(os.fspath(recipe), changes)
    folder = Path(output) if output is not None else Path("runs") / Path(os.fspath(recipe)).stem  # type: ignore[arg-type]
    return training.train(
        chosen,
        masks if isinstance(masks, MaskStore) or masks is None else Path(masks),
        folder,
        data=None if data is None else Path(data),
        limit=limit,
        options=options,
        resume=resume,
        force=force,
    )


def evaluate(
    run: Run | PathLike,
    data: FaceDataset | MaskStore | PathLike | None = None,
    split: str = "test",
    *,
    landmarks: LandmarkTable | PathLike | None = None,
    limit: int | None = None,
    jobs: int = 0,
) -> Evaluation:
    """Measure how well a run classifies attributes.

    Parameters
    ----------
    run
        A run, or its folder.
    data
        A data set, its folder, or a mask store that keeps its images; None is what the run was trained on.
    split
        ``train``, ``validation``, ``test`` or ``all``.
    landmarks
        Where the faces of images lie that are not aligned, a table or its file; None finds them.
    limit
        A sample of so many images.
    jobs
        Processes that read images; 0 reads in this one.

    Returns
    -------
    Logits (N, A), labels (N, A) and :meth:`~wsegs.evaluation.evaluate.Evaluation.scores` of every attribute.

    Raises
    ------
    WsegsError
        If run or data cannot be used, do not fit each other, or the split is empty.
    """
    loaded = run if isinstance(run, Run) else load_run(Path(run))
    opened = _open(loaded, data)
    table = read_landmarks(landmarks) if isinstance(landmarks, (str, os.PathLike)) else landmarks
    if table is None:
        table = opened.landmarks
    return evaluate_run(loaded, opened.dataset, split, landmarks=table, store=opened.store, jobs=jobs, limit=limit)


def predict(
    run: Run | PathLike, images: PathLike | Sequence[PathLike], store: MaskStore | PathLike | None = None
) -> Iterator[Prediction | Failure]:
    """Yield what a run says about images, one after another.

    Parameters
    ----------
    run
        A run, or its folder.
    images
        Files, or one file; with ``store`` names of images in it.
    store
        A mask store that keeps its images.

    Yields
    ------
    For each image a :class:`~wsegs.evaluation.predict.Prediction` with probabilities (A,), the crop (H, W, 3) and, if
    the network draws any, maps (A, h, w); or a :class:`~wsegs.evaluation.predict.Failure`, if it cannot be read.

    Raises
    ------
    WsegsError
        If the run cannot be applied to new images, or the store has no such images.
    """
    loaded = run if isinstance(run, Run) else load_run(Path(run))
    loaded.check_usable()
    files = [images] if isinstance(images, (str, os.PathLike)) else images
    opened = MaskStore(store) if isinstance(store, (str, os.PathLike)) else store
    return predict_images(loaded, [Path(file) for file in files], opened)


def _open(run: Run, data: FaceDataset | MaskStore | PathLike | None) -> OpenImages:
    """Return the images to measure a run on."""
    if isinstance(data, FaceDataset):
        return OpenImages(data, data.root)
    if isinstance(data, MaskStore):
        return OpenImages(store_dataset(data), data.path, data)
    if data is not None:
        masks, folder = (Path(data), None) if Path(data).is_file() else (None, Path(data))
        return open_images(run, folder, masks, None, {})
    return open_images(run, None, None, None, {})
