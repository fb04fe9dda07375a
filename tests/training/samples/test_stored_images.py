"""Trainings whose images are in the mask store: no folder of images is there."""

from __future__ import annotations

import shutil

import h5py
import numpy as np
import pytest
import torch

from tests.training.tiny import (
    RULES,
    SIZE,
    batch_plan,
    store_samples,
    store_split,
    tiny_recipe,
    write_faces,
    write_truth,
)
from wsegs.errors import DataError, OptionError
from wsegs.evaluation.crop_sources import StoreCrops, store_dataset
from wsegs.evaluation.evaluate import evaluate
from wsegs.evaluation.images import training_store
from wsegs.evaluation.inspect import inspect_run
from wsegs.evaluation.runs import load_run
from wsegs.geometry.frame import Frame
from wsegs.rules import compile_rules
from wsegs.rules.tuning.class_map import ClassMap
from wsegs.store import MaskStore
from wsegs.store.images import find_image_root
from wsegs.store.writing.build import build_store
from wsegs.store.writing.encode_crops import CropOptions
from wsegs.tasks.batch import SampleFields
from wsegs.training.resolve import Overrides, resolve
from wsegs.training.samples.checks import check_images
from wsegs.training.samples.class_maps import HumanClasses
from wsegs.training.samples.loaders import Loaders
from wsegs.training.samples.opening import OpenStore
from wsegs.training.samples.store_source import StoreSource
from wsegs.training.train import train


def _store(table, root, path, frame=None) -> MaskStore:
    frame = frame or Frame("image", SIZE)
    build_store(table, compile_rules(RULES, "tiny.yaml"), frame, path, images=CropOptions(root, 100), jobs=1)
    return MaskStore(path)


@pytest.fixture(scope="module")
def alone(tmp_path_factory, astronaut_landmarks):
    """A store with its images, whose folder is gone, and a run that was trained on it."""
    folder = tmp_path_factory.mktemp("alone")
    table = write_faces(folder / "data", astronaut_landmarks)
    (folder / "data" / table.images[1]).write_bytes(b"")
    store = _store(table, folder / "data", folder / "masks.h5")
    shutil.rmtree(folder / "data")
    train(tiny_recipe(max_steps=2), store, folder / "run")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("frame", [Frame("image", SIZE), Frame("image", (128, 112)), Frame("face", (109, 89))])
@pytest.mark.parametrize("size", [(64, 56), (32, 28)])
def test_crops_from_the_store_are_those_of_the_files(faces, table, tmp_path, frame, size):
    store = _store(table, faces, tmp_path / "masks.h5", frame)
    build_store(table, compile_rules(RULES, "tiny.yaml"), frame, tmp_path / "files.h5", jobs=1)
    plan = batch_plan(7, -1, 2)
    inside = store_samples(store, tmp_path / "nowhere", size, size)[plan]
    outside = store_samples(MaskStore(tmp_path / "files.h5"), faces, size, size)[plan]
    # The picture has edges of a pixel's width, and here they are resampled twice.
    assert (inside.images.int() - outside.images.int()).abs().float().mean() < 5
    assert not inside.images[1].any()
    torch.testing.assert_close(inside.regions, outside.regions)
    torch.testing.assert_close(inside.points, outside.points, equal_nan=True)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("start_method", ["fork", "spawn"])
def test_workers_read_images_from_the_store(alone, start_method):
    store = MaskStore(alone / "masks.h5")
    plan = resolve(tiny_recipe(validate_every=2), Overrides(masks=store.path))
    store.image(0)  # an open file must not cross into a worker

    def batches(workers):
        samples = store_samples(store, alone, (32, 28), (9, 7))
        return list(
            Loaders(plan, [samples], [store_split(store)], workers=workers, start_method=start_method).training()
        )

    for one, other in zip(batches(0), batches(1), strict=True):
        torch.testing.assert_close(one.images, other.images, rtol=0, atol=0)


@pytest.mark.slow
def test_images_that_the_store_lacks_are_left_out(alone):
    store = MaskStore(alone / "masks.h5")
    split = store_split(store)
    assert 1 not in np.concatenate([split.train, split.validation])
    assert len(split.train) + len(split.validation) == 21
    root = find_image_root(store, None)
    assert not root.exists()
    check_images(OpenStore(store, root), split.train)
    with pytest.raises(DataError, match=r"has no image of 'faces/001.png', .*\(1 of 26 images are missing\)"):
        check_images(OpenStore(store, root), np.arange(26))


def test_a_run_is_evaluated_on_the_store(alone):
    run = load_run(alone / "run")
    store = training_store(run.info)
    assert store is not None
    dataset = store_dataset(store)
    assert (dataset.name, dataset.images) == ("folder", store.images)
    evaluation = evaluate(run, dataset, "all", store=store)
    assert evaluation.crops == {"as in training": 25}
    (problem,) = evaluation.unreadable
    assert "has no image of 'faces/001.png'" in problem
    assert evaluate(run, dataset, "test", store=store).images == store.images[-4:]
    assert inspect_run(run, faces=2).images.shape == (2, 32, 28, 3)


def test_a_store_in_another_frame_is_cropped_by_its_landmarks(alone, faces, table, tmp_path):
    run = load_run(alone / "run")
    same = StoreCrops(MaskStore(alone / "masks.h5"), run.info, run.size, np.arange(26))
    large = _store(table, faces, tmp_path / "large.h5", Frame("image", (128, 112)))
    other = StoreCrops(large, run.info, run.size, np.arange(26))
    for position, kind in ((0, "landmarks"), (3, "whole image")):  # the third has no face
        crop = other.crop(position)
        assert crop.kind == kind
        assert np.abs(crop.image.astype(int) - same.crop(position).image).mean() < 15
    np.testing.assert_allclose(other.crop(0).points, same.crop(0).points, atol=1)


def test_human_masks_need_no_images_either(alone, table, tmp_path):
    write_truth(tmp_path, table)
    store = MaskStore(alone / "masks.h5")
    classes = ClassMap("own", {"background": (0,), "eyes": (7,), "mouth": (300,)})
    maps = HumanClasses(store.images, "masks.h5", tmp_path / "masks", classes)
    source = StoreSource(OpenStore(store, alone / "data"), SIZE, maps)
    (seen,) = source.read([0], SampleFields(classes=SIZE)).classes
    assert set(np.unique(seen)) == {0, 1, 2}


def test_a_damaged_image_ends_a_training_in_one_line(alone, tmp_path):
    shutil.copy(alone / "masks.h5", tmp_path / "masks.h5")
    with h5py.File(tmp_path / "masks.h5", "r+") as file:
        file["crops"][...] ^= 1
    with pytest.raises(DataError, match=r"masks.h5: has no image of 'faces/.*its bytes are not") as caught:
        train(tiny_recipe(max_steps=2), MaskStore(tmp_path / "masks.h5"), tmp_path / "run")
    assert "\n" not in str(caught.value)


def test_a_store_of_masks_alone_cannot_be_evaluated_on(store):
    with pytest.raises(OptionError, match=r"masks.h5: expected a store with its images inside"):
        store_dataset(store)
