"""Fits and scores for ``region_probe.py``: what the package fits, and intervals over people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsegs.heads.axes import PrincipalAxes
from wsegs.heads.checks import row_blocks
from wsegs.heads.choose import choose_penalty
from wsegs.heads.fit import fit_linear
from wsegs.heads.folds import person_folds
from wsegs.heads.regions import penalty_factors
from wsegs.heads.standardise import Standardiser
from wsegs.heads.thresholds import choose_thresholds
from wsegs.nets.layers.feature_layout import FeatureLayout
from wsegs.rules import load_rules
from wsegs.training.fitting.segments import mean_shares
from wsegs.training.recipe import load_recipe

Blocks = Sequence[NDArray[np.float16]]


def flat(blocks: Blocks, rows: NDArray[np.intp]) -> NDArray[np.float16]:
    """Return the features (n, F) of some rows, in the order of the package."""
    return np.concatenate([block[rows].reshape(len(rows), -1) for block in blocks], axis=1)


def own_regions(rules_name: str, attributes: Sequence[str]) -> NDArray[np.bool_]:
    """Return which regions are each attribute's own, bool (R + 1, A), as the package's fit takes them."""
    rules = load_rules(rules_name)
    lookup = rules.lookup(attributes)
    alone = np.array([1 << region for region in range(len(rules.region_names))], np.uint64)
    own = np.stack([lookup.evaluate(a, alone) for a in range(len(attributes))], axis=1).astype(bool)
    return np.concatenate([own, np.zeros((1, own.shape[1]), bool)])


@dataclass(frozen=True, eq=False)
class LinearHead:
    """A fit that is kept: names (A,), weight (F, A), bias, thresholds and fitted (A,), the features' standardiser."""

    names: tuple[str, ...]
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    standardiser: Standardiser
    thresholds: NDArray[np.float32]
    fitted: NDArray[np.bool_]

    def logits(self, features: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Return logits (N, A) of features (N, F) as they were read, not standardised."""
        result = np.empty((len(features), len(self.names)), np.float32)
        for here in row_blocks(len(features)):
            result[here] = self.standardiser.standardised(features[here]) @ self.weight + self.bias
        return result

    def present(self, logits: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return which attributes are present, bool (N, A)."""
        return logits >= self.thresholds


@dataclass(frozen=True, eq=False)
class Fitted:
    """A head, what it was fitted on, and how much of its decisions lies in each region.

    Attributes
    ----------
    head
    penalties
        (A,), that people held out chose.
    own_share
        Of the decisions, in each attribute's own regions, on the rows that it was fitted on; nan without such.
    """

    head: LinearHead
    penalties: NDArray[np.float64]
    own_share: float


def save_fitted(path: Path, fitted: Fitted) -> None:
    """Keep a fit in a file."""
    head, temporary = fitted.head, path.with_name(f".{path.name}")
    np.savez(
        temporary,
        weight=head.weight,
        bias=head.bias,
        mean=head.standardiser.mean,
        scale=head.standardiser.scale,
        thresholds=head.thresholds,
        fitted=head.fitted,
        penalties=fitted.penalties,
        own_share=np.array(fitted.own_share),
    )
    temporary.rename(path)


def load_fitted(path: Path, attributes: Sequence[str]) -> Fitted:
    """Return what :func:`save_fitted` kept."""
    with np.load(path) as stored:
        standardiser = Standardiser(stored["mean"], stored["scale"])
        parts = (stored[name] for name in ("thresholds", "fitted"))
        head = LinearHead(tuple(attributes), stored["weight"], stored["bias"], standardiser, *parts)
        return Fitted(head, stored["penalties"], float(stored["own_share"]))


def fit_heads(
    features: NDArray[np.float16],
    labels: NDArray[np.int8],
    identity: NDArray[np.int32],
    attributes: Sequence[str],
    channels: Sequence[tuple[int, int]],
    own: NDArray[np.bool_] | None,
    prior: float,
) -> Fitted:
    """Fit as ``wsegs train region-probe`` does: penalty and thresholds are chosen by folds of the people fitted on.

    Parameters
    ----------
    features
        (N, F), as they were read.
    labels, identity, attributes
        (N, A), (N,), and A names.
    channels
        (stride, channels) of each region.
    own
        (R + 1, A); None for no prior.
    prior
        Factor of the penalty outside of an attribute's own regions.
    """
    fit = load_recipe("region-probe").fit
    assert fit is not None
    standardiser = Standardiser.measure(features)
    known = standardiser.standardised(features)
    factors = None if own is None or prior == 1 else penalty_factors(own, channels, prior)
    axes = PrincipalAxes.measure(known)
    choice = choose_penalty(
        known,
        labels,
        person_folds(identity, fit.folds, 0),
        penalties=fit.penalties,
        criterion=fit.criterion,
        each=fit.each,
        loss=fit.loss,
        factors=factors,
        axes=axes,
    )
    thresholds = choose_thresholds(choice.logits, labels, "accuracy", 0.5 * len(labels) ** 0.5)  # as the package does
    found = fit_linear(
        known, labels, penalty=choice.penalty, loss=fit.loss, factors=factors, start=choice.start, axes=axes
    )
    head = LinearHead(tuple(attributes), found.weight, found.bias, standardiser, thresholds, found.fitted)
    own_share = np.nan
    if own is not None:
        layout = FeatureLayout(tuple(str(region) for region in range(len(own) - 1)), tuple(channels))
        own_share = float((mean_shares(layout, known, found.weight) * own.T).sum(axis=1).mean())
    return Fitted(head, choice.penalty, own_share)


def interval(samples: NDArray[np.float64], digits: int = 1, sign: bool = False) -> str:
    """Return a share in percent with its 95 % interval; ``samples`` are those of ``PeopleBootstrap``."""
    low, high = np.percentile(samples[1:], [2.5, 97.5])
    first = f"{100 * samples[0]:{'+' if sign else ''}.{digits}f}"
    return f"{first} ({100 * low:.{digits}f} to {100 * high:.{digits}f})"
