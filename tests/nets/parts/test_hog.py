from __future__ import annotations

import numpy as np
import pytest
from skimage.feature import hog

from wsegs.nets.parts.hog import hog_maps


def _images(height=40, width=32, count=2):
    return np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def test_a_cell_has_the_mean_of_what_its_blocks_say() -> None:
    images = _images()
    maps = hog_maps(images, 8)
    assert maps.shape == (2, 9, 5, 4)
    blocks = hog(
        images[1], pixels_per_cell=(8, 8), cells_per_block=(2, 2), feature_vector=False, channel_axis=-1
    )  # (4, 3, 2, 2, 9)
    np.testing.assert_allclose(maps[1, :, 0, 0], blocks[0, 0, 0, 0], rtol=1e-5)  # a corner is in one block
    np.testing.assert_allclose(maps[1, :, 0, 1], (blocks[0, 0, 0, 1] + blocks[0, 1, 0, 0]) / 2, rtol=1e-5)
    inside = blocks[0, 0, 1, 1] + blocks[0, 1, 1, 0] + blocks[1, 0, 0, 1] + blocks[1, 1, 0, 0]
    np.testing.assert_allclose(maps[1, :, 1, 1], inside / 4, rtol=1e-5)


def test_pixels_behind_the_last_cell_count_nowhere() -> None:
    images = _images(43, 37)
    maps = hog_maps(images, 8)
    assert maps.shape == (2, 9, 5, 4)
    images[:, 41:], images[:, :, 33:] = 0, 0  # the pixel next to the last cell is part of its gradient
    np.testing.assert_array_equal(hog_maps(images, 8), maps)


@pytest.mark.parametrize(("axis", "bin_"), [(0, 4), (1, 0)])
def test_a_straight_edge_is_one_orientation(axis, bin_) -> None:
    """Rows that grow brighter have a gradient that points down, 90 degrees: the fifth of nine bins."""
    ramp = np.broadcast_to(np.expand_dims(np.arange(0, 128, 4, dtype=np.uint8), (1 - axis, 2)), (32, 32, 3))
    maps = hog_maps(ramp[None], 8)[0]
    assert (maps.argmax(axis=0)[1:-1, 1:-1] == bin_).all()
    assert maps[bin_, 1:-1, 1:-1].min() > 10 * np.delete(maps, bin_, axis=0)[:, 1:-1, 1:-1].max()


def test_other_numbers_of_orientations() -> None:
    assert hog_maps(_images(), 4, 6).shape == (2, 6, 10, 8)
