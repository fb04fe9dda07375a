"""Scores by hand on 8x8 masks, and what must hold of any."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wsegs.errors import RuleError
from wsegs.rules import compile_rules, load_rules
from wsegs.rules.tuning.class_map import OUTSIDE, ClassMap
from wsegs.rules.tuning.score import (
    RegionScores,
    common_regions,
    join_scores,
    mean_over_regions,
    score_regions,
    summarise_scores,
)

# A square of 4x4 pixels, rows and columns 1 to 4, and one of 2x2 pixels in the other corner.
RULES = compile_rules(
    "version: 1\nscheme: celeba5\nregions:\n  square: {box: [[1, 1], [4, 4]]}\n  corner: {box: [[6, 6], [7, 7]]}\n"
    "  nowhere: {box: [[0, 0], [1, 1]], when: 1 > 2}",
    "squares.yaml",
)
FACE = np.zeros((1, 5, 2))


def _masks(*masks: np.ndarray) -> np.ndarray:
    return np.stack(masks).astype(np.uint16)


def _mask(rows: slice, columns: slice, value: int = 1) -> np.ndarray:
    mask = np.zeros((8, 8), np.uint16)
    mask[rows, columns] = value
    return mask


def test_by_hand():
    # People drew 4x4 pixels, one further down and right: 9 in common, 7 of each alone.
    scores = score_regions(RULES, FACE, _masks(_mask(slice(2, 6), slice(2, 6))), ClassMap("map", {"square": (1,)}))
    assert (scores.common.item(), scores.drawn.item(), scores.human.item()) == (9, 16, 16)
    assert scores.iou.item() == 9 / 23
    assert scores.precision.item() == scores.recall.item() == 9 / 16


def test_precision_and_recall_are_not_exchanged():
    # People drew a part of the square: all of it is found, half of what is drawn is right.
    scores = score_regions(RULES, FACE, _masks(_mask(slice(1, 3), slice(1, 5))), ClassMap("map", {"square": (1,)}, 8))
    assert (scores.iou.item(), scores.precision.item(), scores.recall.item()) == (0.5, 0.5, 1)


def test_several_classes_are_one_region_in_the_maps_order():
    mask = _mask(slice(1, 5), slice(1, 5), 3)
    mask[3:5, 1:5] = 4
    mask[6:8, 6:8] = 7
    classes = ClassMap("map", {"corner": (7,), "square": (3, 4), "unheard_of": (3,)}, 4)
    scores = score_regions(RULES, FACE, mask[None], classes)
    assert scores.regions == ("corner", "square")
    np.testing.assert_array_equal(scores.iou, [[1, 1]])


@pytest.mark.parametrize("unknown", [255, OUTSIDE])
def test_unknown_pixels_count_for_nobody(unknown):
    mask = _mask(slice(1, 5), slice(1, 5))
    mask[:, 3:] = unknown
    scores = score_regions(RULES, FACE, mask[None], ClassMap("map", {"square": (1,)}, 1, (255, OUTSIDE)))
    assert (scores.common.item(), scores.drawn.item(), scores.human.item()) == (8, 8, 8)


def test_a_region_counts_from_the_least_number_of_pixels_on():
    masks = _masks(_mask(slice(1, 4), slice(1, 4)), _mask(slice(1, 3), slice(1, 6)), _mask(slice(6, 8), slice(0, 5)))
    scores = score_regions(RULES, np.repeat(FACE, 3, axis=0), masks, ClassMap("map", {"square": (1,)}))
    np.testing.assert_array_equal(scores.human[:, 0], [9, 10, 10])
    for values, expected in (
        (scores.iou, [np.nan, 8 / 18, 0]),
        (scores.precision, [np.nan, 8 / 16, 0]),
        (scores.recall, [np.nan, 8 / 10, 0]),
    ):
        np.testing.assert_allclose(values[:, 0], expected)
    (summary,) = summarise_scores(scores)
    assert (summary.images, summary.iou, summary.median, summary.missed) == (2, 2 / 9, 2 / 9, 0.5)
    assert summary.std == pytest.approx(np.std([4 / 9, 0], ddof=1))
    assert (summary.precision, summary.recall) == (0.25, 0.4)


def test_where_the_rules_draw_nothing_precision_is_undefined_and_the_rest_is_zero():
    scores = score_regions(RULES, FACE, _masks(_mask(slice(0, 4), slice(0, 4))), ClassMap("map", {"nowhere": (1,)}))
    assert (scores.iou.item(), scores.recall.item()) == (0, 0)
    assert np.isnan(scores.precision.item())
    (summary,) = summarise_scores(scores)
    assert (summary.iou, summary.precision, summary.missed, summary.std) == (0, None, 1, None)


def test_a_region_that_nobody_drew_has_no_score_and_is_not_in_the_mean():
    masks = _masks(_mask(slice(1, 5), slice(1, 5)))
    summaries = summarise_scores(score_regions(RULES, FACE, masks, ClassMap("map", {"square": (1,), "corner": (5,)})))
    assert (summaries[1].images, summaries[1].iou, summaries[1].median, summaries[1].missed) == (0, None, None, None)
    assert mean_over_regions(summaries)["iou"] == 1
    assert mean_over_regions(summaries[1:])["iou"] is None


def test_truth_made_of_the_rules_own_drawing_gives_one(astronaut_landmarks):
    for name in ("celeba", "attparsenet-2020"):
        rules = load_rules(name)
        masks = rules.draw(astronaut_landmarks[None], (240, 300))  # a class is a set of regions
        there = np.unique(masks)
        regions = {
            region: tuple(int(number) for number in there if number >> bit & 1)
            for bit, region in enumerate(rules.region_names)
        }
        scores = score_regions(rules, astronaut_landmarks[None], masks, ClassMap("map", regions))
        assert scores.counts.sum() >= len(rules.region_names) - 1
        for values in (scores.iou, scores.precision, scores.recall):
            assert (values[scores.counts] == 1).all()


def test_batches_joined_are_the_whole(faces):
    rules, generator = load_rules("celeba"), np.random.default_rng(0)
    masks = generator.integers(0, 4, (len(faces), 60, 50)).astype(np.uint8)
    classes = ClassMap("map", {"face": (1, 2), "nose": (3,)})
    whole = score_regions(rules, faces / 4, masks, classes)
    parts = [score_regions(rules, faces[rows] / 4, masks[rows], classes) for rows in (slice(7), slice(7, None))]
    for field in ("common", "drawn", "human", "iou"):
        np.testing.assert_array_equal(getattr(join_scores(parts), field), getattr(whole, field))


@given(arrays(np.uint8, (3, 8, 8), elements=st.integers(0, 3)))
def test_iou_is_bounded_by_precision_and_recall_and_is_that_of_sets(masks):
    scores = score_regions(RULES, np.zeros((3, 5, 2)), masks, ClassMap("map", {"square": (1, 2)}, 1, (3, OUTSIDE)))
    square = np.zeros((8, 8), bool)
    square[1:5, 1:5] = True
    for mask, iou, precision, recall in zip(masks, scores.iou, scores.precision, scores.recall, strict=True):
        human, drawn = np.isin(mask, [1, 2]), square & (mask != 3)
        if not human.any():
            assert np.isnan(iou).all()
            continue
        assert iou == (human & drawn).sum() / (human | drawn).sum()
        assert iou <= recall
        assert iou <= np.nan_to_num(precision, nan=1)


def test_inputs_that_do_not_fit():
    with pytest.raises(
        RuleError, match=r"squares\.yaml: has none of the regions of map \(eyes\); it has square, corner"
    ):
        common_regions(RULES, ClassMap("map", {"eyes": (1,)}))
    classes = ClassMap("map", {"square": (1,)})
    with pytest.raises(RuleError, match="expected landmarks of celeba5"):
        score_regions(RULES, np.zeros((1, 68, 2)), np.zeros((1, 8, 8), np.uint8), classes)
    with pytest.raises(ValueError, match="of the same faces, got 2 and 1"):
        score_regions(RULES, np.zeros((2, 5, 2)), np.zeros((1, 8, 8), np.uint8), classes)
    for masks in (np.zeros((1, 8, 8)), np.full((1, 8, 8), -1), np.full((1, 8, 8), 65536)):
        with pytest.raises(ValueError, match="expected class numbers from 0 to 65535"):
            score_regions(RULES, FACE, masks, classes)


def test_length_is_the_number_of_images():
    nothing = np.zeros((4, 1), np.int64)
    assert len(RegionScores(("a",), nothing, nothing, nothing, 10)) == 4
