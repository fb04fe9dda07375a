"""Refining a face: a drawn one whose hair is known, and the astronaut."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data

from wsegs.refine import load_refinement, refine_regions
from wsegs.rules import compile_rules, load_rules

from .conftest import RULES


def _bit(regions: np.ndarray, rules, name: str) -> np.ndarray:
    return (regions >> regions.dtype.type(rules.region_names.index(name)) & 1) == 1


def _iou(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


def test_hair_is_found_where_it_is(face, rules, refinement):
    image, landmarks, hair = face
    (drawn,) = rules.draw(landmarks[None], hair.shape)
    refined = refine_regions(drawn, image, landmarks, rules, refinement)
    assert refined.dtype == drawn.dtype
    assert _iou(_bit(drawn, rules, "hair"), hair) < 0.5
    assert _iou(_bit(refined, rules, "hair"), hair) > 0.9


def test_other_regions_stay_and_empty_ones_stay_empty(face, rules, refinement):
    image, landmarks, hair = face
    (drawn,) = rules.draw(landmarks[None], hair.shape)
    before = drawn.copy()
    refined = refine_regions(drawn, image, landmarks, rules, refinement)
    np.testing.assert_array_equal(drawn, before)
    np.testing.assert_array_equal(_bit(refined, rules, "face"), _bit(drawn, rules, "face"))
    assert not _bit(refined, rules, "nothing").any()


def test_integers_of_64_bits_are_refined_alike(face, rules, refinement):
    image, landmarks, hair = face
    more = "".join(f"  more_{i}: {{polygon: 0..16, when: x0 > x16}}\n" for i in range(40))
    wide = compile_rules(RULES.replace("attributes:", more + "attributes:"), "wide.yaml")
    assert wide.dtype == np.uint64
    one, other = (
        refine_regions(some.draw(landmarks[None], hair.shape)[0], image, landmarks, some, refinement)
        for some in (rules, wide)
    )
    np.testing.assert_array_equal(one, other)


def test_beyond_the_photo_regions_stay_as_drawn(face, rules, refinement):
    image, landmarks, hair = face
    (drawn,) = rules.draw(landmarks[None], hair.shape)
    covered = np.zeros(hair.shape, bool)
    covered[:, 60:] = True
    image = np.where(covered[:, :, None], image, 0).astype(np.uint8)
    refined = refine_regions(drawn, image, landmarks, rules, refinement, covered)
    np.testing.assert_array_equal(refined[~covered], drawn[~covered])
    assert _iou(_bit(refined, rules, "hair") & covered, hair & covered) > 0.85
    nowhere = refine_regions(drawn, image, landmarks, rules, refinement, np.zeros(hair.shape, bool))
    np.testing.assert_array_equal(nowhere, drawn)


@pytest.mark.parametrize("landmarks", [np.full((68, 2), np.nan), np.zeros((68, 2))])
def test_without_a_face_nothing_changes(face, rules, refinement, landmarks):
    image, _, hair = face
    regions = np.full(hair.shape, 2, np.uint16)
    np.testing.assert_array_equal(refine_regions(regions, image, landmarks, rules, refinement), regions)


@pytest.mark.parametrize("zoom", [0.02, 0.3, 40.0])
def test_faces_of_any_size_go_through(face, rules, refinement, zoom):
    image, landmarks, hair = face
    landmarks = (landmarks - [100, 110]) * zoom + [100, 110]
    (drawn,) = rules.draw(landmarks[None], hair.shape)
    assert refine_regions(drawn, image, landmarks, rules, refinement).shape == hair.shape


def test_astronaut(astronaut_landmarks):
    image = skimage.data.astronaut()[:256, 96:352]
    landmarks = astronaut_landmarks - [96, 0]
    rules, refinement = load_rules("celeba"), load_refinement()
    refinement.check(rules)
    (drawn,) = rules.draw(landmarks[None], (256, 256))
    refined = refine_regions(drawn, image, landmarks, rules, refinement)
    np.testing.assert_array_equal(refined, refine_regions(drawn, image, landmarks, rules, refinement))
    for name in rules.region_names:
        before, after = _bit(drawn, rules, name), _bit(refined, rules, name)
        if name not in refinement.refined:
            np.testing.assert_array_equal(after, before)
    hair, was = _bit(refined, rules, "top_of_head"), _bit(drawn, rules, "top_of_head")
    assert 0.4 < _iou(hair, was) < 0.98
    # Her hair is dark, the flag and the shuttle behind her are not.
    grey = image.mean(axis=2)
    assert grey[hair].mean() < grey[was].mean()
    assert not hair[120:160, 110:145].any()  # nose and mouth


@pytest.mark.parametrize(
    ("image", "covered", "message"),
    [
        (np.zeros((220, 200), np.uint8), None, r"shape \(220, 200, 3\)"),
        (np.zeros((220, 200, 3), np.float32), None, "got float32"),
        (np.zeros((220, 200, 3), np.uint8), np.ones((3, 3), bool), "covered"),
    ],
)
def test_arrays_that_do_not_fit(face, rules, refinement, image, covered, message):
    with pytest.raises(ValueError, match=message):
        refine_regions(np.zeros((220, 200), np.uint16), image, face[1], rules, refinement, covered)
