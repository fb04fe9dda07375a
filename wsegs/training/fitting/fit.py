"""From features to fitted heads in a run folder like every other."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from wsegs.errors import DataError
from wsegs.features.format import MEAN_FACE, UNREADABLE
from wsegs.heads.axes import PrincipalAxes
from wsegs.heads.choose import PenaltyChoice, choose_penalty
from wsegs.heads.fit import LinearFit, fit_linear
from wsegs.heads.folds import hold_out, person_folds
from wsegs.heads.regions import penalty_factors
from wsegs.heads.standardise import Standardiser
from wsegs.heads.svm import fit_at
from wsegs.heads.thresholds import choose_thresholds
from wsegs.io.lock import locks_output
from wsegs.io.sides import exchanged
from wsegs.nets.layers.feature_layout import FeatureLayout
from wsegs.nets.layers.heads import Heads
from wsegs.nets.layers.linear_on_regions import LinearOnRegions
from wsegs.training.fitting.feature_files import ImageFeatures, features_path, open_or_build_features
from wsegs.training.fitting.reading import layout_of, load_network
from wsegs.training.fitting.result import Result, mean_scores_of, write_fit
from wsegs.training.fitting.segments import mean_shares, own_regions
from wsegs.training.plan import FitPlan, MirrorPlan, TrainingPlan
from wsegs.training.precision import describe_device
from wsegs.training.recipe import Recipe
from wsegs.training.run_folder import BEST, PENALTIES, check_free
from wsegs.training.runs import add_duration
from wsegs.training.samples.opening import OpenSource, open_planned, rows_of_plan
from wsegs.training.samples.split import Split


@dataclass(frozen=True, eq=False)
class Samples:
    """What heads are fitted on.

    Attributes
    ----------
    features
        float32 (N, F), standardised.
    labels
        int8 (N, A).
    identity
        int (N,); -1 unknown.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.int8]
    identity: NDArray[np.integer[Any]]


@locks_output()
def fit_probe(
    recipe: Recipe,
    plan: TrainingPlan,
    output: Path,
    *,
    features: Path | None = None,
    jobs: int = -1,
    force: bool = False,
) -> dict[str, Any]:
    """Fit linear heads on the features of a plan's frozen network.

    Parameters
    ----------
    recipe, plan
        With a ``fit``.
    output
        The run folder: ``recipe.yaml``, ``plan.json``, ``run.json``, ``training_images.csv``, ``best.ckpt``,
        ``last.ckpt``, ``penalties.csv``, ``region_shares.csv`` and, for several numbers of labels, ``label_curve.csv``.
    features
        The file of features; None is that beside the mask store. It is made where it is not there: of all images, or
        of those alone that are fitted on or held out, if they are less than half of them.
    jobs
        Processes that read features; -1 is one a core.
    force
        Overwrite a run; and the default file of features where it has those of something else.

    Returns
    -------
    A JSON-able summary: images, penalty, scores by folds or on the validation images, skipped attributes, seconds.

    Raises
    ------
    OutputExistsError, OptionError, DataError, MissingError
        Before anything is fitted, or where there is nothing to fit.
    """
    fit = plan.fit
    assert fit is not None
    check_free(output, force=force)
    began = time.monotonic()
    source = open_planned(plan.main, plan.network.size)
    split = rows_of_plan(plan.main, source)
    needed = _needed_rows(plan, source, split)
    path = features or features_path(plan, needed)
    with open_or_build_features(plan, path, rows=needed, jobs=jobs, replace=force and features is None) as read:
        fitting = time.monotonic()
        network, _ = load_network(plan, None)
        images = ImageFeatures(read, read.rows_of(source.labelled.images))
        result = fit_features(fit, plan, network, source, split, images)
        mean_face = int((read.status == MEAN_FACE).sum())
    info = write_fit(recipe, plan, network, source, result, output, path, force=force)
    add_duration(output, time.monotonic() - began, describe_device("cuda" if torch.cuda.is_available() else "cpu"))
    return {
        "output": str(output),
        "network": plan.network.name,
        "backbone": plan.network.backbone.name if plan.network.backbone else "",
        "features": str(path),
        "feature_count": layout_of(network).size,
        "images": {"train": len(result.rows.train), "validation": len(result.rows.validation)},
        "mean_face": mean_face,
        **{key: info.provenance[key] for key in ("splits", "leaks") if key in info.provenance},
        "fewer_labels": max(fit.labels, default=0) if max(fit.labels, default=0) > len(result.rows.train) else 0,
        "regions": list(plan.network.regions),
        **result.summary(),
        "seconds": {"features": round(fitting - began, 1), "fit": round(time.monotonic() - fitting, 1)},
        "files": {"best": str(output / BEST), "penalties": str(output / PENALTIES)},
    }


def fit_features(
    fit: FitPlan, plan: TrainingPlan, network: nn.Module, source: OpenSource, split: Split, features: ImageFeatures
) -> Result:
    """Choose a penalty by people who were not fitted on, fit, choose thresholds; all goes into the network.

    Parameters
    ----------
    fit, plan
        How heads are fitted, and the training.
    network
        The one that said the features; its heads for attributes are replaced.
    source, split
        The images and their labels, and the rows to fit on and to hold out as a whole.
    features
        Of all of the source's images.

    Raises
    ------
    DataError
        If there is nothing to fit on, or nothing to choose a penalty by.
    """
    task = plan.task("attributes")
    assert task is not None
    layout = layout_of(network)
    rows, held = (part[features.status[part] != UNREADABLE] for part in _rows(fit, plan, source, split))
    _check_rows(fit, source, rows, held)
    clip = network.clip if isinstance(network, LinearOnRegions) else np.inf
    standardiser = Standardiser.measure(features.matrix(rows), clip=clip)
    fitted, validation = (_samples(features, source, part, standardiser) for part in (rows, held))
    own = own_regions(plan)
    factors = None
    if own is not None and fit.prior != 1:
        factors = penalty_factors(own, layout.blocks, fit.prior)
    axes = PrincipalAxes.measure(fitted.features)

    count = fit.folds and _fold_count(fit.folds, fitted.identity)
    if count:
        tried, folds = fitted, person_folds(fitted.identity, count, plan.seed)
    else:
        tried, folds = _joined(fitted, validation), hold_out(np.arange(len(rows) + len(held)) >= len(rows))
    choice = _choose(fit, tried, folds, factors, axes)
    thresholds = np.zeros(len(task.outputs), np.float32)
    if fit.thresholds != "none":
        least_gain = 0.5 * len(tried.labels) ** 0.5  # a gain that chance may well bring moves none
        thresholds = choose_thresholds(choice.logits, tried.labels, fit.thresholds, least_gain)
    all_fitted = fitted
    if fit.mirrored_copies:
        copies = _mirrored_samples(features, source, rows, standardiser, layout, plan.main.mirror)
        all_fitted = _joined(fitted, copies)
    final = _fit_heads(fit, all_fitted, choice, factors, axes)
    _into_network(network, standardiser, final, thresholds)

    # What the prior does is told by a fit without.
    plain = final if factors is None else _fit_heads(fit, all_fitted, choice, None, axes)
    judged = validation if len(held) else fitted
    return Result(
        rows=Split(rows, held, split.carved),
        names=task.outputs,
        choice=choice,
        fit=final,
        held_out_labels=tried.labels,
        thresholds=thresholds,
        validation=(validation.features @ final.weight + final.bias, validation.labels) if len(held) else None,
        folds=count,
        prior=None if own is None else fit.prior,
        own=own,
        layout=layout,
        shares=mean_shares(layout, judged.features, final.weight),
        plain_shares=mean_shares(layout, judged.features, plain.weight),
        curve=_label_curve(fit, plan, layout, fitted, factors) if len(fit.labels) > 1 else [],
    )


def default_features(plan: TrainingPlan) -> Path:
    """Return the file of features that a fit makes or takes where nobody names one."""
    source = open_planned(plan.main, plan.network.size)
    return features_path(plan, _needed_rows(plan, source, rows_of_plan(plan.main, source)))


def _needed_rows(plan: TrainingPlan, source: OpenSource, split: Split) -> NDArray[np.intp] | None:
    """Return the rows whose features a fit needs, ascending; None for all, if it needs half of them."""
    assert plan.fit is not None
    needed = np.sort(np.concatenate(_rows(plan.fit, plan, source, split)))
    return needed if 2 * len(needed) < len(source.labelled.images) else None


def _rows(
    fit: FitPlan, plan: TrainingPlan, source: OpenSource, split: Split
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows that are fitted on, and those that are held out as a whole; some images may be unreadable.

    With folds, people who would be carved out for validation are fitted on, too: each is held out in a fold.
    """
    carved = split.carved and fit.folds > 0
    labels = source.labelled.attributes

    def labelled(rows: NDArray[np.intp]) -> NDArray[np.intp]:
        return np.asarray(rows[(labels[rows] >= 0).any(axis=1)])

    rows = labelled(np.concatenate([split.train, split.validation]) if carved else split.train)
    held = labelled(split.validation[:0] if carved else split.validation)
    if fit.labels:
        order = np.random.default_rng(plan.seed).permutation(len(rows))
        rows = rows[order[: max(fit.labels)]]
    return rows, held


def _check_rows(fit: FitPlan, source: OpenSource, rows: NDArray[np.intp], held: NDArray[np.intp]) -> None:
    """Raise DataError unless there is something to fit on, and to choose the penalty by."""
    if len(rows) < 2:
        raise DataError(f"{source.name}: expected images with labels to fit on, got {len(rows)} that can be read")
    if not fit.folds and not len(held):
        raise DataError(f"{source.name}: no image with a label to choose the penalty by; --folds 5 needs none")


def _fold_count(folds: int, identity: NDArray[np.integer[Any]]) -> int:
    """Return how many folds there can be: no more than people, of whom the unknown are all others."""
    people = len(np.unique(identity[identity >= 0])) + int((identity < 0).sum())
    return max(2, min(folds, people))


def _samples(
    features: ImageFeatures, source: OpenSource, rows: NDArray[np.intp], standardiser: Standardiser
) -> Samples:
    read = standardiser.standardised(features.matrix(rows))
    return Samples(read, source.labelled.attributes[rows], source.labelled.identity[rows])


def _mirrored_samples(
    features: ImageFeatures,
    source: OpenSource,
    rows: NDArray[np.intp],
    standardiser: Standardiser,
    layout: FeatureLayout,
    mirror: MirrorPlan,
) -> Samples:
    """Return the mirrored images: features and labels of two sides are exchanged."""
    read = features.matrix(rows, mirrored=True)[:, layout.with_rows_exchanged(mirror.regions)]
    labels = source.labelled.attributes[rows]
    labels = labels[:, exchanged(labels.shape[1], mirror.attributes)]
    return Samples(standardiser.standardised(read), labels, source.labelled.identity[rows])


def _joined(first: Samples, second: Samples) -> Samples:
    return Samples(
        np.concatenate([first.features, second.features]),
        np.concatenate([first.labels, second.labels]),
        np.concatenate([first.identity, second.identity]),
    )


def _choose(
    fit: FitPlan,
    samples: Samples,
    folds: NDArray[np.intp],
    factors: NDArray[np.float32] | None,
    axes: PrincipalAxes | None = None,
) -> PenaltyChoice:
    return choose_penalty(
        samples.features,
        samples.labels,
        folds,
        penalties=fit.penalties,
        criterion=fit.criterion,
        each=fit.each,
        loss="hinge" if fit.loss == "svm" else fit.loss,
        factors=factors,
        balance=fit.balance,
        axes=axes,
    )


def _fit_heads(
    fit: FitPlan,
    samples: Samples,
    choice: PenaltyChoice,
    factors: NDArray[np.float32] | None,
    axes: PrincipalAxes,
) -> LinearFit:
    if fit.loss == "svm":
        return fit_at(samples.features, samples.labels, choice.penalty, balance=fit.balance)
    return fit_linear(
        samples.features,
        samples.labels,
        penalty=choice.penalty,
        loss=fit.loss,
        factors=factors,
        balance=fit.balance,
        start=choice.start,
        axes=axes,
    )


def _label_curve(
    fit: FitPlan,
    plan: TrainingPlan,
    layout: FeatureLayout,
    samples: Samples,
    factors: NDArray[np.float32] | None,
) -> list[dict[str, float]]:
    """Return mean average precision and accuracy by folds at each number of labels: by region, and of the whole image.

    The rows of a number are the first of the run's own, so each holds those of the smaller ones.
    """
    whole = layout.whole_image
    points = []
    for count in sorted({min(count, len(samples.labels)) for count in fit.labels}):
        part = Samples(samples.features[:count], samples.labels[:count], samples.identity[:count])
        folds = person_folds(part.identity, _fold_count(fit.folds or 5, part.identity), plan.seed)
        alone = Samples(np.ascontiguousarray(part.features[:, whole]), part.labels, part.identity)
        row = {"labels": float(count)}
        for name, data, factors_ in (("regions", part, factors), ("whole_image", alone, None)):
            tried = _choose(fit, data, folds, factors_)
            row[name], row[f"{name}_accuracy"] = mean_scores_of(tried.logits, data.labels)
        points.append(row)
    return points


def _into_network(
    network: nn.Module, standardiser: Standardiser, fit: LinearFit, thresholds: NDArray[np.float32]
) -> None:
    """Put what was fitted into a network.

    One that standardises its features keeps means, deviations and thresholds beside the weights. In another they are
    part of weights and biases: nothing was clipped, so all of it is linear.
    """
    heads = network.heads
    assert isinstance(heads, Heads)
    weight, bias = fit.weight, fit.bias
    with torch.no_grad():
        if isinstance(network, LinearOnRegions):
            network.mean.copy_(torch.from_numpy(standardiser.mean))
            network.scale.copy_(torch.from_numpy(standardiser.scale))
            network.thresholds.copy_(torch.from_numpy(thresholds))
        else:
            weight = weight / standardiser.scale[:, None]
            bias = bias - standardiser.mean @ weight - thresholds
        head = heads["attributes"]
        head.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight.T)))  # type: ignore[operator]
        head.bias.copy_(torch.from_numpy(bias))  # type: ignore[operator]
