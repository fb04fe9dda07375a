"""Trainings and scores of ``attributenet.py``: each is a job that is done once and kept."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from attributenet_data import TYPED, Small, small_copies
from numpy.typing import NDArray
from torch.nn import functional as F
from tqdm import tqdm

from wsegs.datasets import open_dataset
from wsegs.datasets.index import FaceDataset
from wsegs.evaluation.evaluate import evaluate
from wsegs.evaluation.predictor import Predictor
from wsegs.evaluation.runs import Run, load_run
from wsegs.io.images import read_image
from wsegs.io.messages import set_verbosity
from wsegs.landmarks.table import read_landmarks
from wsegs.tasks.scores import mean_scores
from wsegs.training.lightning.trainer import TrainerOptions
from wsegs.training.recipe import Recipe, load_recipe
from wsegs.training.resolve import Overrides, resolve
from wsegs.training.resolving.recipe_changes import with_relation, with_trunks
from wsegs.training.train import train

TYPES: dict[str, dict[str, Any]] = {
    "utkface": {"numbers": ("age",), "categories": ("race",)},
    "objects": {"categories": ("class",)},
}


@dataclass(frozen=True)
class Settings:
    """What all jobs of a cache have in common.

    Attributes
    ----------
    data, masks, landmarks, lfw_landmarks
        The data sets; CelebA's mask store and landmarks, and LFW's, for networks that read masks or regions.
    side, width, steps, batch
        Of all networks.
    limit
        Faces that are trained on; 0 is all.
    """

    data: Path
    masks: Path
    landmarks: Path
    lfw_landmarks: Path
    cache: Path
    side: int
    width: float
    steps: int
    batch: int
    limit: int

    @property
    def small(self) -> Small:
        """The small copies of the data sets."""
        return small_copies(self.data, self.cache / "data", self.side)


@dataclass(frozen=True)
class Job:
    """A training.

    Attributes
    ----------
    name
        Of its folder.
    recipe, fields
        Recipe, and what differs in it.
    seed
        Of weights, order and flips.
    data
        A small copy, or ``masks``.
    trunks
        Names of the jobs whose convolutions it begins with; None keeps the recipe's, which has none.
    relation
        Alpha; 0 is without.
    scored
        How: see :data:`SCORERS`.
    steps
        As a share of the settings'.
    """

    name: str
    recipe: str
    seed: int
    data: str
    fields: tuple[tuple[str, Any], ...] = ()
    trunks: tuple[str, ...] | None = None
    relation: float = 0.0
    scored: str = "attributes"
    steps: float = 1.0
    size: tuple[int, int] | None = field(default=None)


def do_all(jobs: Iterable[Job], settings: Settings, processes: int) -> None:
    """Do all jobs that are not done yet; those that begin with others come after them."""
    waiting = {job.name: job for job in jobs if not _scores_of(job.name, settings).exists()}
    settings.small.celeba.stat()  # copies are made by this process alone
    bar = tqdm(total=len(waiting), desc="trainings", unit="run")
    with ProcessPoolExecutor(processes, get_context("spawn"), initializer=_begin, initargs=(settings.cache,)) as pool:
        while waiting:
            ready = [job for job in waiting.values() if not any(trunk in waiting for trunk in job.trunks or ())]
            done = [pool.submit(do, job, settings) for job in ready]
            for future in as_completed(done):
                print(future.result(), flush=True)
                bar.update()
            for job in ready:
                del waiting[job.name]


def _begin(cache: Path) -> None:
    """Let each process compute on a core of its own."""
    torch.set_num_threads(1)
    set_verbosity(-1)


def do(job: Job, settings: Settings) -> str:
    """Train and score a job; return a line about it."""
    folder = settings.cache / "runs" / job.name
    overrides = _overrides(job, settings)
    plan = resolve(_recipe(job, settings), overrides)
    resume = (folder / "last.ckpt").exists()
    summary = train(
        _recipe(job, settings),
        None,
        folder,
        plan=plan,
        options=TrainerOptions("cpu", workers=0),
        resume=resume,
        force=not resume,
    )
    scores = SCORERS[job.scored](load_run(folder), job, settings)
    scores |= {"images": summary["images"]["train"], "steps": summary["steps"], "seconds": summary["seconds"]}
    scores |= pairs_touched(folder / "steps.csv")
    (folder / "last.ckpt").unlink()
    _scores_of(job.name, settings).write_text(json.dumps(scores, indent=2))
    return f"{job.name}: {summary['seconds']:.0f} s"


def scores_of(name: str, settings: Settings) -> dict[str, float]:
    """Return the scores of a job that is done."""
    scores: dict[str, float] = json.loads(_scores_of(name, settings).read_text())
    return scores


def _scores_of(name: str, settings: Settings) -> Path:
    return settings.cache / "runs" / name / "scores.json"


def _recipe(job: Job, settings: Settings) -> Recipe:
    fields = {
        "network.width": settings.width,
        "size": job.size or (settings.side, settings.side),
        "batch_size": settings.batch,
        "max_steps": max(2, round(job.steps * settings.steps)),
        "validate_every": max(1, round(job.steps * settings.steps / 4)),
        "seed": job.seed,
        "precision": "32-true",
        "optimizer.name": "adam",
        "optimizer.learning_rate": 0.001,
        "optimizer.weight_decay": 0.0,
        "schedule.name": "one-cycle",
        "schedule.warmup": 0.15,
        **dict(job.fields),
    }
    recipe = load_recipe(job.recipe, fields)
    if job.trunks is not None:
        runs = [settings.cache / "runs" / trunk for trunk in job.trunks]
        recipe = with_trunks(recipe, runs, streams=job.recipe == "attributenet")
    if recipe.regions is not None:
        recipe = recipe.without_parser()
    return with_relation(recipe, job.relation) if "attributes" in recipe.losses else recipe


def _overrides(job: Job, settings: Settings) -> Overrides:
    limit = settings.limit or None
    if job.data == "masks":
        return Overrides(masks=settings.masks, data=settings.data / "celeba", limit=limit)
    folder = getattr(settings.small, job.data)
    return Overrides(data=folder, limit=limit, opened=_typed(job.data, folder))


def _typed(name: str, folder: Path) -> dict[str, Any]:
    """Return the options that a small copy with numbers or categories is opened with."""
    return {"labels": folder / TYPED, **TYPES[name]} if name in TYPES else {}


def _opened(name: str, settings: Settings) -> FaceDataset:
    folder = getattr(settings.small, name)
    return open_dataset(folder, **_typed(name, folder))


def _attributes(run: Run, job: Job, settings: Settings) -> dict[str, float]:
    """Score attributes on CelebA's test faces and on all of LFWA."""
    found: dict[str, float] = {}
    for name, split, table in (("celeba", "test", settings.landmarks), ("lfw", "all", settings.lfw_landmarks)):
        if job.data == "masks":  # regions are drawn from landmarks
            result = evaluate(run, _whole(settings.data / name), split, landmarks=_landmarks(table))
        else:
            result = evaluate(run, _opened(name, settings), split)
        means = mean_scores(result.scores())
        true, learnt = result.relations()
        means["relation_distance"] = float((true - learnt).abs().nanmean())
        found |= {f"{name}_{score}": value for score, value in means.items()}
        found[f"{name}_faces"] = len(result.images)
    return found


@cache
def _whole(folder: Path) -> FaceDataset:
    return open_dataset(folder)


@cache
def _landmarks(table: Path) -> Any:
    return read_landmarks(table)


def _verification(run: Run, job: Job, settings: Settings) -> dict[str, float]:
    """Verify people who were not trained on: the cosine of features, the threshold of validation people."""
    dataset = _opened("celeba", settings)
    threshold, _ = _best_threshold(*_similarities(run, dataset, 1))
    similarity, same = _similarities(run, dataset, 2)
    rows = np.flatnonzero(dataset.split == 2)
    return {
        "verification": float(((similarity >= threshold) == same).mean()),
        "pairs": len(same),
        "people": len(set(dataset.identity[rows].tolist())),
        "threshold": threshold,
    }


def _similarities(run: Run, dataset: FaceDataset, split: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the cosines of all pairs of one person and of as many of two people, and which are which."""
    rows = np.flatnonzero(dataset.split == split)
    features = F.normalize(_features(run, dataset, rows), dim=1).double()
    person = dataset.identity[rows]
    first, second = np.triu_indices(len(rows), 1)
    same = np.flatnonzero(person[first] == person[second])
    other = np.flatnonzero(person[first] != person[second])
    other = np.random.default_rng(0).choice(other, len(same), replace=False)
    chosen = np.concatenate([same, other])
    cosine = (features[first[chosen]] * features[second[chosen]]).sum(dim=1).numpy()
    return cosine, np.arange(len(chosen)) < len(same)


def _best_threshold(similarity: NDArray[np.float64], same: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the threshold of the highest accuracy, and that."""
    candidates = np.unique(similarity)
    accuracy = [float(((similarity >= value) == same).mean()) for value in candidates]
    best = int(np.argmax(accuracy))
    return float(candidates[best]), accuracy[best]


def _features(run: Run, dataset: FaceDataset, rows: NDArray[np.intp]) -> torch.Tensor:
    predict, parts = Predictor(run), []
    for some in np.array_split(rows, max(1, len(rows) // 64)):
        images = np.stack([read_image(dataset.path(int(row))) for row in some])
        crops = torch.from_numpy(images).permute(0, 3, 1, 2)
        parts.append(predict(crops, torch.full((len(some), 5, 2), float("nan"))).features)
    return torch.cat([part for part in parts if part is not None])


def _age(run: Run, job: Job, settings: Settings) -> dict[str, float]:
    """Score ages of held-out faces, beside the mean age of those trained on."""
    dataset = _opened("utkface", settings)
    ages, test = dataset.numbers["age"], dataset.split == 2
    guess = float(ages[~test].mean())
    return {
        "mae": evaluate(run, dataset, "test").other["age"]["mean_absolute_error"],
        "guess": float(np.abs(ages[test] - guess).mean()),
        "faces": int(test.sum()),
    }


def _race(run: Run, job: Job, settings: Settings) -> dict[str, float]:
    """Score races of held-out faces; the most frequent of K is right in one of K categories."""
    dataset = _opened("utkface", settings)
    scores = evaluate(run, dataset, "test").other["race"]
    codes = dataset.categories["race"].codes[dataset.split == 2]
    return {**scores, "guess": 1 / len(np.unique(codes)), "faces": len(codes)}


def _faces(run: Run, job: Job, settings: Settings) -> dict[str, float]:
    """Score a network that tells faces from others, and how well it verifies people, for comparison."""
    return {**_class(run, job, settings), **_verification(run, job, settings)}


def _class(run: Run, job: Job, settings: Settings) -> dict[str, float]:
    """Return the accuracy on the validation pictures."""
    with (run.path / "metrics.csv").open(newline="") as file:
        return {"accuracy": max(float(row["val_class_accuracy"]) for row in csv.DictReader(file))}


SCORERS: dict[str, Callable[[Run, Job, Settings], dict[str, float]]] = {
    "attributes": _attributes,
    "verification": _verification,
    "age": _age,
    "race": _race,
    "class": _class,
    "faces": _faces,
}


def pairs_touched(steps: Path) -> dict[str, float]:
    """Return how many pairs the terms of the relation touch on average, and in which share of the steps the first."""
    if not steps.is_file():
        return {}
    with steps.open(newline="") as file:
        rows = list(csv.DictReader(file))
    positive, negative = (np.array([float(row[f"relation_{side}_pairs"]) for row in rows]) for side in SIDES)
    return {
        "positive_pairs": float(positive.mean()),
        "negative_pairs": float(negative.mean()),
        "positive_on": float((positive > 0).mean()),
        "distance": float(rows[-1]["relation_distance"]),
    }


SIDES = ("positive", "negative")
