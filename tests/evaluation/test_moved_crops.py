"""Moved crops at test time are those of the training, to the bit, and what lies in them follows."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.tiny import RULES, SIZE
from wsegs.evaluation.crop_sources import FileCrops, StoreCrops
from wsegs.evaluation.crops import cropper_for
from wsegs.evaluation.region_readers import RulesReader
from wsegs.evaluation.runs import load_run
from wsegs.geometry.frame import Frame
from wsegs.geometry.matrices import compose, transform_points
from wsegs.geometry.moves import STAYS, Move
from wsegs.geometry.warp import warp_image
from wsegs.io.images import read_image
from wsegs.rules import compile_rules
from wsegs.store import MaskStore
from wsegs.store.writing.build import build_store
from wsegs.store.writing.encode_crops import CropOptions
from wsegs.training.samples.opening import OpenStore
from wsegs.training.samples.store_source import StoreSource

MOVE = Move(-17.0, 0.9, (1.5, 2.0), (1.1, 0.9, 1.2))


@pytest.fixture(scope="module")
def run(run_folder):
    return load_run(run_folder)


def test_files_are_moved_as_in_training(run, store, faces, table) -> None:
    cropper = cropper_for(run.info, run.crop_size)
    rules = compile_rules(RULES, "tiny.yaml")
    reader = RulesReader(rules, run.crop_size, run.crop_size, run.crop_size)
    paths = [faces / table.images[2]] * 2
    points = table.scheme.five_points(table.landmarks[[2]])[0]
    landmarks = table.landmarks[[2, 2]]
    crops = FileCrops(cropper, paths, [points] * 2, None, reader, landmarks, moves=(MOVE, STAYS))
    source = StoreSource(OpenStore(store, faces), run.crop_size, moved_masks="drawn")
    moved, plain = crops.crop(0), crops.crop(1)
    assert (moved.kind, plain.kind) == ("as in training", "as in training")
    np.testing.assert_array_equal(moved.image, MOVE.recoloured(source.moved_crop(2, MOVE)))
    np.testing.assert_array_equal(plain.image, source.crop(2))
    np.testing.assert_allclose(moved.matrix, compose(MOVE.affine(run.crop_size), plain.matrix), atol=1e-5)
    np.testing.assert_allclose(moved.points, transform_points(points[None], moved.matrix[None])[0], atol=1e-3)
    placed = transform_points(landmarks[:1], moved.matrix[None])
    np.testing.assert_array_equal(moved.regions, rules.draw(placed, run.crop_size)[0])
    assert not np.array_equal(moved.regions, plain.regions)


def test_crops_that_a_store_keeps_are_moved_as_in_training(run, faces, table, tmp_path) -> None:
    frame, rules = Frame("image", SIZE), compile_rules(RULES, "tiny.yaml")
    build_store(table, rules, frame, tmp_path / "masks.h5", images=CropOptions(faces, 100), jobs=1)
    store = MaskStore(tmp_path / "masks.h5")
    crops = StoreCrops(store, run.info, run.crop_size, np.array([4, 4]), moves=(MOVE, STAYS))
    source = StoreSource(OpenStore(store, tmp_path), run.crop_size)
    moved, plain = crops.crop(0), crops.crop(1)
    np.testing.assert_array_equal(moved.image, MOVE.recoloured(source.moved_crop(4, MOVE)))
    np.testing.assert_array_equal(plain.image, source.crop(4))
    five = store.scheme.five_points(store.landmarks[4][None])
    np.testing.assert_allclose(moved.points, transform_points(five, moved.matrix[None])[0], atol=1e-4)


def test_crops_about_boxes_move_too(run, faces, table) -> None:
    cropper = cropper_for(run.info, run.crop_size)
    boxed = type(cropper)(cropper.size, Frame("box", cropper.size), None, None, margin=0.3)
    image, box = read_image(faces / table.images[2]), np.array([10.0, 12.0, 30.0, 40.0])
    plain, moved = (boxed.place(image, box=box, move=move) for move in (STAYS, MOVE._replace(colour=STAYS.colour)))
    whole = compose(MOVE.affine(cropper.size), plain.matrix).astype(np.float32)
    np.testing.assert_array_equal(moved.matrix, whole)
    np.testing.assert_array_equal(moved.image, warp_image(image, whole, cropper.size))
