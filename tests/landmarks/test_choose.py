from __future__ import annotations

import numpy as np

from wsegs.landmarks.choose import choose_face, intersection_over_union

BOXES = np.array([[0, 0, 40, 40], [80, 80, 40, 40], [150, 10, 44, 44]], np.float32)
SIZE = (200, 200)


def test_without_faces_none_is_chosen():
    assert choose_face(np.zeros((0, 4)), SIZE) is None


def test_the_largest_near_the_centre():
    assert choose_face(BOXES, SIZE) == 1
    assert choose_face(BOXES[[0, 2]], SIZE) == 1
    # In a corner it must be much larger.
    assert choose_face(np.array([[0, 0, 60, 60], [80, 80, 40, 40]]), SIZE) == 1
    assert choose_face(np.array([[0, 0, 120, 120], [80, 80, 40, 40]]), SIZE) == 0


def test_the_one_that_matches_the_known_box():
    assert choose_face(BOXES, SIZE, np.array([10, 10, 50, 50])) == 0
    assert choose_face(BOXES, SIZE, np.array([140, 10, 50, 50])) == 2
    assert choose_face(BOXES, SIZE, np.array([0, 150, 20, 20])) is None
    assert choose_face(BOXES, SIZE, np.full(4, np.nan)) == 1


def test_intersection_over_union():
    overlap = intersection_over_union(BOXES[:2], np.array([20, 0, 40, 40]))
    np.testing.assert_allclose(overlap, [20 * 40 / (2 * 1600 - 800), 0])
