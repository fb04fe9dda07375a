"""Runs that read parts about landmarks: new images are read as those of the training were."""

from __future__ import annotations

import pickle
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from tests.training.tiny import make_store, write_faces, write_labels
from wsegs.datasets import open_dataset
from wsegs.evaluation.crop_sources import FileCrops
from wsegs.evaluation.crops import cropper_for
from wsegs.evaluation.evaluate import evaluate
from wsegs.evaluation.predict import Failure, predict
from wsegs.evaluation.region_readers import MEAN_FACE
from wsegs.evaluation.runs import load_run
from wsegs.features.reader import FeatureStore
from wsegs.landmarks.table import write_landmarks
from wsegs.schemes import CELEBA5, IBUG68
from wsegs.training.lightning.trainer import TrainerOptions
from wsegs.training.recipe import load_recipe
from wsegs.training.resolve import Overrides, resolve
from wsegs.training.train import train

PARTS = {
    "eyes": {"left_eye": [0.3, 0.5], "right_eye": [0.7, 0.5]},
    "nose": {"nose": [0.5, 0.5], "left_eye": [0.2, 0.1]},
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory, astronaut_landmarks):
    folder = tmp_path_factory.mktemp("parts")
    table = write_faces(folder / "data", astronaut_landmarks)
    write_labels(folder / "data", table)
    write_landmarks(folder / "landmarks.h5", table)
    return folder


@pytest.fixture(scope="module")
def table(astronaut_landmarks, tmp_path_factory):
    return write_faces(tmp_path_factory.mktemp("again") / "data", astronaut_landmarks)


def trained(folder, name, overrides):
    small = {"network.width": 0.1, "network.patch": 16, "size": (64, 56), "batch_size": 8, "precision": "32-true"}
    recipe = load_recipe("panda", {**small, "regions.parts": PARTS, "max_steps": 1, "fit.folds": 3})
    options = TrainerOptions("cpu", workers=0)
    train(recipe, None, folder / name, plan=resolve(recipe, overrides), options=options)
    return load_run(folder / name)


@pytest.fixture(scope="module", params=["store", "landmarks"])
def run(request, folder, table):
    """A run on a mask store, and one on crops about landmarks."""
    if request.param == "store":
        return trained(folder, "store", Overrides(masks=make_store(folder, table).path))
    return trained(folder, "landmarks", Overrides(data=folder / "data", landmarks=folder / "landmarks.h5"))


def test_evaluation_by_landmarks_is_the_fit_itself(folder, run, table):
    measured = evaluate(run, open_dataset(folder / "data"), "all", landmarks=table)
    assert measured.regions == {"landmarks": 25, "mean face": 1}
    with FeatureStore(run.path / "features.h5") as features:
        rows = features.rows_of(measured.images)
        has_features = features.status[rows] > 0
        read = features.matrix(rows[has_features]).astype(np.float32)
    assert has_features.sum() >= 25  # without a face there is no crop about it
    logits = run.network.heads["attributes"](torch.from_numpy(read)).detach()
    np.testing.assert_allclose(measured.logits[torch.from_numpy(has_features)], logits, atol=0.05)


def test_five_points_are_enough(folder, run, table):
    """Any scheme has them: a table of CelebA's five gives what that of 68 gives."""
    five = replace(table, scheme=CELEBA5, landmarks=IBUG68.five_points(table.landmarks))
    measured = [evaluate(run, open_dataset(folder / "data"), "test", landmarks=each) for each in (table, five)]
    torch.testing.assert_close(measured[0].logits, measured[1].logits)


def test_an_image_without_a_face_is_read_about_the_mean_face(folder, run):
    grey = folder / "grey.png"
    cv2.imwrite(str(grey), np.full((64, 56, 3), 127, np.uint8))
    (said,) = predict(run, [grey])
    assert not isinstance(said, Failure)
    assert said.regions_from == MEAN_FACE
    assert np.isfinite(said.probabilities).all()


def test_crops_pickle(folder, run, table):
    files = [folder / "data" / name for name in table.images]
    points = list(table.scheme.five_points(table.landmarks))
    source = FileCrops(cropper_for(run.info, run.size), files, points, find_points=True)
    again = pickle.loads(pickle.dumps(source))
    np.testing.assert_array_equal(again.crop(7).points, source.crop(7).points)
    assert source.crop(7).regions_from == "landmarks"
    assert np.isnan(source.crop(3).points).all()
