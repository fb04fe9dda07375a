"""Frames: affine matrices and the one place that warps."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.data import astronaut

from wsegs.errors import OptionError
from wsegs.geometry.frame import (
    Frame,
    covered_by_source,
    frame_from_json,
    image_frame,
    resize_affine,
    scale_affine,
    transform_points,
    warp_image,
)
from wsegs.schemes import CELEBA5

# Eyes, nose and mouth of an upright face, x and y.
FACE = np.array([[[100, 100], [140, 100], [120, 122], [105, 142], [135, 142]]], np.float32)
IMAGE = np.array([[300, 400]])  # width, height


def _tilted(points: np.ndarray, degrees: float) -> np.ndarray:
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (points - 120) @ turn.T + 120


def test_image_frame_of_the_same_size_is_the_identity():
    affine = image_frame(IMAGE).affine(FACE, IMAGE, CELEBA5)
    np.testing.assert_array_equal(affine[0], [[1, 0, 0], [0, 1, 0]])


def test_image_frame_refuses_images_of_several_sizes():
    with pytest.raises(OptionError, match=r"got 2 sizes \(2 of 3 are 218x178\).*--frame face"):
        image_frame(np.array([[178, 218], [178, 218], [100, 90]]))


def test_resize_keeps_pixel_centres():
    # Four pixels become two: the centres of the two lie between those of the four.
    (affine,) = resize_affine(np.array([[4, 4]]), (2, 2))
    np.testing.assert_allclose(affine @ [0.5, 2.5, 1], [0, 1])


def test_face_frame_puts_the_face_where_celeba_has_it():
    affine = Frame("face", (218, 178), zoom=1).affine(FACE, IMAGE, CELEBA5)
    (points,) = transform_points(FACE, affine)
    assert points[:2, 1] == pytest.approx([111.5] * 2, abs=1.5)
    assert np.linalg.norm(points[1] - points[0]) == pytest.approx(38.7, rel=0.05)
    assert points[:2, 0].mean() == pytest.approx(88.5, abs=0.5)


def test_tilt_is_kept_or_removed():
    tilted = _tilted(FACE, 25)
    for align_eyes, expected in ((False, 25), (True, 0)):
        affine = Frame("face", (218, 178), align_eyes=align_eyes).affine(tilted, IMAGE, CELEBA5)
        (points,) = transform_points(tilted, affine)
        x, y = points[1] - points[0]
        assert np.rad2deg(np.arctan2(y, x)) == pytest.approx(expected, abs=0.01)


@given(st.floats(-40, 40), st.floats(0.3, 3), st.floats(-50, 50))
def test_face_frame_without_tilt_does_not_see_similarities(degrees, scale, shift):
    frame = Frame("face", (218, 178), align_eyes=True)
    expected = transform_points(FACE, frame.affine(FACE, IMAGE, CELEBA5))
    moved = _tilted(FACE, degrees) * scale + shift
    np.testing.assert_allclose(transform_points(moved, frame.affine(moved, IMAGE, CELEBA5)), expected, atol=0.02)


def test_face_frame_of_no_face_is_nan():
    affine = Frame("face", (218, 178)).affine(np.full((1, 5, 2), np.nan), IMAGE, CELEBA5)
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


def test_warp_puts_pixels_where_the_matrix_puts_points():
    # A white square on black: its centre must land where the matrix says, shrunk or enlarged.
    image = np.zeros((400, 300, 3), np.uint8)
    image[180:221, 140:181] = 255
    for scale in (0.3, 0.6, 1.0, 1.7):
        affine = np.array([[scale, 0, 12.0], [0, scale, 7.0]])
        warped = warp_image(image, affine, (800, 600))
        rows, columns = np.nonzero(warped[..., 0] > 127)
        expected = affine @ [160, 200, 1]
        assert [columns.mean(), rows.mean()] == pytest.approx(expected, abs=0.6)


def test_warp_of_the_whole_image_is_a_resize():
    image = astronaut()
    affine = resize_affine(np.array([image.shape[:2]]), (128, 100))[0]
    expected = cv2.resize(image, (100, 128), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(warp_image(image, affine, (128, 100)), expected)


def test_warp_is_black_where_the_source_ends():
    image = np.full((10, 10, 3), 200, np.uint8)
    warped = warp_image(image, np.array([[1.0, 0, 5], [0, 1, 5]]), (10, 10))
    assert warped[0, 0].tolist() == [0, 0, 0]
    assert warped[9, 9].tolist() == [200, 200, 200]


def test_where_a_frame_shows_its_source():
    whole = resize_affine(np.array([[20, 30]]), (10, 15))[0]
    assert covered_by_source(whole, (20, 30), (10, 15)).all()
    # Two pixels to the right and one up: two columns on the left and one row below lie outside.
    moved = np.array([[1, 0, 2], [0, 1, -1]], np.float32)
    covered = covered_by_source(moved, (4, 5), (4, 5))
    expected = np.zeros((4, 5), bool)
    expected[:3, 2:] = True
    np.testing.assert_array_equal(covered, expected)
    # A warp shows white exactly there.
    turned = np.array([[0.8, -0.6, 3], [0.6, 0.8, -2]], np.float32)
    shown = warp_image(np.full((40, 50, 3), 255, np.uint8), turned, (40, 50))[:, :, 0] > 127
    assert (covered_by_source(turned, (40, 50), (40, 50)) != shown).mean() < 0.02
