from __future__ import annotations

import numpy as np

from wsegs.geometry.boxes import box_about, box_overlap


def test_overlaps_by_hand() -> None:
    one = np.array([0.0, 0, 4, 4])
    others = np.array([[0.0, 0, 4, 4], [2, 2, 4, 4], [4, 0, 4, 4], [1, 1, 2, 2], [np.nan] * 4])
    np.testing.assert_allclose(box_overlap(one, others), [1, 4 / 28, 0, 4 / 16, 0])


def test_the_box_about_points_touches_the_outermost() -> None:
    points = np.array([[[1.0, 5.0], [4.0, 2.0], [3.0, 3.0]], [[np.nan, 1.0], [0.0, 1.0], [1.0, 1.0]]])
    boxes = box_about(points)
    np.testing.assert_array_equal(boxes[0], [1, 2, 3, 3])
    assert np.isnan(boxes[1]).any()
