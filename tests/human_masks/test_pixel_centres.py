"""Masks that a rule file draws itself, at another size, score as high as whole pixels allow."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from wsegs.human_masks.parsed_faces import load_parsed_faces
from wsegs.human_masks.scoring import score_faces
from wsegs.rules import load_rules
from wsegs.rules.tuning.class_map import load_classes
from wsegs.rules.tuning.score import summarise_scores
from wsegs.schemes import IBUG68


@pytest.mark.parametrize("side", [1024, 654])
def test_own_masks_of_another_size_lie_on_their_regions(truth_folder, side):
    """Half a pixel beside them, eyes would reach 0.77."""
    rules, classes = load_rules("celeba"), load_classes("celebamask")
    faces = load_parsed_faces(truth_folder, landmarks=[truth_folder / "landmarks.h5"])
    scale = side / 218
    large = rules.draw((faces.landmarks_of(IBUG68) + 0.5) * scale - 0.5, (side, side))
    for file, regions in zip(faces.files, large, strict=True):
        mask = np.zeros((side, side), np.uint8)
        # Eyes are painted last: nothing hides them.
        for name in sorted(classes.regions, key=lambda name: name == "eyes"):
            mask[(regions >> rules.region_names.index(name)) & 1 == 1] = classes.regions[name][0]
        cv2.imwrite(str(file.mask), mask)
    (scores,) = score_faces(faces, [rules], classes)
    ious = {summary.region: summary.iou for summary in summarise_scores(scores)}
    assert ious["eyes"] > 0.9
    # Moved by less than half a pixel any way, they fit less well.
    for x, y in ((0.4, 0), (-0.4, 0), (0, 0.4), (0, -0.4)):
        moved = replace(faces, landmarks={IBUG68: np.add(faces.landmarks_of(IBUG68), [x, y])})
        (scores,) = score_faces(moved, [rules], classes)
        others = {summary.region: summary.iou for summary in summarise_scores(scores)}
        assert others["eyes"] < ious["eyes"] - 0.01
