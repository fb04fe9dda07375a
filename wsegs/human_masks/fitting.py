"""Fit rule files to faces with human masks, and score them on other faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from wsegs.human_masks.parsed_faces import ParsedFaces
from wsegs.human_masks.scoring import score_faces
from wsegs.rules import RuleSet
from wsegs.rules.tuning.fit import FittedRules, RuleFit
from wsegs.rules.tuning.overlap import Overlap
from wsegs.rules.tuning.score import RegionSummary, mean_over_regions, summarise_scores

CURVE_COUNTS = (5, 10, 20, 50, 100)


@dataclass(frozen=True)
class BeforeAfter:
    """Scores of a rule file on one set of faces, before and after a fit, by region."""

    before: list[RegionSummary]
    after: list[RegionSummary]

    @property
    def means(self) -> tuple[float, float]:
        """Mean intersection over union of all regions, before and after; nan if no region is scored."""
        return _mean_iou(self.before), _mean_iou(self.after)


@dataclass(frozen=True)
class CurvePoint:
    """Mean intersection over union of all regions on held-out faces, after a fit to some number of masks."""

    masks: int
    draw: int
    iou: float


def read_views(fit: RuleFit, faces: ParsedFaces, turn: float) -> list[Overlap]:
    """Read the human masks of the faces to fit to: one byte for each pixel of each region of each face.

    Parameters
    ----------
    fit
        The rule file.
    faces
        The faces.
    turn
        If not 0, each face is read a second time, turned counter-clockwise by this many degrees.
    """
    views = []
    for degrees in dict.fromkeys((0.0, turn)):
        moved = faces.turned(degrees)
        masks = np.empty((len(moved), *moved.size), np.uint16)
        for rows, part in moved.batches("read masks"):
            masks[rows] = part
        views.append(fit.overlap(moved.landmarks_of(fit.rules.scheme), masks))
    return views


def fit_with_progress(fit: RuleFit, views: Sequence[Overlap]) -> FittedRules:
    """Fit a rule file, with a progress bar over its free numbers."""
    with tqdm(total=fit.count(views), unit="number", desc="fit", disable=None) as bar:

        def settled(regions: str, count: int) -> None:
            bar.set_postfix_str(regions, refresh=False)
            bar.update(count)

        return fit.fit(views, settled)


def compare_before_after(fit: RuleFit, fitted: RuleSet, faces: ParsedFaces) -> BeforeAfter:
    """Score a rule file before and after a fit, on the same faces."""
    before, after = score_faces(faces, [fit.rules, fitted], fit.classes)
    return BeforeAfter(summarise_scores(before), summarise_scores(after))


def fit_curve(fit: RuleFit, views: Sequence[Overlap], held_out: ParsedFaces, draws: int, seed: int) -> list[CurvePoint]:
    """Fit to 0, 5, 10, 20, 50, 100 and all masks, and score each fit on held-out faces.

    Parameters
    ----------
    fit
        The rule file.
    views
        The faces to sample from, from :func:`read_views`.
    held_out
        The faces to score on.
    draws
        Number of random samples of each size; all faces are one sample.
    seed
        Seed of the samples.

    Returns
    -------
    A point for each sample; the first is the file as written, with 0 masks.
    """
    faces = len(views[0])
    plan = [(0, 0), *((n, draw) for n in CURVE_COUNTS if n < faces for draw in range(draws)), (faces, 0)]
    generator = np.random.default_rng(seed)
    rule_sets = [fit.rules]
    with tqdm(plan[1:], unit="fit", desc="curve", disable=None) as bar:
        for masks, _ in bar:
            bar.set_postfix_str(f"{masks} masks", refresh=False)
            drawn = generator.permutation(faces)[:masks]
            rule_sets.append(fit.fit([view.select(drawn) for view in views]).rules)
    scores = score_faces(held_out, rule_sets, fit.classes)
    means = [_mean_iou(summarise_scores(score)) for score in scores]
    return [CurvePoint(masks, draw, iou) for (masks, draw), iou in zip(plan, means, strict=True)]


def _mean_iou(summaries: Sequence[RegionSummary]) -> float:
    mean = mean_over_regions(summaries)["iou"]
    return float("nan") if mean is None else mean
