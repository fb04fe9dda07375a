"""Patches of crops: one of five in training, the middle in validation."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.samples.tester import FIELDS
from wsegs.geometry.crops import centre_affine, patch_corners
from wsegs.geometry.moves import Move
from wsegs.geometry.warp import warp_image
from wsegs.io.images import read_image
from wsegs.training.samples.data_source import DataSource
from wsegs.training.samples.opening import open_data
from wsegs.training.samples.sampler import Moves, TrainingSampler

WHOLE, PATCH = (40, 36), (32, 29)


def _source(faces) -> DataSource:
    return DataSource(open_data(faces, "centre", WHOLE), WHOLE, patch=PATCH)


def test_each_patch_is_cut_from_the_resized_image_to_the_pixel(faces, table) -> None:
    image = read_image(faces / table.images[2])
    whole = warp_image(image, centre_affine(image.shape[:2], WHOLE), WHOLE)
    moves = Moves(np.zeros(5, bool), np.arange(5))
    batch = _source(faces).read([2] * 5, FIELDS, moves)
    for patch, matrix, (top, left) in zip(batch.images, batch.matrix, patch_corners(WHOLE, PATCH), strict=True):
        np.testing.assert_array_equal(
            patch.permute(1, 2, 0).numpy(), whole[top : top + PATCH[0], left : left + PATCH[1]]
        )
        expected = centre_affine(image.shape[:2], WHOLE)
        np.testing.assert_allclose(matrix.numpy(), expected - [[0, 0, left], [0, 0, top]], rtol=1e-5)


def test_without_moves_it_is_the_middle_also_from_the_cache(faces, tmp_path) -> None:
    source = _source(faces)
    middle = source.read([3], FIELDS).images
    np.testing.assert_array_equal(middle, source.read([3], FIELDS, Moves(np.zeros(1, bool), np.zeros(1, int))).images)
    (tmp_path / "kept").mkdir()
    source.keep_rows(tmp_path / "kept", FIELDS)
    for _ in range(2):
        np.testing.assert_array_equal(middle, source.read([3], FIELDS).images)


def test_the_middle_fills_the_crop(faces) -> None:
    assert _source(faces).read([0], FIELDS).images.float().mean(dim=1).min() >= 0
    matrix = centre_affine((100, 50), (40, 40))
    assert (np.linalg.det(matrix[:, :2]) ** 0.5, matrix[0, 2]) == pytest.approx((0.8, -0.1))


def test_patches_depend_on_seed_and_step_alone_and_devices_share_them() -> None:
    rows = np.arange(64)
    sampler = TrainingSampler(rows, 16, 4, seed=3, flips=True, patches=True)
    drawn = [sampler.plan(step).moves.patch for step in range(40)]
    assert set(np.concatenate(drawn)) == {0, 1, 2, 3, 4}
    again = TrainingSampler(rows, 16, 4, seed=3, flips=False, patches=True)
    np.testing.assert_array_equal(again.plan(7).moves.patch, drawn[7])
    halves = [
        TrainingSampler(rows, 16, 4, seed=3, flips=True, patches=True, rank=rank, devices=2).plan(7).moves.patch
        for rank in range(2)
    ]
    np.testing.assert_array_equal(np.concatenate(halves), drawn[7])
    assert TrainingSampler(rows, 16, 4, seed=3, flips=True).plan(0).moves.patch is None


def test_a_patch_is_cut_from_the_moved_crop(faces) -> None:
    source, move = _source(faces), Move(10.0, 1.2, (3.0, 1.0))
    whole = source.moved_crop(2, move)
    batch = source.read([2, 2], FIELDS, Moves(np.zeros(2, bool), np.array([4, 0]), (move, move)))
    for patch, (top, left) in zip(batch.images, patch_corners(WHOLE, PATCH)[[4, 0]], strict=True):
        np.testing.assert_array_equal(
            patch.permute(1, 2, 0).numpy(), whole[top : top + PATCH[0], left : left + PATCH[1]]
        )
