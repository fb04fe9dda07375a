"""An attribute's own segments, and how much of its decisions lies in each region."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wsegs.nets.layers.feature_layout import FeatureLayout
from wsegs.rules import compile_rules
from wsegs.training.plan import TrainingPlan

_FACES = 2000  # over which shares are averaged at most


def own_regions(plan: TrainingPlan) -> NDArray[np.bool_] | None:
    """Return which regions are each attribute's own, by the rules that drew them; None where no rules did.

    A region is an attribute's own where a pixel in that region alone belongs to the attribute's mask. The whole image
    is nobody's.

    Returns
    -------
    bool (R + 1, A); the last row is the whole image.
    """
    task = plan.task("attributes")
    if plan.regions is None or plan.regions.rules is None or task is None:
        return None
    rules = compile_rules(plan.regions.rules.text, plan.regions.rules.source)
    lookup = rules.lookup(task.outputs)
    alone = np.array([1 << region for region in range(len(rules.region_names))], np.uint64)
    own = np.stack([lookup.evaluate(a, alone) for a in range(len(task.outputs))], axis=1)
    return np.concatenate([own.astype(bool), np.zeros((1, own.shape[1]), bool)])


def mean_shares(
    layout: FeatureLayout, features: NDArray[np.float32], weight: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return how much of each attribute's decisions lies in each region, (A, R + 1), of sum 1 over the regions.

    The magnitude of what a region adds to a logit, beside its mean over the images, averaged over the images: what is
    the same for every face decides nothing.

    Parameters
    ----------
    layout
        Of the features.
    features
        float32 (N, F), standardised.
    weight
        (F, A).
    """
    some = features[:_FACES]
    rows = len(layout.rows)
    shares = np.zeros((len(some), weight.shape[1], rows))
    for stride, channels in layout.blocks:
        block = layout.block_of(stride)
        ours = some[:, block].reshape(len(some), rows, channels)
        theirs = weight[block].reshape(rows, channels, -1)
        shares += np.matmul(ours.transpose(1, 0, 2), theirs).transpose(1, 2, 0)
    means: NDArray[np.float64] = np.abs(shares - shares.mean(axis=0)).mean(axis=0)
    return np.asarray(means / np.maximum(means.sum(axis=1, keepdims=True), 1e-12))
