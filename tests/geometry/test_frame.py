"""Frames: affine matrices and the one place that warps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsegs.errors import OptionError
from wsegs.geometry.frame import Frame, frame_from_json, image_frame
from wsegs.geometry.matrices import resize_affine, scale_affine, transform_points

# Eyes, nose and mouth of an upright face, x and y.
FACE = np.array([[[100, 100], [140, 100], [120, 122], [105, 142], [135, 142]]], np.float32)
IMAGE = np.array([[300, 400]])  # width, height


def _tilted(points: np.ndarray, degrees: float) -> np.ndarray:
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (points - 120) @ turn.T + 120


def test_image_frame_of_the_same_size_is_the_identity():
    affine = image_frame(IMAGE).affine(FACE, IMAGE)
    np.testing.assert_array_equal(affine[0], [[1, 0, 0], [0, 1, 0]])


def test_image_frame_refuses_images_of_several_sizes():
    with pytest.raises(OptionError, match=r"got 2 sizes \(2 of 3 are 218x178\).*--frame face"):
        image_frame(np.array([[178, 218], [178, 218], [100, 90]]))


def test_resize_keeps_pixel_centres():
    # Four pixels become two: the centres of the two lie between those of the four.
    (affine,) = resize_affine(np.array([[4, 4]]), (2, 2))
    np.testing.assert_allclose(affine @ [0.5, 2.5, 1], [0, 1])


def test_face_frame_puts_the_face_where_celeba_has_it():
    affine = Frame("face", (218, 178), zoom=1).affine(FACE, IMAGE)
    (points,) = transform_points(FACE, affine)
    assert points[:2, 1] == pytest.approx([111.5] * 2, abs=1.5)
    assert np.linalg.norm(points[1] - points[0]) == pytest.approx(38.7, rel=0.05)
    assert points[:2, 0].mean() == pytest.approx(88.5, abs=0.5)


def test_tilt_is_kept_or_removed():
    tilted = _tilted(FACE, 25)
    for align_eyes, expected in ((False, 25), (True, 0)):
        affine = Frame("face", (218, 178), align_eyes=align_eyes).affine(tilted, IMAGE)
        (points,) = transform_points(tilted, affine)
        x, y = points[1] - points[0]
        assert np.rad2deg(np.arctan2(y, x)) == pytest.approx(expected, abs=0.01)


@given(st.floats(-40, 40), st.floats(0.3, 3), st.floats(-50, 50))
def test_face_frame_without_tilt_does_not_see_similarities(degrees, scale, shift):
    frame = Frame("face", (218, 178), align_eyes=True)
    expected = transform_points(FACE, frame.affine(FACE, IMAGE))
    moved = _tilted(FACE, degrees) * scale + shift
    np.testing.assert_allclose(transform_points(moved, frame.affine(moved, IMAGE)), expected, atol=0.02)


def test_face_frame_of_no_face_is_nan():
    affine = Frame("face", (218, 178)).affine(np.full((1, 5, 2), np.nan), IMAGE)
    assert np.isnan(affine).all()


@given(st.integers(20, 300), st.integers(20, 300))
def test_scale_affine_equals_a_frame_of_the_other_size(height, width):
    whole = resize_affine(IMAGE[:, ::-1], (218, 178))
    np.testing.assert_allclose(
        scale_affine(whole, (218, 178), (height, width)), resize_affine(IMAGE[:, ::-1], (height, width)), atol=1e-4
    )


def test_frame_survives_json():
    frame = Frame("face", (109, 89), align_eyes=True, zoom=1.5)
    assert frame_from_json(frame.as_json()) == frame


@pytest.mark.parametrize("align_eyes", [False, True])
def test_frames_of_older_stores_are_read(align_eyes):
    fields = Frame("face", (109, 89), align_eyes=align_eyes).as_json()
    fields["keep_tilt"] = not fields.pop("align_eyes")
    assert frame_from_json(fields).align_eyes == align_eyes
