"""Regions of new images: as the mask store of the training had them, wherever they come from."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests.training.tiny import make_store, write_faces, write_labels, write_truth
from wsegs.datasets import open_dataset
from wsegs.errors import DataError, OptionError
from wsegs.evaluation.crop_sources import FileCrops
from wsegs.evaluation.crops import cropper_for
from wsegs.evaluation.evaluate import evaluate
from wsegs.evaluation.predict import Failure, predict
from wsegs.evaluation.region_readers import MEAN_FACE, open_regions, rules_reader
from wsegs.evaluation.runs import Run, load_run
from wsegs.features.reader import FeatureStore
from wsegs.geometry.matrices import resize_affine
from wsegs.geometry.resample import resample_nearest
from wsegs.store import MaskStore
from wsegs.training.fitting.fit import fit_probe
from wsegs.training.recipe import load_recipe
from wsegs.training.resolve import Overrides, resolve


@pytest.fixture(scope="module")
def folder(tmp_path_factory, astronaut_landmarks) -> Path:
    """A data set, its masks, human masks, and a fitted probe."""
    folder = tmp_path_factory.mktemp("probe")
    table = write_faces(folder / "data", astronaut_landmarks)
    write_labels(folder / "data", table)
    write_truth(folder / "truth", table)
    (folder / "classes.yaml").write_text("regions: {mouth: 300, eyes: 7}\n")
    store = make_store(folder, table)
    recipe = load_recipe("region-probe", {"size": (64, 56), "fit.penalties": [1.0, 0.1], "fit.folds": 3})
    fit_probe(recipe, resolve(recipe, Overrides(masks=store.path)), folder / "run", jobs=1)
    return folder


@pytest.fixture
def probe(folder) -> Run:
    return load_run(folder / "run")


@pytest.fixture(scope="module")
def table(folder, astronaut_landmarks, tmp_path_factory):
    return write_faces(tmp_path_factory.mktemp("again") / "data", astronaut_landmarks)


def _whole(size=(64, 56)):
    return resize_affine(np.array([size]), (64, 56))[0]


def test_rules_draw_on_a_new_image_what_the_store_has(folder, probe, table):
    store = MaskStore(folder / "masks.h5")
    reader = rules_reader(probe)
    assert reader is not None
    for row in (0, 7, 20):
        drawn, source = reader.read(row, (64, 56), _whole(), table.landmarks[row])
        assert source == "landmarks"
        np.testing.assert_array_equal(drawn, store.regions([row], probe.network.region_size)[0])


def test_a_store_and_class_maps_give_the_same_regions(folder, probe):
    store = MaskStore(folder / "masks.h5")
    for source in (folder / "masks.h5", folder / "truth"):
        _, reader = open_regions(probe, source, str(folder / "classes.yaml"), store.images)
        drawn, _ = reader.read(7, (64, 56), _whole(), None)
        expected = resample_nearest(store.regions([7])[0], probe.network.region_size, np.bitwise_or)
        assert (drawn != expected).mean() < 0.002  # where both regions were equally near, a class map has one


def test_an_image_without_a_face_is_read_by_the_mean_face(folder, probe, table):
    reader = rules_reader(probe)
    drawn, source = reader.read(3, (64, 56), _whole(), table.landmarks[3])
    assert source == MEAN_FACE
    assert not drawn.any()
    assert probe.regions.mean_face.any()
    grey = folder / "grey.png"
    cv2.imwrite(str(grey), np.full((64, 56, 3), 127, np.uint8))
    (said,) = predict(probe, [grey])
    assert not isinstance(said, Failure)
    assert said.regions_from == MEAN_FACE
    assert said.regions.any()
    np.testing.assert_allclose(
        said.shares.sum(axis=1) + probe.network.heads["attributes"].bias.detach().numpy(),
        np.log(said.probabilities / (1 - said.probabilities)),
        atol=1e-3,
    )


def test_evaluation_by_landmarks_is_the_fit_itself(folder, probe, table):
    dataset = open_dataset(folder / "data")
    measured = evaluate(probe, dataset, "all", landmarks=table)
    assert measured.regions == {"landmarks": 25, "mean face": 1}
    features = FeatureStore(folder / "features.h5")
    read = torch.from_numpy(features.matrix(features.rows_of(measured.images)).astype(np.float32))
    logits = probe.network.heads["attributes"](probe.network.standardised(read))
    np.testing.assert_allclose(measured.logits, logits.detach(), atol=0.05)  # features in the file are float16


def test_a_mask_store_as_source_of_regions_is_measured(folder, probe):
    dataset = open_dataset(folder / "data")
    run, reader = open_regions(probe, folder / "masks.h5", "celebamask", dataset.images)
    measured = evaluate(run, dataset, "test", regions=reader)
    assert measured.regions == {"mask store": 4}


def test_what_cannot_be_read_is_refused(folder, probe, tmp_path, table):
    (tmp_path / "other.yaml").write_text("regions: {lips: 300, eyes: 7}\n")
    with pytest.raises(OptionError, match=r"reads the region 'mouth', which class map .* does not have"):
        open_regions(probe, folder / "truth", str(tmp_path / "other.yaml"), table.images)
    with pytest.raises(DataError, match=r"has none of the 1 images; the first is 'else.png'"):
        open_regions(probe, folder / "masks.h5", "celebamask", ("else.png",))
    with pytest.raises(DataError, match=r"has no class map of the 1 images, such as else.png"):
        open_regions(probe, folder / "truth", str(folder / "classes.yaml"), ("else.png",))
    other = replace(probe, plan=replace(probe.plan, regions=None))
    with pytest.raises(OptionError, match="reads no regions that rules drew"):
        open_regions(other, folder / "masks.h5", "celebamask", table.images)


def test_crops_pickle_with_their_regions(folder, probe, table):
    source = FileCrops(
        cropper_for(probe.info, probe.size),
        [folder / "data" / name for name in table.images],
        None,
        regions=rules_reader(probe),
        landmarks=table.landmarks,
    )
    again = pickle.loads(pickle.dumps(source))
    np.testing.assert_array_equal(again.crop(7).regions, source.crop(7).regions)
    assert source.crop(7).regions_from == "landmarks"
