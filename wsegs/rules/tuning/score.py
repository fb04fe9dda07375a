"""Score regions by human parsing masks: intersection over union, precision and recall of each region on each image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wsegs.errors import RuleError
from wsegs.rules.ruleset import RuleSet
from wsegs.rules.tuning.class_map import OUTSIDE, ClassMap

Scores = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RegionScores:
    """Pixel counts of R regions of a rule file and of human masks on N images.

    Attributes
    ----------
    regions
        R names.
    common, drawn, human
        int64 (N, R): pixels in both, in the rules' region, in the human mask. Ignored pixels are in none of them.
    least_pixels
        A region is scored on the images where the human mask has at least this many pixels.
    """

    regions: tuple[str, ...]
    common: NDArray[np.int64]
    drawn: NDArray[np.int64]
    human: NDArray[np.int64]
    least_pixels: int

    def __len__(self) -> int:
        return len(self.common)

    @property
    def counts(self) -> NDArray[np.bool_]:
        """Bool (N, R): whether the region is scored on the image."""
        return self.human >= self.least_pixels

    @property
    def iou(self) -> Scores:
        """float64 (N, R): intersection over union; nan where the region is not scored."""
        return self._ratio(self.drawn + self.human - self.common)

    @property
    def precision(self) -> Scores:
        """float64 (N, R): share of the drawn pixels that are in the human mask; nan also where nothing is drawn."""
        return self._ratio(self.drawn)

    @property
    def recall(self) -> Scores:
        """float64 (N, R): share of the human mask that is drawn; nan where the region is not scored."""
        return self._ratio(self.human)

    def _ratio(self, of: NDArray[np.int64]) -> Scores:
        defined = self.counts & (of > 0)
        return np.where(defined, self.common / np.maximum(of, 1), np.nan)


@dataclass(frozen=True)
class RegionSummary:
    """Scores of one region over the images on which it is scored; None where undefined.

    Attributes
    ----------
    region
        Its name.
    images
        Number of images on which it is scored.
    iou, std, median
        Mean, standard deviation and median of the intersection over union.
    precision, recall
        Means; precision over the images where the rules draw anything.
    missed
        Share of the images where region and human mask have no pixel in common.
    """

    region: str
    images: int
    iou: float | None
    std: float | None
    precision: float | None
    recall: float | None
    median: float | None
    missed: float | None


def common_regions(rules: RuleSet, classes: ClassMap) -> tuple[str, ...]:
    """Return the regions that a rule file and a class map have in common, in the order of the map.

    Raises
    ------
    RuleError
        If there are none.
    """
    common = tuple(name for name in classes.regions if name in rules.region_names)
    if not common:
        raise RuleError(
            f"{rules.source}: has none of the regions of {classes.source} ({', '.join(classes.regions)});"
            f" it has {', '.join(rules.region_names)}"
        )
    return common


def score_regions(rules: RuleSet, landmarks: np.ndarray, masks: np.ndarray, classes: ClassMap) -> RegionScores:
    """Score a batch of faces on the regions that a rule file and a class map have in common.

    Parameters
    ----------
    rules
        Compiled rules.
    landmarks
        (N, P, 2), x and y in pixels of the masks, pixel centres at whole numbers. A face with nan is drawn empty.
    masks
        (N, H, W), class numbers of 0 to 65535.
    classes
        Meaning of the class numbers.

    Raises
    ------
    RuleError
        If they have no region in common, or the landmarks are not of the rules' scheme.
    ValueError
        If masks and landmarks are not of one length, or the masks are no class numbers.
    """
    if len(masks) != len(landmarks):
        raise ValueError(f"expected landmarks and masks of the same faces, got {len(landmarks)} and {len(masks)}")
    masks = _class_numbers(masks)
    names = common_regions(rules, classes)
    drawn = rules.draw(landmarks, (masks.shape[1], masks.shape[2]))
    drawn[~classes.known(masks)] = 0
    human = classes.region_bits(masks, names)
    counts = np.empty((3, len(masks), len(names)), np.int64)
    for column, name in enumerate(names):
        by_rules = _plane(drawn, rules.region_names.index(name))
        by_people = _plane(human, column)
        for count, plane in zip(counts, (by_rules & by_people, by_rules, by_people), strict=True):
            count[:, column] = np.count_nonzero(plane, axis=(1, 2))
    return RegionScores(names, counts[0], counts[1], counts[2], classes.least_pixels)


def _class_numbers(masks: np.ndarray) -> NDArray[np.uint16]:
    masks = np.asarray(masks)
    whole = masks.dtype.kind in "ui"
    if not whole or (masks.dtype != np.uint8 and masks.size and not 0 <= masks.min() <= masks.max() <= OUTSIDE):
        raise ValueError(f"expected class numbers from 0 to {OUTSIDE}, got other {masks.dtype} values")
    return masks.astype(np.uint16, copy=False)


def _plane(regions: np.ndarray, bit: int) -> NDArray[np.bool_]:
    plane: NDArray[np.bool_] = (regions & regions.dtype.type(1 << bit)) != 0
    return plane


def join_scores(parts: Sequence[RegionScores]) -> RegionScores:
    """Concatenate the scores of one or more batches."""
    first = parts[0]
    common, drawn, human = (
        np.concatenate([getattr(part, field) for part in parts]) for field in ("common", "drawn", "human")
    )
    return RegionScores(first.regions, common, drawn, human, first.least_pixels)


def summarise_scores(scores: RegionScores) -> list[RegionSummary]:
    """Return a summary of each region, in order."""
    iou, precision, recall = scores.iou, scores.precision, scores.recall
    return [
        _summary(name, iou[:, column], precision[:, column], recall[:, column])
        for column, name in enumerate(scores.regions)
    ]


def _summary(name: str, iou: Scores, precision: Scores, recall: Scores) -> RegionSummary:
    iou, precision, recall = (values[np.isfinite(values)] for values in (iou, precision, recall))
    return RegionSummary(
        region=name,
        images=len(iou),
        iou=_mean(iou),
        std=float(iou.std(ddof=1)) if len(iou) > 1 else None,
        precision=_mean(precision),
        recall=_mean(recall),
        median=float(np.median(iou)) if len(iou) else None,
        missed=_mean(iou == 0),
    )


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


def mean_over_regions(summaries: Sequence[RegionSummary]) -> dict[str, float | None]:
    """Return the mean of each column over the regions where it is defined."""
    columns = ("iou", "std", "precision", "recall", "median", "missed")
    values = {column: [getattr(summary, column) for summary in summaries] for column in columns}
    return {column: _mean(np.array([v for v in some if v is not None], float)) for column, some in values.items()}
