"""Choose how strongly weights are penalised, by images that a fit has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from wsegs.errors import DataError, OptionError
from wsegs.heads.axes import PrincipalAxes
from wsegs.heads.checks import check_labels, check_matrix, row_blocks
from wsegs.heads.fit import Balance, LinearFit, LossName, check_penalties, fit_linear, label_costs
from wsegs.heads.folds import NO_FOLD
from wsegs.heads.losses import LOSSES
from wsegs.tasks.scores import score_attribute

Criterion = Literal["log_loss", "average_precision"]
CRITERIA = ("log_loss", "average_precision")


@dataclass(frozen=True, eq=False)
class PenaltyChoice:
    """Penalties that were tried, and those that were best on images held out.

    Attributes
    ----------
    penalties
        float64 (P,), the strongest first.
    losses, average_precisions
        float64 (P, A), on images held out, of all folds together; nan for attributes whose labels there are all alike.
        The loss is that of the fits: log loss, or the squared hinge; balanced where they are.
    chosen
        int (A,): which penalty is taken for each attribute.
    logits
        float32 (N, A) at the penalties taken, each row by the fit that did not see it; nan where no fold held it out.
    start
        Weight (F, A) and bias (A,): the mean of the folds' fits at the penalties taken, where a fit on all rows starts.
    converged
        bool (P, A): whether the fits of all folds converged.
    """

    penalties: NDArray[np.float64]
    losses: NDArray[np.float64]
    average_precisions: NDArray[np.float64]
    chosen: NDArray[np.intp]
    logits: NDArray[np.float32]
    start: tuple[NDArray[np.float32], NDArray[np.float32]]
    converged: NDArray[np.bool_]

    @property
    def penalty(self) -> NDArray[np.float64]:
        """The penalty taken for each attribute, (A,)."""
        return self.penalties[self.chosen]

    def table(self) -> list[dict[str, Any]]:
        """Return a row for each penalty: means over the attributes that have scores, and for how many it is taken."""
        return [
            {
                "penalty": float(penalty),
                "loss": float(np.nanmean(self.losses[p])),
                "average_precision": float(np.nanmean(self.average_precisions[p])),
                "attributes": int((self.chosen == p).sum()),
            }
            for p, penalty in enumerate(self.penalties)
        ]


def choose_penalty(
    features: NDArray[np.float32],
    labels: NDArray[np.int8],
    folds: NDArray[np.integer[Any]],
    *,
    penalties: Sequence[float],
    criterion: Criterion = "log_loss",
    each: bool = False,
    loss: LossName = "logistic",
    factors: NDArray[np.floating[Any]] | None = None,
    balance: Balance = "none",
    axes: PrincipalAxes | None = None,
    tolerance: float = 1e-6,
    max_iterations: int = 200,
) -> PenaltyChoice:
    """Fit a path of penalties without each fold in turn, and take the penalty that is best on the images held out.

    The fits of all folds are one: a fold is a further column of each attribute, in which the labels that it holds out
    are unknown. So the features are copied for no fold.

    Parameters
    ----------
    features, labels, loss, factors, balance, axes, tolerance, max_iterations
        See :func:`wsegs.heads.fit.fit_linear`.
    folds
        int (N,): which fold, from 0, holds a row out; -1 is none. See :func:`wsegs.heads.folds.person_folds` and
        :func:`wsegs.heads.folds.hold_out`.
    penalties
        To try, in any order. Among equals the strongest is taken.
    criterion
        ``log_loss``: least mean loss over the attributes, that of the fits; ``average_precision``: largest mean.
    each
        Take a penalty for each attribute by its own score, in place of one for all.

    Raises
    ------
    DataError, OptionError
        See :func:`wsegs.heads.fit.fit_linear`; or if no attribute has present and absent labels held out.
    """
    check_matrix(features)
    check_labels(labels, (len(features), -1))
    if criterion not in CRITERIA:
        raise OptionError(f"criterion: expected {' or '.join(CRITERIA)}, got {criterion!r}")
    if not len(penalties):
        raise OptionError("penalties: expected one or more, got none")
    if folds.shape != (len(features),) or folds.max(initial=NO_FOLD) == NO_FOLD or folds.min() < NO_FOLD:
        raise DataError(f"folds: expected a number from 0 for some of {len(features)} rows, -1 for the others")
    path = np.unique(check_penalties(list(penalties), len(penalties)))[::-1]
    count, times = labels.shape[1], int(folds.max()) + 1
    columns = np.tile(labels, times)
    for fold in range(times):
        columns[folds == fold, fold * count : (fold + 1) * count] = -1
    seen = np.where((folds != NO_FOLD)[:, None], labels, np.int8(-1))
    axes = axes or PrincipalAxes.measure(features)
    fit: LinearFit | None = None
    logits, scores, starts, converged = [], [], [], []
    for penalty in path:
        fit = fit_linear(
            features,
            columns,
            penalty=penalty,
            loss=loss,
            factors=None if factors is None else np.tile(factors, times),
            balance=balance,
            start=None if fit is None else (fit.weight, fit.bias),
            axes=axes,
            tolerance=tolerance,
            max_iterations=max_iterations,
        )
        logits.append(_held_out_logits(features, folds, fit, times))
        scores.append(_scores(logits[-1], seen, loss, balance))
        starts.append((fit.weight.reshape(-1, times, count).mean(axis=1), fit.bias.reshape(times, count).mean(axis=0)))
        converged.append(fit.converged.reshape(times, count).all(axis=0))
    losses, precisions = (np.stack(values) for values in zip(*scores, strict=True))
    chosen = _best(losses if criterion == "log_loss" else -precisions, each)
    here = np.arange(count)
    return PenaltyChoice(
        penalties=path,
        losses=losses,
        average_precisions=precisions,
        chosen=chosen,
        logits=np.stack([logits[chosen[a]][:, a] for a in here], axis=1),
        start=(
            np.stack([starts[chosen[a]][0][:, a] for a in here], axis=1),
            np.stack([starts[chosen[a]][1][a] for a in here]),
        ),
        converged=np.stack(converged),
    )


def _held_out_logits(
    features: NDArray[np.float32], folds: NDArray[np.integer[Any]], fit: LinearFit, times: int
) -> NDArray[np.float32]:
    """Return the logits of each row by the fit of the fold that holds it out, (N, A); nan where none does."""
    count = len(fit.bias) // times
    result = np.full((len(features), count), np.nan, np.float32)
    for here in row_blocks(len(features)):
        rows = np.flatnonzero(folds[here] != NO_FOLD) + here.start
        of_all = features[rows] @ fit.weight + fit.bias
        result[rows] = of_all.reshape(-1, times, count)[np.arange(len(rows)), folds[rows]]
    return result


def _scores(
    logits: NDArray[np.float32], labels: NDArray[np.int8], loss: LossName, balance: Balance
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return loss and average precision of each attribute, (A,); nan where the labels are not of both kinds."""
    costs, losses, precisions = label_costs(labels, balance), [], []
    for a in range(labels.shape[1]):
        known = labels[:, a] >= 0
        some, present = logits[known, a], labels[known, a] == 1
        precisions.append(
            score_attribute("", torch.from_numpy(some), torch.from_numpy(labels[known, a])).average_precision
        )
        value = LOSSES[loss].value(some, present.astype(np.float32))
        losses.append(float((value * np.where(present, costs[1, a], costs[0, a])).sum()))
    return np.where(np.isnan(precisions), np.nan, losses), np.array(precisions)


def _best(values: NDArray[np.float64], each: bool) -> NDArray[np.intp]:
    """Return which penalty has the least value (P, A) for each attribute, on average unless ``each``."""
    defined = ~np.isnan(values[0])
    if not defined.any():
        raise DataError("labels: no attribute has present and absent ones among the images held out")
    chosen = np.full(values.shape[1], values[:, defined].mean(axis=1).argmin())
    if each:
        chosen[defined] = values[:, defined].argmin(axis=0)
    return chosen
