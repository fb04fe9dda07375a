"""Score rule files on faces with human masks, one batch of masks at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from wsegs.human_masks.parsed_faces import ParsedFaces
from wsegs.io.files import write_table
from wsegs.rules import RuleSet
from wsegs.rules.tuning.class_map import ClassMap
from wsegs.rules.tuning.score import RegionScores, join_scores, score_regions

CSV_COLUMNS = ("image", "region", "human_pixels", "rule_pixels", "common_pixels", "iou", "precision", "recall")


def score_faces(faces: ParsedFaces, rule_sets: Sequence[RuleSet], classes: ClassMap) -> list[RegionScores]:
    """Score rule files on the same faces; each mask is read once.

    Raises
    ------
    RuleError
        If a rule file has no region of ``classes``.
    DataError
        If the faces have no landmarks of its scheme, or a mask cannot be read.
    """
    landmarks = [faces.landmarks_of(rules.scheme) for rules in rule_sets]
    parts: list[list[RegionScores]] = [[] for _ in rule_sets]
    for rows, masks in faces.batches("score"):
        for part, rules, points in zip(parts, rule_sets, landmarks, strict=True):
            part.append(score_regions(rules, points[rows], masks, classes))
    return [join_scores(part) for part in parts]


def write_scores(path: Path, faces: ParsedFaces, scores: RegionScores) -> None:
    """Write a CSV with a row for each image and region; scores that are undefined are left empty."""
    values = (scores.human, scores.drawn, scores.common, scores.iou, scores.precision, scores.recall)

    def rows() -> Iterator[list[object]]:
        for row, name in enumerate(faces.names):
            for column, region in enumerate(scores.regions):
                cells = [array[row, column].item() for array in values]
                yield [name, region, *cells[:3], *("" if math.isnan(x) else f"{x:.5f}" for x in cells[3:])]

    write_table(path, CSV_COLUMNS, rows())
