"""Images and class maps moved by a matrix."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.data import astronaut

from wsegs.geometry.matrices import compose, invert, resize_affine, scale_affine, turn_affine
from wsegs.geometry.resample import resample_nearest
from wsegs.geometry.warp import covered_by_source, resize_image, warp_classes, warp_image, warp_nearest
from wsegs.store.stored_crops import decode_crop


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


@pytest.mark.parametrize("size", [(1024, 900), (700, 512), (512, 700), (900, 300)])
def test_enlarging_a_whole_image_is_bilinear(size):
    """As files are read, so are the crops inside a store."""
    image = astronaut()
    affine = resize_affine(np.array([image.shape[:2]]), size)[0]
    enlarged = warp_image(image, affine, size)
    shrunk = cv2.resize(image, (min(512, size[1]), min(512, size[0])), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(enlarged, cv2.resize(shrunk, size[::-1], interpolation=cv2.INTER_LINEAR))
    ok, encoded = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    assert ok
    np.testing.assert_array_equal(decode_crop(encoded.tobytes(), (512, 512), size), enlarged)


def test_resizing_an_image_to_its_own_size_keeps_it():
    image = astronaut()
    assert resize_image(image, (512, 512)) is image


@given(st.integers(4, 40), st.integers(4, 40), st.integers(4, 40), st.booleans())
def test_a_whole_mask_warps_as_it_is_resized(source, height, width, by_float32):
    mask = np.random.default_rng(0).integers(0, 500, (source, source + 1)).astype(np.uint16)
    matrix = resize_affine(np.array([mask.shape]), (height, width))[0]
    if by_float32:  # as a store's matrices come to another size
        matrix = scale_affine(resize_affine(np.array([mask.shape]), (218, 178))[0], (218, 178), (height, width))
    expected = resample_nearest(mask, (height, width), np.maximum)
    np.testing.assert_array_equal(warp_nearest(mask, matrix, (height, width), 9, np.maximum), expected)


@given(st.integers(2, 24), st.integers(2, 24), st.floats(0.3, 3), st.floats(-5, 5), st.floats(-180, 180))
def test_a_warp_takes_the_pixel_that_the_matrix_leads_to(height, width, scale, shift, degrees):
    mask = np.arange(1, 20 * 30 + 1, dtype=np.uint16).reshape(20, 30)
    matrix, _ = turn_affine((20, 30), degrees, scale)
    matrix[:, 2] += shift
    warped = warp_nearest(mask, matrix, (height, width), 0, np.maximum)
    assert warped.shape == (height, width)
    back = invert(matrix)
    for row in range(height):
        for column in range(width):
            x, y = back @ [column, row, 1]
            if min(abs(x % 1 - 0.5), abs(y % 1 - 0.5)) < 1e-4:
                continue  # as near to one pixel as to another
            inside = -0.5 < x < 29.5 and -0.5 < y < 19.5
            assert warped[row, column] == (mask[round(y), round(x)] if inside else 0)


@given(st.integers(2, 40), st.integers(2, 40), st.integers(0, 20), st.sampled_from([0.25, 0.5, 1.0, 2.0, 0.3]))
def test_a_mirroring_matrix_is_a_flip(source, target, shift, scale):
    mask = np.random.default_rng(0).integers(0, 500, (source, source)).astype(np.uint16)
    matrix = np.array([[scale, 0, shift / 4], [0, scale, 0]])
    mirror_before = np.array([[-1.0, 0, source - 1], [0, 1, 0]])
    mirror_after = np.array([[-1.0, 0, target - 1], [0, 1, 0]])
    expected = warp_nearest(mask, matrix, (target, target), 999, np.maximum)[:, ::-1]
    moved = compose(mirror_after, compose(matrix, mirror_before))
    np.testing.assert_array_equal(warp_nearest(mask[:, ::-1], moved, (target, target), 999, np.maximum), expected)


@pytest.mark.slow
@pytest.mark.parametrize("large", [1, 2, 3.7])
@given(scale=st.floats(0.75, 3), degrees=st.floats(-60, 60))
def test_the_centroid_of_a_moved_mask_stays_on_its_landmark(large, scale, degrees):
    """A mask of any size and its landmark are moved by one matrix, to within rounding; half a pixel would be seen."""
    size = (120, 100)
    side = tuple(round(large * length) for length in size)
    landmark = np.array([47.3, 61.8])
    (to_mask,) = resize_affine(np.array([size]), side).astype(float)
    x, y = to_mask @ [*landmark, 1]
    rows, columns = np.indices(side)
    radius = 25 * large
    mask = ((columns - x) ** 2 + (rows - y) ** 2 <= radius**2).astype(np.uint16)
    matrix, grown = turn_affine(size, degrees, scale)
    rows, columns = np.nonzero(warp_classes(mask, matrix, size, grown, 0))
    tolerance = 0.3 * max(1, scale / large)
    np.testing.assert_allclose([columns.mean(), rows.mean()], matrix @ [*landmark, 1], atol=tolerance)
