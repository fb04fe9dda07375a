"""A fit of heads on features: a run like every other, chosen by people who were not fitted on."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.svm import LinearSVC

from tests.training.tiny import make_store, write_faces, write_labels
from wsegs.errors import DataError, OptionError, OutputExistsError
from wsegs.evaluation.runs import load_run, thresholds_of
from wsegs.features.reader import FeatureStore
from wsegs.store import MaskStore
from wsegs.training.fitting.feature_files import build_planned_features
from wsegs.training.fitting.fit import fit_probe
from wsegs.training.fitting.segments import mean_shares, own_regions
from wsegs.training.recipe import load_recipe
from wsegs.training.resolve import Overrides, resolve
from wsegs.training.train import train


def probe_recipe(**fields):
    """Return the recipe of a probe on small images."""
    small = {"size": (64, 56), "network.strides": [4, 8], "fit.folds": 3, "precision": "32-true"}
    return load_recipe("region-probe", {**small, **fields})


def fitted(store, output, **fields):
    """Fit a probe on a store and return the summary."""
    recipe = probe_recipe(**fields)
    return fit_probe(recipe, resolve(recipe, Overrides(masks=store.path)), output, jobs=1)


@pytest.fixture(scope="module")
def store(tmp_path_factory, astronaut_landmarks):
    """A store whose labels can be seen, and features beside it."""
    folder = tmp_path_factory.mktemp("fit")
    table = write_faces(folder / "data", astronaut_landmarks, count=60)
    write_labels(folder / "data", table)
    return make_store(folder, table)


@pytest.fixture(scope="module")
def summary(store, tmp_path_factory):
    return fitted(store, tmp_path_factory.mktemp("runs") / "probe")


def test_labels_that_can_be_seen_are_learnt(store, summary):
    assert summary["scores"]["average_precision"] > 0.9
    assert summary["measured_on"] == "by 3 folds of people"
    assert summary["skipped"] == []
    assert summary["images"] == {"train": 56, "validation": 0}
    assert summary["prior"] == 10
    run = load_run(summary["output"])
    assert run.attribute_names == ("Smiling", "Eyeglasses", "Male")
    assert run.info.provenance["backbone"]["licence"] == "Apache-2.0"
    assert len(run.info.provenance["backbone"]["sha256"]) == 64


def test_the_network_says_of_features_what_was_fitted(store, summary):
    run = load_run(summary["output"])
    with FeatureStore(summary["features"]) as features:
        read = torch.from_numpy(features.matrix(range(56)).astype(np.float32))
    logits = run.network.heads["attributes"](run.network.standardised(read)).detach().numpy()
    labels = store.attributes[:56]
    right = ((logits >= thresholds_of(run).numpy()) == (labels == 1))[labels >= 0]
    assert right.mean() > 0.95


def test_all_images_of_the_train_split_are_kept_apart_from_the_test_split(store, summary):
    with (Path(summary["output"]) / "training_images.csv").open() as file:
        names = {row["image"] for row in csv.DictReader(file)}
    test = {store.images[row] for row in np.flatnonzero(store.split == 2)}
    assert len(names) == 56
    assert not names & test


def test_own_regions_are_those_of_the_rules(store):
    plan = resolve(probe_recipe(), Overrides(masks=store.path))
    own = own_regions(plan)
    # mouth, eyes, whole image by Smiling: mouth; Eyeglasses: eyes; Male: all
    assert own.tolist() == [[True, False, True], [False, True, True], [False, False, False]]


def test_a_strong_prior_moves_decisions_into_the_attributes_own_regions(store, tmp_path):
    shares = [
        fitted(store, tmp_path / str(prior), **{"fit.prior": prior})["share_in_own_regions"] for prior in (1, 10, 1000)
    ]
    assert shares[0] < shares[1] < shares[2]
    with (tmp_path / "1000" / "region_shares.csv").open() as file:
        rows = {row["attribute"]: row for row in csv.DictReader(file)}
    assert float(rows["Smiling"]["own_share"]) > float(rows["Smiling"]["own_share_without_prior"])
    assert rows["Smiling"]["own_regions"] == "mouth"


def test_shares_sum_to_one(summary):
    run = load_run(summary["output"])
    layout = run.network.layout
    features = np.random.default_rng(0).normal(size=(9, layout.size)).astype(np.float32)
    weight = run.network.heads["attributes"].weight.detach().numpy().T
    np.testing.assert_allclose(mean_shares(layout, features, weight).sum(axis=1), 1)


def test_numbers_of_labels_are_points_of_a_curve(store, tmp_path):
    said = fitted(store, tmp_path / "run", **{"fit.labels": (12, 30)})
    assert said["images"]["train"] == 30
    assert [point["labels"] for point in said["label_curve"]] == [12, 30]
    with (tmp_path / "run/label_curve.csv").open() as file:
        assert [row["labels"] for row in csv.DictReader(file)] == ["12.0", "30.0"]


@pytest.mark.slow
def test_features_of_the_images_that_are_needed_alone_are_read(store, summary, tmp_path):
    """Where the features of all are not there: then they are taken, and say the same."""
    folder = tmp_path / "own"
    folder.mkdir()
    shutil.copyfile(store.path, folder / "masks.h5")
    own, few = MaskStore(folder / "masks.h5"), {"fit.labels": (8, 14)}
    said = fitted(own, tmp_path / "few", **few)
    assert said["features"] == str(folder / "features-14.h5")
    assert not (folder / "features.h5").exists()
    with FeatureStore(said["features"]) as features:
        assert {*features.images} == {own.images[row] for row in load_rows(tmp_path / "few", own)}
        assert len(features) == said["images"]["train"] == 14
    whole = fitted(store, tmp_path / "whole", **few)
    assert whole["features"] == summary["features"] == str(store.path.with_name("features.h5"))
    assert load_rows(tmp_path / "few", own) == load_rows(tmp_path / "whole", store)
    for name, score in whole["scores"].items():
        assert said["scores"][name] == pytest.approx(score, abs=1e-3)
    weights = [load_run(tmp_path / name).network.heads["attributes"].weight for name in ("few", "whole")]
    torch.testing.assert_close(*weights, rtol=0.02, atol=1e-4)
    # Half of the images or more are read with all others, which further fits take.
    assert fitted(own, tmp_path / "many", **{"fit.labels": (40,)})["features"] == str(folder / "features.h5")
    assert fitted(own, tmp_path / "again", **few)["features"] == str(folder / "features.h5")


@pytest.mark.slow
def test_features_of_a_limit_and_of_another_sample(store, tmp_path):
    shutil.copyfile(store.path, tmp_path / "masks.h5")

    def fit(name, seed, **options):
        recipe = probe_recipe(seed=seed, **{"fit.labels": (10,)})
        plan = resolve(recipe, Overrides(masks=tmp_path / "masks.h5", limit=20))
        return fit_probe(recipe, plan, tmp_path / name, jobs=1, **options)

    with FeatureStore(fit("one", 0)["features"]) as features:
        first = features.images
    assert len(first) == 10
    with pytest.raises(DataError, match=r"features-10\.h5: features of something else \(images: .*; --force makes"):
        fit("two", 1)
    with FeatureStore(fit("two", 1, force=True)["features"]) as features:
        assert len(features) == 10
        assert features.images != first
    # A file that somebody names holds what is needed, too.
    assert fit("three", 0, features=tmp_path / "mine.h5")["features"] == str(tmp_path / "mine.h5")


@pytest.mark.slow
def test_an_unreadable_image_is_left_out_of_the_labels(store, tmp_path):
    """The same images are chosen, whether all features are read or those alone."""
    data = shutil.copytree(store.data_root, tmp_path / "data")
    shutil.copyfile(store.path, tmp_path / "masks.h5")
    recipe = probe_recipe(**{"fit.labels": (12,)})
    plan = resolve(recipe, Overrides(masks=tmp_path / "masks.h5", data=data))
    fit_probe(recipe, plan, tmp_path / "whole", jobs=1)
    rows = load_rows(tmp_path / "whole", store)
    (data / store.images[rows[3]]).write_bytes(b"no image")
    for name in ("few", "all"):
        if name == "all":
            build_planned_features(plan, tmp_path / "features.h5", jobs=1)
        (tmp_path / "features-12.h5").unlink(missing_ok=True)
        said = fit_probe(recipe, plan, tmp_path / name, jobs=1)
        assert Path(said["features"]).name == ("features-12.h5" if name == "few" else "features.h5")
        assert load_rows(tmp_path / name, store) == [*rows[:3], *rows[4:]]
        assert (said["images"]["train"], said["fewer_labels"]) == (11, 12)


def test_there_are_no_more_folds_than_people(store, tmp_path):
    said = fitted(store, tmp_path / "run", **{"fit.folds": 50, "fit.labels": (6,)})
    people = len(np.unique(store.identity[load_rows(tmp_path / "run", store)]))
    assert said["chosen_by"] == f"{people} folds of people"


def load_rows(run, store):
    """Return the rows of a store that a run was fitted on."""
    with (run / "training_images.csv").open() as file:
        return [store.row(row["image"]) for row in csv.DictReader(file)]


def test_without_folds_the_validation_images_choose(store, tmp_path):
    said = fitted(store, tmp_path / "run", **{"fit.folds": 0})
    assert said["chosen_by"] == "the validation images"
    assert said["images"]["train"] + said["images"]["validation"] == 56


@pytest.mark.parametrize(
    "fields",
    [{"fit.loss": "hinge"}, {"fit.balance": "class"}, {"fit.mirrored_copies": True}, {"network.pooling": "max"}],
)
def test_variants_are_fitted(store, tmp_path, fields):
    path = tmp_path / "masks.h5"
    shutil.copyfile(store.path, path)
    said = fitted(MaskStore(path), tmp_path / "run", **fields)
    assert said["scores"]["average_precision"] > 0.7


def test_support_vector_machines_are_those_of_scikit_learn(store, tmp_path):
    said = fitted(store, tmp_path / "run", **{"fit.loss": "svm", "fit.prior": 1, "fit.thresholds": "none"})
    run = load_run(tmp_path / "run")
    with FeatureStore(said["features"]) as features:
        read = torch.from_numpy(features.matrix(range(56)).astype(np.float32))
    standardised = run.network.standardised(read)
    logits = run.network.heads["attributes"](standardised).detach().numpy()
    labels = store.attributes[:56]
    for a, name in enumerate(run.attribute_names):
        known = labels[:, a] >= 0
        cost = 1 / (said["penalty"][name] * known.sum())
        machine = LinearSVC(C=cost, dual=False, intercept_scaling=30, tol=1e-8)
        machine.fit(standardised[known].numpy(), labels[known, a])
        np.testing.assert_allclose(logits[:, a], machine.decision_function(standardised.numpy()), atol=2e-3)


def test_an_attribute_of_one_class_is_named_and_skipped(tmp_path, astronaut_landmarks):
    table = write_faces(tmp_path / "data", astronaut_landmarks)
    labels = table.attributes.copy()
    labels[:, 1] = 0
    table = replace(table, attributes=labels)
    write_labels(tmp_path / "data", table)
    said = fitted(make_store(tmp_path, table), tmp_path / "run")
    assert said["skipped"] == ["Eyeglasses"]
    run = load_run(tmp_path / "run")
    assert not run.network.heads["attributes"].weight[1].any()


def test_mistakes_are_one_line(store, tmp_path, summary):
    with pytest.raises(OutputExistsError, match="--force overwrites it"):
        fitted(store, Path(summary["output"]))
    with pytest.raises(DataError, match=r"features of something else \(network"):
        fitted(store, tmp_path / "run", **{"network.strides": [8]})
    with pytest.raises(OptionError, match=r"network: strides: expected whole numbers"):
        fitted(store, tmp_path / "run", **{"network.strides": "all"})
    with pytest.raises(
        OptionError, match="heads are fitted on features by region, which network 'basic' does not read"
    ):
        resolve(probe_recipe().model_copy(update={"network": load_recipe("basic").network}), Overrides(store.path))


def test_finetuning_begins_with_the_fit_and_reaches_the_backbone(store, summary, tmp_path):
    recipe = probe_recipe(**{"max_steps": 2, "batch_size": 4, "init_from": summary["output"]}).trained()
    before = load_run(summary["output"])
    train(recipe, store, tmp_path / "tuned")
    after = load_run(tmp_path / "tuned")
    weights = [run.network.backbone.stem[0].weight for run in (before, after)]
    assert not torch.equal(*weights)
    assert torch.allclose(*weights, atol=0.01)
    torch.testing.assert_close(after.network.mean, before.network.mean)
    assert not thresholds_of(after).any()
    assert json.loads((tmp_path / "tuned/plan.json").read_text())["fit"] is None
