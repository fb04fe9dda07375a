"""Distances to regions and the likelihoods that follow, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from wsegs.refine.place import FAR, NEAR, features, prior, signed_distance


def test_distances_are_positive_inside():
    row = np.array([[0, 0, 1, 1, 1, 0]], np.uint8)
    region = np.repeat(row, 5, axis=0)
    assert signed_distance(region)[2].tolist() == pytest.approx([-2, -1, 1, 2, 1, -1], abs=0.2)


def test_an_empty_and_a_full_region_are_as_far_as_can_be():
    size = (4, 6)
    planes = features(np.stack([np.zeros(size, np.uint8), np.ones(size, np.uint8)]), 10.0)
    assert planes.shape == (5, 4, 6)
    assert np.isfinite(planes).all()
    assert (planes[0] == 1).all()
    assert (planes[1] == -1).all()
    assert (planes[2] == 1).all()
    np.testing.assert_allclose(planes[3], NEAR - FAR)
    assert (planes[4] == 0).all()


def test_features_do_not_depend_on_the_size_of_the_face():
    small = np.zeros((1, 40, 60), np.uint8)
    small[:, 10:30, 20:50] = 1
    large = np.kron(small, np.ones((1, 3, 3), np.uint8))
    # The middle pixel of each three by three lies where the small pixel does; borders differ by half a small pixel.
    np.testing.assert_allclose(features(large, 96.0)[:, 1::3, 1::3], features(small, 32.0), atol=0.1)


def test_likelihoods_are_a_softmax_of_scores():
    planes = np.array([[[1.0]], [[2.0]]], np.float32)
    likely = prior(planes, np.array([[1, 0.5], [0, 0]], np.float32))
    expected = np.exp([0, 2, 0]) / np.exp([0, 2, 0]).sum()
    np.testing.assert_allclose(likely[:, 0, 0], expected, rtol=1e-6)


def test_large_scores_do_not_overflow():
    likely = prior(np.ones((3, 2, 2), np.float32), np.full((2, 3), 100, np.float32))
    np.testing.assert_allclose(likely[:, 0, 0], [0, 0.5, 0.5])
