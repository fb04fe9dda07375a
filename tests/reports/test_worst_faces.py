"""The picture of the worst faces."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from wsegs.errors import OptionError
from wsegs.human_masks.parsed_faces import load_parsed_faces
from wsegs.human_masks.scoring import score_faces
from wsegs.reports.overlay import outline_overlay
from wsegs.reports.worst_faces import (
    HUMAN_COLOUR,
    RULE_COLOUR,
    WorstFace,
    _square_about,
    check_picture,
    draw_worst_faces,
    worst_rows,
    worst_sheet,
)
from wsegs.rules import load_rules
from wsegs.rules.tuning.class_map import load_classes


@pytest.fixture
def worst(face) -> WorstFace:
    """The mouth, and the mouth ten pixels further down."""
    human = (face.regions & 1).astype(bool)
    return WorstFace("a long name of a file.jpg", face.image, human, np.roll(human, 10, axis=0), 0.25, np.nan, 0.4)


def _has(picture: np.ndarray, colour: np.ndarray) -> bool:
    return bool((picture == colour).all(axis=2).any())


def test_the_lowest_come_first_then_the_largest():
    iou = np.array([0.5, np.nan, 0, 0.2, 0, 0.9])
    human = np.array([9, 9, 5, 9, 7, 9])
    assert worst_rows(iou, human, 4) == [4, 2, 3, 0]
    assert worst_rows(iou, human, 20) == [4, 2, 3, 0, 5]
    assert worst_rows(iou[1:2], human[1:2], 3) == []


def test_outlines_lie_on_the_edges_of_the_masks():
    image = np.full((8, 8, 3), 100, np.uint8)
    mask = np.zeros((8, 8), bool)
    mask[2:6, 2:6] = True
    picture = outline_overlay(image, [mask], [RULE_COLOUR], scale=1, thickness=1)
    edge = mask.copy()
    edge[3:5, 3:5] = False
    np.testing.assert_array_equal((picture == RULE_COLOUR).all(axis=2), edge)
    np.testing.assert_array_equal(picture[~edge], image[~edge])


def test_a_tile_shows_both_outlines_and_what_is_around(worst):
    top, left, side = _square_about(worst.human | worst.drawn)
    both = (worst.human | worst.drawn)[top : top + side, left : left + side]
    assert both.sum() == (worst.human | worst.drawn).sum()
    assert 0 < side <= min(worst.human.shape)
    assert _square_about(np.zeros((20, 30), bool)) == (0, 0, 20)
    assert _square_about(np.ones((20, 30), bool)) == (0, 5, 20)


def test_a_row_of_faces_for_each_region(worst):
    sheet = worst_sheet(["mouth", "chin"], [[worst, replace(worst, iou=0.5)], []], "title")
    tiles = sheet[100:]
    assert _has(tiles, HUMAN_COLOUR)
    assert _has(tiles, RULE_COLOUR)
    one = worst_sheet(["mouth"], [[worst]], "title")
    assert one.shape[1] == sheet.shape[1]
    assert one.shape[0] < sheet.shape[0] < one.shape[0] + 50  # a region on no image takes a line


@pytest.mark.slow
def test_draws_scored_faces(truth_folder, tmp_path):
    faces = load_parsed_faces(truth_folder, landmarks=[truth_folder / "landmarks.h5"])
    rules, classes = load_rules("celeba"), load_classes("celebamask")
    (scores,) = score_faces(faces, [rules], classes)
    draw_worst_faces(tmp_path / "worst.png", faces, rules, classes, scores, count=2)
    picture = cv2.cvtColor(cv2.imread(str(tmp_path / "worst.png")), cv2.COLOR_BGR2RGB)
    rows = np.split(picture[84:-20], 7)  # below the title, above the margin
    assert all(_has(row, HUMAN_COLOUR) and _has(row, RULE_COLOUR) for row in rows)


def test_only_png(tmp_path):
    with pytest.raises(OptionError, match=r"--worst: expected a name that ends in \.png"):
        check_picture(tmp_path / "worst.gif")
