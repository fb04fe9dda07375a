"""From features to fitted heads in a run folder like every other."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from wsegs.errors import DataError
from wsegs.features.format import MEAN_FACE, UNREADABLE
from wsegs.features.reader import FeatureStore
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
from wsegs.nets.region_probe import RegionProbe
from wsegs.training.fitting.features import features_path, open_or_build_features
from wsegs.training.fitting.result import Result, mean_average_precision, write_fit
from wsegs.training.fitting.segments import mean_shares, own_regions
from wsegs.training.plan import FitPlan, MirrorPlan, TrainingPlan
from wsegs.training.precision import describe_device
from wsegs.training.recipe import Recipe
from wsegs.training.run_folder import BEST, PENALTIES, check_free
from wsegs.training.runs import add_duration
from wsegs.training.samples.opening import OpenSource, open_planned, planned_rows
from wsegs.training.samples.split import Split
from wsegs.training.weights import load_trunks, seeded_network


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
        The file of features; None is that beside the mask store. It is made where it is not there.
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
    split = planned_rows(plan.main, source)
    path = features or features_path(plan)
    with open_or_build_features(plan, path, jobs=jobs, replace=force and features is None) as read:
        fitting = time.monotonic()
        network = seeded_network(plan)
        assert isinstance(network, RegionProbe)
        load_trunks(network, plan)
        result = _fit(fit, plan, network, source, split, read)
        mean_face = int((read.status == MEAN_FACE).sum())
    info = write_fit(recipe, plan, network, source, result, output, path, force=force)
    add_duration(output, time.monotonic() - began, describe_device("cuda" if torch.cuda.is_available() else "cpu"))
    return {
        "output": str(output),
        "network": plan.network.name,
        "backbone": plan.network.backbone.name if plan.network.backbone else "",
        "features": str(path),
        "feature_count": network.layout.size,
        "images": {"train": len(result.rows.train), "validation": len(result.rows.validation)},
        "mean_face": mean_face,
        **{key: info.provenance[key] for key in ("splits", "leaks") if key in info.provenance},
        "fewer_labels": max(fit.labels, default=0) if max(fit.labels, default=0) > len(result.rows.train) else 0,
        "regions": list(plan.network.regions),
        **result.summary(),
        "seconds": {"features": round(fitting - began, 1), "fit": round(time.monotonic() - fitting, 1)},
        "files": {"best": str(output / BEST), "penalties": str(output / PENALTIES)},
    }


def _fit(
    fit: FitPlan, plan: TrainingPlan, network: RegionProbe, source: OpenSource, split: Split, features: FeatureStore
) -> Result:
    """Choose a penalty by people who were not fitted on, fit, choose thresholds; all goes into the network."""
    task = plan.task("attributes")
    assert task is not None
    rows, held = _rows(fit, plan, source, split, features)
    standardiser = Standardiser.measure(features.matrix(rows), clip=network.clip)
    fitted, validation = (_samples(features, source, part, standardiser) for part in (rows, held))
    own = own_regions(plan)
    factors = None
    if own is not None and fit.prior != 1:
        factors = penalty_factors(own, network.layout.blocks, fit.prior)
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
        copies = _mirrored_samples(features, source, rows, standardiser, network, plan.main.mirror)
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
        shares=mean_shares(network.layout, judged.features, final.weight),
        plain_shares=mean_shares(network.layout, judged.features, plain.weight),
        curve=_label_curve(fit, plan, network, fitted, factors) if len(fit.labels) > 1 else [],
    )


def _rows(
    fit: FitPlan, plan: TrainingPlan, source: OpenSource, split: Split, features: FeatureStore
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows that are fitted on, and those that are held out as a whole.

    With folds, people who would be carved out for validation are fitted on, too: each is held out in a fold.
    """
    carved = split.carved and fit.folds > 0
    labels, read = source.labelled.attributes, features.status != UNREADABLE

    def usable(rows: NDArray[np.intp]) -> NDArray[np.intp]:
        return np.asarray(rows[(labels[rows] >= 0).any(axis=1) & read[rows]])

    rows = usable(np.concatenate([split.train, split.validation]) if carved else split.train)
    held = usable(split.validation[:0] if carved else split.validation)
    if fit.labels:
        order = np.random.default_rng(plan.seed).permutation(len(rows))
        rows = rows[order[: max(fit.labels)]]
    if len(rows) < 2:
        raise DataError(f"{source.name}: expected images with labels to fit on, got {len(rows)} that can be read")
    if not fit.folds and not len(held):
        raise DataError(f"{source.name}: no image with a label to choose the penalty by; --folds 5 needs none")
    return rows, held


def _fold_count(folds: int, identity: NDArray[np.integer[Any]]) -> int:
    """Return how many folds there can be: no more than people, of whom the unknown are all others."""
    people = len(np.unique(identity[identity >= 0])) + int((identity < 0).sum())
    return max(2, min(folds, people))


def _samples(features: FeatureStore, source: OpenSource, rows: NDArray[np.intp], standardiser: Standardiser) -> Samples:
    read = standardiser.standardised(features.matrix(rows))
    return Samples(read, source.labelled.attributes[rows], source.labelled.identity[rows])


def _mirrored_samples(
    features: FeatureStore,
    source: OpenSource,
    rows: NDArray[np.intp],
    standardiser: Standardiser,
    network: RegionProbe,
    mirror: MirrorPlan,
) -> Samples:
    """Return the mirrored images: features and labels of two sides are exchanged."""
    read = features.matrix(rows, mirrored=True)[:, network.layout.with_rows_exchanged(mirror.regions)]
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
    network: RegionProbe,
    samples: Samples,
    factors: NDArray[np.float32] | None,
) -> list[dict[str, float]]:
    """Return the mean average precision by folds at each number of labels: read by region, and of the whole image.

    The rows of a number are the first of the run's own, so each holds those of the smaller ones.
    """
    whole = network.layout.whole_image
    points = []
    for count in sorted({min(count, len(samples.labels)) for count in fit.labels}):
        part = Samples(samples.features[:count], samples.labels[:count], samples.identity[:count])
        folds = person_folds(part.identity, _fold_count(fit.folds or 5, part.identity), plan.seed)
        alone = Samples(np.ascontiguousarray(part.features[:, whole]), part.labels, part.identity)
        row = {"labels": float(count)}
        for name, data, factors_ in (("regions", part, factors), ("whole_image", alone, None)):
            tried = _choose(fit, data, folds, factors_)
            row[name] = mean_average_precision(tried.logits, data.labels)
        points.append(row)
    return points


def _into_network(
    network: RegionProbe, standardiser: Standardiser, fit: LinearFit, thresholds: NDArray[np.float32]
) -> None:
    head = network.heads["attributes"]
    with torch.no_grad():
        network.mean.copy_(torch.from_numpy(standardiser.mean))
        network.scale.copy_(torch.from_numpy(standardiser.scale))
        head.weight.copy_(torch.from_numpy(np.ascontiguousarray(fit.weight.T)))  # type: ignore[operator]
        head.bias.copy_(torch.from_numpy(fit.bias))  # type: ignore[operator]
        network.thresholds.copy_(torch.from_numpy(thresholds))
