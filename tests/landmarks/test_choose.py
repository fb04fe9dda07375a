from __future__ import annotations

import numpy as np

from wsegs.landmarks.choose import SURE, choose_face, intersection_over_union, is_sure

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


def test_a_sure_face_goes_before_a_larger_one_that_is_not():
    """A shirt with HOG's margin of 0.32 was taken over the face with 2.31, a skirt with 0.895 over a face with 1.0."""
    boxes = np.array([[60, 60, 90, 90], [90, 10, 40, 40]])
    assert choose_face(boxes, SIZE) == 0
    assert choose_face(boxes, SIZE, None, np.array([0.4, 0.995])) == 1
    assert choose_face(boxes, SIZE, None, np.array([SURE, 0.995])) == 0  # of two that are sure, the larger
    assert choose_face(boxes, SIZE, None, np.array([0.4, 0.3])) == 0  # none is sure
    assert choose_face(boxes, SIZE, boxes[0], np.array([0.1, 0.995])) == 0  # the data set says which


def test_who_needs_a_second_opinion():
    small, large = np.array([10, 10, 40, 40]), np.array([55, 60, 90, 90])
    assert is_sure(small, 0.5, SIZE)
    assert is_sure(small, np.nan, SIZE)  # the detector does not say
    assert not is_sure(small, 0.49, SIZE)
    assert is_sure(large, 0.1, SIZE)  # as in aligned images
    assert not is_sure(np.array([115, 60, 90, 90]), 0.1, SIZE)
