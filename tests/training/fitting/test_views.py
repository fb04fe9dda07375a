"""Machines on several views of a face: arrays in a run like every other, and what they say of features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.svm import LinearSVC

from tests.training.tiny import write_faces, write_labels
from wsegs.errors import DataError, OptionError
from wsegs.evaluation.evaluate import evaluate
from wsegs.evaluation.runs import load_run
from wsegs.landmarks.table import write_landmarks
from wsegs.nets.images import normalise
from wsegs.tasks.batch import SampleFields
from wsegs.training.fitting.views import fit_views
from wsegs.training.recipe import load_recipe
from wsegs.training.resolve import Overrides, resolve
from wsegs.training.samples.loaders import open_source


def recipe(**fields):
    """Return the recipe on small faces, on a network of chance."""
    small = {"size": (63, 55), "network.width": 0.3, "network.trunks": [], "samples.people": [0, 1]}
    return load_recipe("anet-svm", {**small, "precision": "32-true", **fields})


@pytest.fixture(scope="module")
def folder(tmp_path_factory, astronaut_landmarks) -> Path:
    folder = tmp_path_factory.mktemp("views")
    table = write_faces(folder / "data", astronaut_landmarks, count=60)
    write_labels(folder / "data", table)
    write_landmarks(folder / "landmarks.h5", table)
    return folder


def fitted(folder, output, **fields):
    chosen = recipe(**fields)
    overrides = Overrides(data=folder / "data", landmarks=folder / "landmarks.h5")
    return fit_views(chosen, resolve(chosen, overrides), output)


@pytest.fixture(scope="module")
def summary(folder, tmp_path_factory):
    return fitted(folder, tmp_path_factory.mktemp("runs") / "svm")


def test_labels_that_can_be_seen_are_learnt(summary) -> None:
    assert summary["scores"]["average_precision"] > 0.8
    assert summary["measured_on"] == "by 5 folds of people"
    assert (summary["images"], summary["people"]) == ({"train": 55, "validation": 0}, 28)
    assert (summary["views"], summary["feature_count"], summary["skipped"]) == (5, 5 * 48, [])
    run = load_run(summary["output"])
    assert run.info.provenance["fit"]["loss"] == "svm"
    assert {path.suffix for path in run.path.iterdir()} == {".yaml", ".json", ".csv", ".ckpt"}


def test_the_run_decides_as_scikit_learn_does(summary) -> None:
    run = load_run(summary["output"])
    opened, rows, source = open_source(run.plan.main, run.size)
    fitted_on = np.concatenate([rows.train, rows.validation])
    images = normalise(source.read(fitted_on, SampleFields()).images)
    with torch.inference_mode():
        output = run.network(images)
    features, decisions = output.features.numpy(), output.logits.numpy()
    labels = opened.labelled.attributes[fitted_on]
    for a, name in enumerate(run.attribute_names):
        known = labels[:, a] >= 0
        machine = LinearSVC(C=1 / (summary["penalty"][name] * known.sum()), dual=False, intercept_scaling=30, tol=1e-8)
        machine.fit(features[known], labels[known, a])
        expected = machine.decision_function(features)
        np.testing.assert_allclose(decisions[:, a], expected, atol=5e-3)
        clear = np.abs(expected) > 5e-3
        np.testing.assert_array_equal((decisions[:, a] > 0)[clear], machine.predict(features)[clear] == 1)


def test_it_is_evaluated_like_every_run(folder, summary) -> None:
    run = load_run(summary["output"])
    opened, _, _ = open_source(run.plan.main, run.size)
    evaluation = evaluate(run, opened.labelled, "test")
    assert len(evaluation.images) == 4
    assert evaluation.attribute_names == run.attribute_names


@pytest.mark.parametrize(
    "fields",
    [
        {"network.search": True, "network.border": 8},
        {"network.views": 1},
        {"fit.loss": "logistic", "fit.prior": 1},
        {"fit.folds": 0, "fit.thresholds": "balanced_accuracy"},
        {"fit.labels": [20]},
    ],
)
def test_variants_are_fitted(folder, tmp_path, fields) -> None:
    said = fitted(folder, tmp_path / "run", **fields)
    assert said["scores"]["average_precision"] > 0.5
    by_validation = fields.get("fit.folds") == 0
    assert (said["images"]["validation"] > 0) == by_validation
    assert said["images"]["train"] == 20 if "fit.labels" in fields else said["images"]["train"] > 20


def test_an_attribute_of_one_class_is_named_and_skipped(tmp_path, astronaut_landmarks) -> None:
    table = write_faces(tmp_path / "data", astronaut_landmarks, count=30)
    table.attributes[:, 1] = 0
    write_labels(tmp_path / "data", table)
    write_landmarks(tmp_path / "landmarks.h5", table)
    said = fitted(tmp_path, tmp_path / "run")
    assert said["skipped"] == ["Eyeglasses"]


def test_mistakes_are_one_line(folder, tmp_path, astronaut_landmarks) -> None:
    with pytest.raises(OptionError, match="fit: mirrored_copies: no mirrored copies"):
        fitted(folder, tmp_path / "run", **{"fit.mirrored_copies": True})
    table = write_faces(tmp_path / "data", astronaut_landmarks)
    table.identity[:] = 7
    write_labels(tmp_path / "data", table)
    write_landmarks(tmp_path / "landmarks.h5", table)
    with pytest.raises(DataError, match="expected images of two people or more to choose C by, got 1"):
        fitted(tmp_path, tmp_path / "run")
    assert not (tmp_path / "run").exists()
