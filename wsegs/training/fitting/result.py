"""What a fit found, as a summary and as the files of its run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from wsegs.heads.choose import PenaltyChoice
from wsegs.heads.fit import LinearFit
from wsegs.io.files import atomic_write, write_table
from wsegs.nets.layers.feature_layout import FeatureLayout
from wsegs.tasks.scores import mean_scores, score_attributes
from wsegs.training.plan import TrainingPlan
from wsegs.training.recipe import Recipe
from wsegs.training.regions import build_regions
from wsegs.training.run_folder import BEST, LABEL_CURVE, LAST, PENALTIES, REGION_SHARES
from wsegs.training.runs import RunInfo, create_run, describe_run
from wsegs.training.samples.opening import OpenSource
from wsegs.training.samples.record import Recorded
from wsegs.training.samples.split import Split
from wsegs.training.weights import describe_weights


@dataclass(frozen=True, eq=False)
class Result:
    """A fit of A attributes.

    Attributes
    ----------
    rows
        Rows that were fitted on, and that were held out as a whole.
    names
        Of the attributes.
    choice, fit
        The penalties that were tried, and the fit at the one that was taken.
    held_out_labels
        int8 (N, A), of the rows of ``choice.logits``.
    thresholds
        float32 (A,), in logits.
    validation
        Logits and labels (M, A) of the rows held out as a whole; None where there are none.
    folds
        By how many the penalty was chosen; 0 is by the validation images.
    prior
        The factor of the prior; None where regions belong to no attribute.
    own
        bool (R + 1, A); see :func:`wsegs.training.fitting.segments.own_regions`.
    layout
        Of the features.
    shares, plain_shares
        (A, R + 1), with the prior and without; see :func:`wsegs.training.fitting.segments.mean_shares`.
    curve
        Scores by number of labels; empty for one number.
    """

    rows: Split
    names: tuple[str, ...]
    choice: PenaltyChoice
    fit: LinearFit
    held_out_labels: NDArray[np.int8]
    thresholds: NDArray[np.float32]
    validation: tuple[NDArray[np.float32], NDArray[np.int8]] | None
    folds: int
    prior: float | None
    own: NDArray[np.bool_] | None
    layout: FeatureLayout
    shares: NDArray[np.float64]
    plain_shares: NDArray[np.float64]
    curve: list[dict[str, float]]

    def summary(self) -> dict[str, Any]:
        """Return what is worth knowing, as JSON holds it."""
        _, labels, by_folds = self._judged()
        chosen_by = f"{self.folds} folds of people" if self.folds else "the validation images"
        own = None if self.own is None else float((self.shares * self.own.T).sum(axis=1).mean())
        return {
            "penalty": {name: float(value) for name, value in zip(self.names, self.choice.penalty, strict=True)},
            "penalties": self.choice.table(),
            "chosen_by": chosen_by,
            "prior": self.prior,
            "scores": self.scores_of(self.names),
            "measured_on": f"by {chosen_by}" if by_folds else f"on {len(labels)} validation images",
            "skipped": [name for name, fitted in zip(self.names, self.fit.fitted, strict=True) if not fitted],
            "not_converged": [name for name, well in zip(self.names, self.fit.converged, strict=True) if not well],
            "share_in_own_regions": own,
            "label_curve": self.curve,
        }

    def scores_of(self, names: Sequence[str]) -> dict[str, float | None]:
        """Return the mean scores of some attributes on images that the fit has not seen; None where undefined."""
        logits, labels, _ = self._judged()
        columns = [self.names.index(name) for name in names]
        return _scores(names, (logits - self.thresholds)[:, columns], labels[:, columns])

    def _judged(self) -> tuple[NDArray[np.float32], NDArray[np.int8], bool]:
        """Return logits and labels of images that were held out, and whether that was in folds."""
        if self.validation is None or not len(self.validation[1]):
            return self.choice.logits, self.held_out_labels, True
        return (*self.validation, False)


def mean_scores_of(logits: NDArray[np.float32], labels: NDArray[np.int8]) -> tuple[float, float]:
    """Return mean average precision and accuracy over the attributes that have one, of logits (N, A); nan is none."""
    means = _scores([str(a) for a in range(labels.shape[1])], logits, labels)
    precision, accuracy = means["average_precision"], means["accuracy"]
    return (float("nan") if precision is None else precision, float("nan") if accuracy is None else accuracy)


def _scores(names: Any, logits: NDArray[np.float32], labels: NDArray[np.int8]) -> dict[str, float | None]:
    known = np.where(np.isnan(logits), np.int8(-1), labels)
    scores = score_attributes(names, torch.from_numpy(np.nan_to_num(logits)), torch.from_numpy(known))
    means = mean_scores(scores)
    wanted = ("accuracy", "average_precision", "balanced_accuracy", "majority_rate")
    return {name: None if np.isnan(means[name]) else means[name] for name in wanted}


def write_fit(
    recipe: Recipe,
    plan: TrainingPlan,
    network: nn.Module,
    source: OpenSource,
    result: Result,
    output: Path,
    features: Path,
    *,
    force: bool,
) -> RunInfo:
    """Write the run folder of a fit, and return what it says of its data.

    Raises
    ------
    OutputExistsError
        If there is a run and ``force`` is false, or another folder that is not a run.
    """
    about = {"features": str(features.absolute()), "fit": described(result)}
    info = describe_run(plan, source, result.rows, **describe_weights(plan), **about)
    create_run(output, recipe, plan, info, [Recorded(source, result.rows)], force=force)
    write_tables(result, output)
    regions, _ = build_regions(plan, network)
    weights = {f"network.{name}": value for name, value in network.state_dict().items()}
    if regions is not None:
        weights |= {f"regions.{name}": value for name, value in regions.state_dict().items()}
    for name in (BEST, LAST):
        with atomic_write(output / name) as temporary:
            torch.save({"state_dict": weights, "global_step": 0}, temporary)
    return info


def described(result: Result) -> dict[str, Any]:
    """Return what the provenance of a run says of a fit."""
    summary = result.summary()
    return {key: summary[key] for key in ("penalty", "chosen_by", "prior", "scores", "measured_on", "skipped")}


def write_tables(result: Result, output: Path) -> None:
    """Write penalties, the curve against the number of labels, and the shares of regions, where there are some."""
    table = result.choice.table()
    write_table(output / PENALTIES, list(table[0]), ([row[key] for key in table[0]] for row in table))
    if result.curve:
        write_table(output / LABEL_CURVE, list(result.curve[0]), (list(row.values()) for row in result.curve))
    if result.layout.region_names:
        _write_shares(output / REGION_SHARES, result)


def _write_shares(file: Path, result: Result) -> None:
    rows = result.layout.rows
    own = np.zeros((len(rows), len(result.names)), bool) if result.own is None else result.own
    columns = ["attribute", "own_share", "own_share_without_prior", "own_regions", *(f"share: {row}" for row in rows)]

    def line(a: int) -> list[Any]:
        names = " ".join(row for row, is_own in zip(rows, own[:, a], strict=True) if is_own)
        in_own = [float(shares[a] @ own[:, a]) for shares in (result.shares, result.plain_shares)]
        numbers = [f"{value:.5f}" for value in (*in_own, *result.shares[a])]
        return [result.names[a], *numbers[:2], names, *numbers[2:]]

    write_table(file, columns, (line(a) for a in range(len(result.names))))
