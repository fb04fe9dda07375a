"""Compare two rule files on the same faces: paired differences with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.stats
from numpy.typing import NDArray

from wsegs.errors import RuleError
from wsegs.rules.tuning.score import RegionScores

CONFIDENCE = 0.95
RESAMPLES = 9999
LEAST_IMAGES = 10  # with fewer, intervals exclude zero by chance too often
_CELLS = 4_000_000  # numbers in a batch of resamples, which bounds memory for any number of faces


@dataclass(frozen=True)
class Comparison:
    """Mean intersection over union of a region, or of all regions, with rules A and with rules B.

    Attributes
    ----------
    region
        Its name.
    images
        Number of images on which it is scored.
    a, b
        Means over these images; None if there are none.
    difference
        ``b - a``.
    low, high
        Ends of the 95 % interval of the difference; None with fewer than two images.
    """

    region: str
    images: int
    a: float | None
    b: float | None
    difference: float | None
    low: float | None
    high: float | None

    @property
    def better(self) -> str | None:
        """``"A"`` or ``"B"`` if the interval over at least ten images excludes zero; None if no difference is seen."""
        if self.low is None or self.high is None or self.images < LEAST_IMAGES or self.low <= 0 <= self.high:
            return None
        return "B" if self.low > 0 else "A"


def compare_scores(a: RegionScores, b: RegionScores, *, seed: int = 0) -> tuple[list[Comparison], Comparison]:
    """Compare two rule files on the same images.

    Percentile bootstrap with 9,999 resamples of the images and a fixed seed: exchanging A and B negates the interval
    exactly.

    Parameters
    ----------
    a, b
        Scores of the same N images against the same masks; they may have different regions.
    seed
        Seed of the resampling.

    Returns
    -------
    A comparison of each region that both have, in A's order, and one of the mean over these regions, for which whole
    faces are resampled.

    Raises
    ------
    RuleError
        If they have no region in common.
    ValueError
        If they are not of the same number of images.
    """
    regions = [name for name in a.regions if name in b.regions]
    if not regions:
        raise RuleError(f"no region in common: A has {', '.join(a.regions)}; B has {', '.join(b.regions)}")
    if len(a) != len(b):
        raise ValueError(f"expected scores of the same images, got {len(a)} and {len(b)}")
    iou_a = a.iou[:, [a.regions.index(name) for name in regions]]
    iou_b = b.iou[:, [b.regions.index(name) for name in regions]]
    comparisons = []
    for column, name in enumerate(regions):
        counts = np.isfinite(iou_a[:, column])
        comparisons.append(_compare(name, iou_a[counts][:, [column]], iou_b[counts][:, [column]], seed))
    return comparisons, _compare("mean", iou_a, iou_b, seed)


def _compare(region: str, iou_a: NDArray[np.float64], iou_b: NDArray[np.float64], seed: int) -> Comparison:
    """Compare the mean over regions (one or more) of the mean over images, (N, R) with nan where one does not count."""
    images = int(np.isfinite(iou_a).any(axis=1).sum())
    if not images:
        return Comparison(region, 0, None, None, None, None, None)
    everything = np.arange(len(iou_a))
    mean_a, mean_b, difference = (
        float(_mean_of_rows(values)(everything, axis=-1)) for values in (iou_a, iou_b, iou_b - iou_a)
    )
    low = high = None
    if images > 1:
        interval = scipy.stats.bootstrap(
            (everything,),
            _mean_of_rows(iou_b - iou_a),
            n_resamples=RESAMPLES,
            batch=max(1, _CELLS // iou_a.size),
            vectorized=True,
            axis=-1,
            confidence_level=CONFIDENCE,
            method="percentile",
            rng=np.random.default_rng(seed),
        ).confidence_interval
        low, high = float(interval.low), float(interval.high)
    return Comparison(region, images, mean_a, mean_b, difference, low, high)


def _mean_of_rows(values: NDArray[np.float64]) -> Callable[..., NDArray[np.float64]]:
    """Return the statistic: rows, integers (..., n), to the mean over regions of the mean over these rows, (...)."""
    defined = np.isfinite(values)
    filled = np.where(defined, values, 0.0)

    def statistic(rows: np.ndarray, axis: int) -> NDArray[np.float64]:
        del axis  # scipy says -1, the only one asked for above
        rows = rows.astype(np.intp)
        counts = defined[rows].sum(axis=-2)
        means = filled[rows].sum(axis=-2) / np.maximum(counts, 1)
        # A region that is on no image of a resample is left out of its mean.
        return np.asarray(means.sum(axis=-1) / np.maximum((counts > 0).sum(axis=-1), 1))

    return statistic
