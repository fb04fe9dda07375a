"""Fit linear heads on what a network says of several views of a face, in a run folder like every other."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from wsegs.errors import DataError, OptionError
from wsegs.heads.choose import PenaltyChoice, choose_penalty
from wsegs.heads.fit import LinearFit, fit_linear
from wsegs.heads.folds import hold_out, person_folds
from wsegs.heads.standardise import Standardiser
from wsegs.heads.svm import fit_at
from wsegs.heads.thresholds import choose_thresholds
from wsegs.io.files import atomic_write, write_table
from wsegs.io.lock import locks_output
from wsegs.nets.anet import ANetViews
from wsegs.nets.images import normalise
from wsegs.tasks.batch import SampleFields
from wsegs.tasks.scores import mean_scores, score_attributes
from wsegs.training.fitting.lnets import LNets, describe_lnets, keep_lnets
from wsegs.training.fitting.reading import read_images
from wsegs.training.plan import FitPlan, TrainingPlan
from wsegs.training.precision import describe_device
from wsegs.training.recipe import Recipe
from wsegs.training.run_folder import BEST, LAST, PENALTIES, check_free
from wsegs.training.runs import RunInfo, add_duration, create_run, describe_run
from wsegs.training.samples.loaders import open_source
from wsegs.training.samples.opening import OpenSource
from wsegs.training.samples.record import Recorded
from wsegs.training.samples.sources import SampleSource
from wsegs.training.samples.split import Split
from wsegs.training.weights import describe_weights, load_trunks, seeded_network

_BATCH = 64


@dataclass(frozen=True, eq=False)
class _Fitted:
    """Heads, how their penalty was chosen, and what they say of images that they were not fitted on."""

    choice: PenaltyChoice
    fit: LinearFit
    thresholds: NDArray[np.float32]
    folds: int
    logits: NDArray[np.float32]
    labels: NDArray[np.int8]


@locks_output()
def fit_views(
    recipe: Recipe, plan: TrainingPlan, output: Path, *, lnets: LNets | None = None, force: bool = False
) -> dict[str, Any]:
    """Fit linear heads on the features that a plan's network has of several views of each face.

    Parameters
    ----------
    recipe, plan
        With a ``fit``, and a network ``anet-views``.
    output
        The run folder: ``recipe.yaml``, ``plan.json``, ``run.json``, ``training_images.csv``, ``best.ckpt``,
        ``last.ckpt`` and ``penalties.csv``. What was fitted is part of the weights: arrays and nothing else.
    lnets
        To keep in the run, ``lnets.npz``, so that it finds the faces of new pictures itself; None keeps none.
    force
        Overwrite a run.

    Returns
    -------
    A JSON-able summary: images, penalties, scores of images that were not fitted on, skipped attributes, seconds.

    Raises
    ------
    OutputExistsError, OptionError, DataError, MissingError
        Before anything is fitted, or where there is nothing to fit.
    """
    fit, task = plan.fit, plan.task("attributes")
    assert fit is not None
    assert task is not None
    if fit.mirrored_copies or len(fit.labels) > 1:
        field = "mirrored_copies" if fit.mirrored_copies else "labels"
        raise OptionError(f"fit: {field}: no mirrored copies and one number of labels for '{plan.network.name}'")
    check_free(output, force=force)
    began = time.monotonic()
    network = seeded_network(plan)
    assert isinstance(network, ANetViews)
    load_trunks(network, plan)
    opened, split, source = open_source(plan.main, plan.network.size)
    rows, held = _rows(fit, plan, opened, split)
    features, read = read_features(network, source, np.concatenate([rows, held]))
    rows, held = rows[read[: len(rows)]], held[read[len(rows) :]]
    if len(rows) < 2:
        raise DataError(f"{opened.name}: expected images with labels to fit on, got {len(rows)} that can be read")

    fitting = time.monotonic()
    standardiser = Standardiser.measure(features[: len(rows)], clip=network.clip)
    fitted = _fit(fit, plan, standardiser.standardised(features), opened, rows, held)
    _into_network(network, standardiser, fitted)
    summary = _summary(fit, task.outputs, fitted, len(held))
    info = _write(recipe, plan, network, opened, Split(rows, held, split.carved), summary, output, lnets, force=force)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    add_duration(output, time.monotonic() - began, describe_device(device))
    return {
        "output": str(output),
        "network": plan.network.name,
        "views": network.views,
        "feature_count": features.shape[1],
        "images": {"train": len(rows), "validation": len(held)},
        "people": len(np.unique(opened.labelled.identity[rows])),
        "unreadable": int((~read).sum()),
        "finds_faces": lnets is not None,
        **{key: info.provenance[key] for key in ("splits", "leaks") if key in info.provenance},
        **summary,
        "seconds": {"features": round(fitting - began, 1), "fit": round(time.monotonic() - fitting, 1)},
        "files": {"best": str(output / BEST), "penalties": str(output / PENALTIES)},
    }


def read_features(
    network: ANetViews, source: SampleSource, rows: NDArray[np.intp]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the features of some rows, float32 (n, F), and which of the rows could be read, bool (N,)."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network.eval().to(device)
    found, read = [], np.zeros(len(rows), bool)
    usable = np.ones(len(source), bool)
    with tqdm(total=len(rows), unit="image", desc="features", disable=None) as bar, torch.inference_mode():
        for first in range(0, len(rows), _BATCH):
            images = read_images(source, SampleFields(), rows[first : first + _BATCH], usable)
            read[first : first + _BATCH] = images.read
            if images.batch is not None:
                found.append(network.read(normalise(images.batch.images.to(device))).float().cpu().numpy())
            bar.update(len(images.read))
    network.to("cpu")
    width = len(network.mean)
    return np.concatenate(found) if found else np.zeros((0, width), np.float32), read


def _rows(
    fit: FitPlan, plan: TrainingPlan, opened: OpenSource, split: Split
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows that are fitted on, and those that are held out as a whole.

    With folds, people who would be carved out for validation are fitted on, too: each is held out in a fold.
    """
    labels = opened.labelled.attributes
    carved = split.carved and fit.folds > 0
    rows = np.concatenate([split.train, split.validation]) if carved else split.train
    held = split.validation[:0] if carved else split.validation
    rows, held = (some[(labels[some] >= 0).any(axis=1)] for some in (rows, held))
    if fit.labels:
        rows = rows[np.random.default_rng(plan.seed).permutation(len(rows))[: fit.labels[0]]]
    if not fit.folds and not len(held):
        raise DataError(f"{opened.name}: no image with a label to choose the penalty by; --folds 5 needs none")
    return rows, held


def _fit(
    fit: FitPlan,
    plan: TrainingPlan,
    features: NDArray[np.float32],
    opened: OpenSource,
    rows: NDArray[np.intp],
    held: NDArray[np.intp],
) -> _Fitted:
    """Choose penalties and thresholds by people who were not fitted on, and fit on all of ``rows``."""
    labels, identity = opened.labelled.attributes, opened.labelled.identity
    both, fitted = np.concatenate([rows, held]), np.arange(len(rows) + len(held)) < len(rows)
    people = len(np.unique(identity[rows][identity[rows] >= 0])) + int((identity[rows] < 0).sum())
    count = min(fit.folds, people)
    if fit.folds and people < 2:
        raise DataError(f"{opened.name}: expected images of two people or more to choose C by, got {people}")
    if count:
        tried = np.flatnonzero(fitted)
        folds = person_folds(identity[rows], count, plan.seed)
    else:
        tried, folds = np.arange(len(both)), hold_out(~fitted)
    choice = choose_penalty(
        features[tried],
        labels[both[tried]],
        folds,
        penalties=fit.penalties,
        criterion=fit.criterion,
        each=fit.each,
        loss="hinge" if fit.loss == "svm" else fit.loss,
        balance=fit.balance,
    )
    thresholds = np.zeros(labels.shape[1], np.float32)
    if fit.thresholds != "none":
        least_gain = 0.5 * len(tried) ** 0.5  # a gain that chance may well bring moves none
        thresholds = choose_thresholds(choice.logits, labels[both[tried]], fit.thresholds, least_gain)
    own, own_labels = features[: len(rows)], labels[rows]
    if fit.loss == "svm":
        heads = fit_at(own, own_labels, choice.penalty, balance=fit.balance)
    else:
        heads = fit_linear(
            own, own_labels, penalty=choice.penalty, loss=fit.loss, balance=fit.balance, start=choice.start
        )
    if not len(held):
        return _Fitted(choice, heads, thresholds, count, choice.logits, own_labels)
    logits = features[len(rows) :] @ heads.weight + heads.bias
    return _Fitted(choice, heads, thresholds, count, logits, labels[held])


def _into_network(network: ANetViews, standardiser: Standardiser, fitted: _Fitted) -> None:
    head = network.heads["attributes"]
    with torch.no_grad():
        network.mean.copy_(torch.from_numpy(standardiser.mean))
        network.scale.copy_(torch.from_numpy(standardiser.scale))
        head.weight.copy_(torch.from_numpy(np.ascontiguousarray(fitted.fit.weight.T)))  # type: ignore[operator]
        head.bias.copy_(torch.from_numpy(fitted.fit.bias))  # type: ignore[operator]
        network.thresholds.copy_(torch.from_numpy(fitted.thresholds))


def _summary(fit: FitPlan, names: tuple[str, ...], fitted: _Fitted, held: int) -> dict[str, Any]:
    known = np.where(np.isnan(fitted.logits), np.int8(-1), fitted.labels)
    logits = np.nan_to_num(fitted.logits) - fitted.thresholds
    means = mean_scores(score_attributes(names, torch.from_numpy(logits), torch.from_numpy(known)))
    wanted = ("accuracy", "average_precision", "balanced_accuracy", "majority_rate")
    chosen_by = f"{fitted.folds} folds of people" if fitted.folds else "the validation images"
    return {
        "loss": fit.loss,
        "penalty": {name: float(value) for name, value in zip(names, fitted.choice.penalty, strict=True)},
        "penalties": fitted.choice.table(),
        "chosen_by": chosen_by,
        "scores": {name: None if np.isnan(means[name]) else means[name] for name in wanted},
        "measured_on": f"on {held} validation images" if held else f"by {chosen_by}",
        "skipped": [name for name, known in zip(names, fitted.fit.fitted, strict=True) if not known],
        "not_converged": [name for name, well in zip(names, fitted.fit.converged, strict=True) if not well],
    }


def _write(
    recipe: Recipe,
    plan: TrainingPlan,
    network: ANetViews,
    opened: OpenSource,
    rows: Split,
    summary: dict[str, Any],
    output: Path,
    lnets: LNets | None,
    *,
    force: bool,
) -> RunInfo:
    about = {key: summary[key] for key in ("loss", "penalty", "chosen_by", "scores", "measured_on", "skipped")}
    finding = {} if lnets is None else describe_lnets(lnets)
    info = describe_run(plan, opened, rows, **describe_weights(plan), fit=about, **finding)
    create_run(output, recipe, plan, info, [Recorded(opened, rows)], force=force)
    if lnets is not None:
        keep_lnets(lnets, output)
    table = summary["penalties"]
    write_table(output / PENALTIES, list(table[0]), ([row[key] for key in table[0]] for row in table))
    weights = {f"network.{name}": value for name, value in network.state_dict().items()}
    for name in (BEST, LAST):
        with atomic_write(output / name) as temporary:
            torch.save({"state_dict": weights, "global_step": 0}, temporary)
    return info
