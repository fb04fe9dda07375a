"""One rule for the nearest pixel."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsegs.geometry.resample import NearestGrid, nearest_pixels, nearest_to, resample_nearest, rescale

LENGTHS = st.integers(1, 60)


def _floored(source: int, target: int) -> np.ndarray:
    """Return the pixels that were taken before the rule for ties: the one that holds the centre, or the next."""
    return ((np.arange(target) + 0.5) * source / target).astype(int)


def _has_ties(source: int, target: int) -> bool:
    return any((2 * i + 1) * source % (2 * target) == 0 for i in range(target))


@given(LENGTHS, LENGTHS)
def test_pixels_are_nearest_and_symmetric(source, target):
    first, second = nearest_pixels(source, target)
    centres = rescale(np.arange(target), source / target)
    for pixels in (first, second):
        distance = np.abs(pixels - centres)
        assert (distance <= np.abs(np.arange(source)[:, None] - centres).min(axis=0) + 1e-9).all()
    # The mirrored picture gives the mirrored pixels, a pair of them in the middle at most.
    np.testing.assert_array_equal(first[::-1], source - 1 - second)
    ties = first != second
    assert ties.sum() <= 1
    assert (first[ties] + second[ties] == source - 1).all()


@given(LENGTHS, LENGTHS)
def test_without_ties_pixels_are_those_of_before(source, target):
    if not _has_ties(source, target):
        np.testing.assert_array_equal(nearest_pixels(source, target).first, _floored(source, target))


def test_the_sizes_of_the_papers_keep_their_pixels():
    for source, target in ((218, 96), (178, 76), (218, 218)):
        assert not _has_ties(source, target)
        first, second = nearest_pixels(source, target)
        np.testing.assert_array_equal(first, _floored(source, target))
        np.testing.assert_array_equal(second, first)


def test_of_two_equally_near_the_one_nearer_to_the_middle_is_taken():
    assert nearest_pixels(8, 4).first.tolist() == [1, 3, 4, 6]
    first, second = nearest_pixels(10, 5)
    assert (first.tolist(), second.tolist()) == ([1, 3, 4, 6, 8], [1, 3, 5, 6, 8])
    assert nearest_pixels(2, 3).second.tolist() == [0, 1, 1]


@pytest.mark.parametrize("combine", [np.bitwise_or, np.maximum])
@given(source=st.tuples(LENGTHS, LENGTHS), target=st.tuples(LENGTHS, LENGTHS), seed=st.integers(0, 9))
def test_shrinking_commutes_with_flips(combine, source, target, seed):
    array = np.random.default_rng(seed).integers(0, 2**32, (2, *source), dtype=np.uint64)
    small = resample_nearest(array, target, combine)
    assert small.shape == (2, *target)
    assert small.dtype == np.uint64
    np.testing.assert_array_equal(resample_nearest(array[..., ::-1], target, combine), small[..., ::-1])
    np.testing.assert_array_equal(resample_nearest(array[..., ::-1, :], target, combine), small[..., ::-1, :])


@given(source=st.tuples(LENGTHS, LENGTHS), target=st.tuples(LENGTHS, LENGTHS))
def test_gathered_pixels_are_those_of_the_array(source, target):
    array = np.random.default_rng(0).integers(0, 256, source, dtype=np.uint16)
    grid = NearestGrid(source, target)
    gathered = array.reshape(-1)[grid.pixels]
    assert grid.has_ties == (len(gathered) > target[0] * target[1])
    np.testing.assert_array_equal(grid.regions(gathered), resample_nearest(array, target, np.bitwise_or))


def test_values_of_the_middle_column_are_combined():
    assert resample_nearest(np.array([[1, 2]]), (1, 1), np.bitwise_or).tolist() == [[3]]
    assert resample_nearest(np.array([[1, 2]]), (1, 1), np.maximum).tolist() == [[2]]
    assert resample_nearest(np.array([[1, 2], [4, 8]]), (1, 1), np.bitwise_or).tolist() == [[15]]


def test_opencv_agrees():
    """Where no two pixels are equally near, as with odd numbers of them; INTER_NEAREST takes others."""
    array = np.random.default_rng(0).integers(0, 2**16, (511, 301), dtype=np.uint16)
    for size in ((218, 178), (96, 76), (600, 700)):
        resized = resample_nearest(array, size, np.maximum)
        np.testing.assert_array_equal(resized, cv2.resize(array, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT))
        assert (resized != cv2.resize(array, size[::-1], interpolation=cv2.INTER_NEAREST)).any()


@given(st.integers(8, 300), st.integers(8, 300), st.floats(0.2, 0.8))
def test_the_centroid_of_a_mask_stays_on_its_landmark(source, target, share):
    """A resize moves a mask and a point alike; half a pixel of the larger of both sizes would be seen."""
    centre = share * (source - 1)
    reach = 0.18 * source
    mask = (np.abs(np.arange(source) - centre) <= reach).astype(np.uint8)[None]
    point = np.flatnonzero(mask).mean()
    (columns,) = np.nonzero(resample_nearest(mask, (1, target), np.bitwise_or)[0])
    assert abs(columns.mean() - rescale(point, target / source)) <= 0.5 * max(1, target / source)


def test_centroids_are_right_on_average():
    """Rounding cancels out over many masks; a convention that is half a pixel off does not."""
    rng = np.random.default_rng(0)
    offsets = {"exact": [], "opencv": []}
    for _ in range(2000):
        source, target = (int(n) for n in rng.integers(60, 400, 2))
        centre, reach = rng.uniform(0.3, 0.6) * source, rng.uniform(0.1, 0.25) * source
        mask = (np.abs(np.arange(source) - centre) <= reach).astype(np.uint8)[None]
        point = rescale(float(np.flatnonzero(mask).mean()), target / source)
        opencv = cv2.resize(mask, (target, 1), interpolation=cv2.INTER_NEAREST)
        for name, small in (("exact", resample_nearest(mask, (1, target), np.bitwise_or)), ("opencv", opencv)):
            offsets[name].append((np.flatnonzero(small).mean() - point) / max(1.0, target / source))
    assert abs(np.mean(offsets["exact"])) < 0.01
    assert abs(np.mean(offsets["opencv"])) > 0.2


def test_nearest_of_coordinates_may_lie_outside():
    first, second = nearest_to(np.array([-0.6, -0.5, 0.0, 3.5, 3.6]), 4)
    assert first.tolist() == second.tolist() == [-1, 0, 0, 3, 4]
