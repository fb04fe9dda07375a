from __future__ import annotations

import cv2
import numpy as np
import pytest

from wsegs.reports.overlay import (
    MASK_COLOUR,
    draw_landmarks,
    mask_overlay,
    region_overlay,
    scale_picture,
    scaled_size,
)
from wsegs.reports.palette import region_colours


def _is(picture, colour):
    return (picture == colour).all(axis=2)


def _larger(mask, scale):
    """The parity reference: whole-number scaling by repetition."""
    return mask.repeat(scale, axis=0).repeat(scale, axis=1)


def test_each_region_is_outlined_inside_its_mask_and_nowhere_else(face, region_names):
    picture = region_overlay(face.image, face.regions, region_names, scale=3)
    plain = scale_picture(face.image, 3)
    for r, colour in enumerate(region_colours(len(region_names))):
        drawn = _is(picture, colour) & ~_is(plain, colour)
        assert drawn.sum() > 20
        assert not (drawn & ~_larger(face.regions >> r & 1 == 1, 3)).any()


def test_pixels_outside_all_regions_are_untouched(face, region_names):
    picture = region_overlay(face.image, face.regions, region_names, scale=2)
    outside = _larger(face.regions == 0, 2)
    assert np.array_equal(picture[outside], scale_picture(face.image, 2)[outside])


def test_overlap_is_the_mean_of_both_colours(region_names):
    image = np.full((40, 60, 3), 100, np.uint8)
    regions = np.zeros((40, 60), np.uint16)
    regions[:, :40] |= 1
    regions[:, 20:] |= 2
    picture = region_overlay(image, regions, region_names[:2], scale=1).astype(int)
    one, other = region_colours(2).astype(int)
    for column, colour in ((10, one), (30, (one + other) / 2), (50, other)):
        assert picture[20, column] == pytest.approx(100 * 0.55 + colour * 0.45, abs=1)
    regions[:30, 20:40] ^= 2  # the second region has 400 cells now, half of them within the first, which has 1600
    regions[:, 40:] ^= 2
    regions[:10, 40:] ^= 2
    picture = region_overlay(image, regions, region_names[:2], scale=1).astype(int)
    mean = (one / 1600 + other / 400) / (1 / 1600 + 1 / 400)
    assert picture[35, 30] == pytest.approx(100 * 0.55 + mean * 0.45, abs=1)


@pytest.mark.parametrize(("dtype", "count"), [(np.uint16, 1), (np.uint16, 16), (np.uint32, 32), (np.uint64, 64)])
def test_the_highest_bit_of_every_width_is_seen(dtype, count):
    regions = np.zeros((30, 30), dtype)
    regions[10:20, 5:25] = dtype(1) << dtype(count - 1)
    picture = region_overlay(np.zeros((30, 30, 3), np.uint8), regions, [f"r{i}" for i in range(count)], scale=1)
    assert _is(picture, region_colours(count)[-1]).sum() == 2 * (10 + 20) - 4
    assert not picture[regions == 0].any()


@pytest.mark.parametrize("scale", [0.5, 1, 2.7])
def test_landmarks_are_dots_at_their_places(face, scale):
    black = np.zeros((*scaled_size(face.image.shape, scale), 3), np.uint8)
    picture = draw_landmarks(black, face.landmarks, scale)
    x, y = ((face.landmarks[30] + 0.5) * scale - 0.5).round().astype(int)
    assert picture[y, x].min() > 150
    assert 60 < cv2.connectedComponents((picture[..., 0] > 100).astype(np.uint8))[0] <= 69 or scale < 1


def test_landmarks_outside_the_picture_or_missing_draw_nothing(face):
    for points in (None, np.full((68, 2), np.nan), np.full((68, 2), 1e12), np.full((68, 2), -500.0)):
        assert np.array_equal(draw_landmarks(face.image, points, 2.0), face.image)


def test_mask_is_filled_when_drawn_and_an_outline_when_not(face):
    mask = face.regions >> 4 & 1 == 1
    plain = scale_picture(face.image, 2)
    filled, outlined = (mask_overlay(face.image, mask, drawn=drawn, scale=2) for drawn in (True, False))
    inside = _larger(mask, 2)
    core = cv2.erode(inside.astype(np.uint8), np.ones((9, 9), np.uint8)) == 1
    assert (filled[core] != plain[core]).any(axis=1).mean() > 0.95
    assert np.array_equal(outlined[core], plain[core])
    for picture in (filled, outlined):
        assert np.array_equal(picture[~inside], plain[~inside])
        assert _is(picture, MASK_COLOUR).sum() > 100
