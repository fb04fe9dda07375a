"""``wsegs train facetracer`` and ``panda``, as a user runs them: train, evaluate, predict, report."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.training.tiny import make_store, write_faces, write_labels
from wsegs.landmarks.table import write_landmarks

SMALL = ("--size", "64x56", "-j", 1)
PANDA = (
    "--size",
    "64x56",
    "--width",
    0.1,
    "--max-steps",
    2,
    "--batch-size",
    8,
    "--precision",
    "32-true",
    "--folds",
    3,
    "-j",
    1,
)


@pytest.fixture
def table(tmp_path, astronaut_landmarks):
    table = write_faces(tmp_path / "data", astronaut_landmarks)
    write_labels(tmp_path / "data", table)
    return table


@pytest.fixture
def here(tmp_path, table, monkeypatch):
    """A data set, its landmarks and its store in an empty working directory."""
    make_store(tmp_path, table)
    write_landmarks(tmp_path / "landmarks.h5", table)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_facetracer_does_what_every_run_does(run, here):
    done = run("train", "facetracer", *SMALL, "--folds", 3, "--labels", "10,20")
    assert done.code == 0, done.err
    assert done.err == ""
    assert "runs/facetracer: facetracer, fitted on 20 images" in done.out
    assert "penalties by 3 folds of people" in done.out
    assert (here / "facetracer-features.h5").is_file()
    assert run("store", "verify", "facetracer-features.h5").code == 0
    done = run("evaluate", "runs/facetracer", "--landmarks", "landmarks.h5", "-j", 1)
    assert done.code == 0, done.err
    assert "regions: 4 from landmarks" in done.out
    done = run("predict", "runs/facetracer", "data/faces/000.png", "--maps", "maps", "--json")
    assert json.loads(done.out)["images"][0]["regions"] in ("landmarks found", "mean face")
    assert (here / "maps/000.png").is_file()
    done = run("train", "facetracer", *SMALL, "--folds", 3, "--labels", "12", "-o", "runs/fewer")
    assert done.code == 0, done.err
    assert run("evaluate", "runs/fewer", "--landmarks", "landmarks.h5", "-j", 1).code == 0
    done = run("report", "runs/facetracer", "runs/fewer")
    assert done.code == 0, done.err
    assert "all runs: label-curve-evaluation-folder-test" in done.out
    page = (here / "runs/facetracer/report.html").read_text()
    for heading in ("Against the number of training images", "How many labels it takes", "Attributes by regions"):
        assert heading in page


@pytest.mark.slow
@pytest.mark.parametrize("samples", ["masks.h5", "landmarks.h5"])
def test_panda_does_what_every_run_does(run, here, samples):
    done = run("train", "panda", samples, *PANDA)
    assert done.code == 0, done.err
    assert "penalties by 3 folds of people" in done.out
    assert (here / "runs/panda/trained.ckpt").is_file()
    assert run("store", "verify", "runs/panda/features.h5").code == 0
    for checkpoint in ("best", "trained"):
        done = run(
            "evaluate", "runs/panda", "--landmarks", "landmarks.h5", "--checkpoint", checkpoint, "--force", "-j", 1
        )
        assert done.code == 0, done.err
        assert "regions: 4 from landmarks" in done.out
    done = run("predict", "runs/panda", "data/faces/000.png", "--json")
    assert json.loads(done.out)["images"][0]["attributes"].keys() == {"Smiling", "Eyeglasses", "Male"}
    done = run("report", "runs/panda")
    assert done.code == 0, done.err
    for heading in ("Learning curves", "Penalties", "Activation maps"):
        assert heading in (here / "runs/panda/report.html").read_text()
    done = run("train", "panda", samples, *PANDA)
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "--resume continues it" in done.err


@pytest.mark.slow
def test_machines_learn_what_the_training_did_not_see(run, here):
    done = run("train", "panda", "masks.h5", *PANDA, "--hold-out-attributes", "Male,Smiling")
    assert done.code == 0, done.err
    assert "of the 2 attributes that the training did not see: accuracy" in done.out
    done = run("train", "basic", "masks.h5", *PANDA, "--svm", "--hold-out-attributes", "Male")
    assert done.code == 0, done.err
    assert "of the 1 attributes that the training did not see" in done.out
    assert "penalties by 3 folds of people" in done.out


def test_an_attribute_of_one_class_is_named_and_skipped(run, here, table):
    labels = table.attributes.copy()
    labels[:, 1] = 0
    (here / "masks.h5").unlink()
    make_store(here, replace(table, attributes=labels))
    done = run("train", "facetracer", *SMALL, "--folds", 3)
    assert done.code == 0, done.err
    assert "not fitted, since all their labels are alike: Eyeglasses" in done.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("facetracer", "landmarks.h5"), "landmarks.h5: regions: from: rules needs the regions of a mask store"),
        (("facetracer", "--finetune"), "--finetune: network 'facetracer' has no backbone that could be trained"),
        (("facetracer", "--hold-out-attributes", "Male"), "--hold-out-attributes: they would never be learnt"),
        (("facetracer", "--svm"), "--svm: recipe 'facetracer' fits heads already"),
        (("panda", "--svm"), "--svm: recipe 'panda' fits heads already"),
        (("panda", "masks.h5", "--labels", "10,20"), "--labels: expected one number for 'panda', which is trained"),
        (("panda", "masks.h5", "--labels", "100"), "--labels: expected at most 20"),
        (("panda", "--data", "data"), "data has no landmarks of its training images"),
        (("panda", "landmarks.h5", "--landmarks", "landmarks.h5"), "--landmarks: landmarks.h5 holds landmarks already"),
        (("panda", "landmarks.h5", "--crop", "letterbox"), "faces lie anywhere in crops of the kind 'letterbox'"),
        (("panda", "masks.h5", "--hold-out-attributes", "Mail"), "has no attribute 'Mail'"),
        (("panda", "masks.h5"), "validation images has present and absent labels to choose a penalty by; --folds 5"),
        (("panda", "none.h5"), "none.h5: no such mask store"),
        (("attparsenet", "masks.h5", "--svm"), "fit: machines are fitted on the features of a network"),
        (("basic", "masks.h5", "--hold-out-attributes", "Male"), "--hold-out-attributes: they would never be learnt"),
    ],
)
def test_mistakes_are_one_line(run, here, arguments, message):
    done = run("train", *arguments)
    assert done.code == 1, done.out
    assert message in done.err
    assert done.err.count("\n") == 1
    assert not (here / "runs").exists()


def test_features_alone(run, here):
    done = run("features", "--recipe", "facetracer", "-j", 1, "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["output"].endswith("/facetracer-features.h5")
    done = run("features", "--recipe", "panda", "-j", 1)
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "its network has features after its training" in done.err


def test_a_store_without_a_face_has_no_parts(run, here, table):
    (here / "masks.h5").unlink()
    nobody = replace(table, landmarks=np.full_like(table.landmarks, np.nan), status=np.zeros_like(table.status))
    make_store(here, nobody)
    done = run("train", "panda", "masks.h5")
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "has no landmarks of its training images" in done.err


def test_parts_are_checked_in_the_recipe(run, here):
    recipe = "version: 1\nnetwork: {name: panda}\nsize: 64x56\nstages: [{epochs: 1, losses: {attributes: 1}}]\n"
    for parts, message in (
        ("{from: parts}", "expected 'from: parts' and a field 'parts'"),
        ("{from: parts, parts: {eye: {left_eye: [0, 0]}}}", "line 5"),
        ("{from: parts, parts: {eye: {left_eye: [0, 0], eyebrow: [1, 1]}}}", "eyebrow"),
        ("{from: parts, parts: {eye: {left_eye: [1, 1], nose: [1, 1]}}}", "expected points at two places or more"),
    ):
        (here / "own.yaml").write_text(f"{recipe}regions: {parts}\n")
        done = run("train", "own.yaml", "masks.h5")
        assert (done.code, done.err.count("\n")) == (1, 1), done.err
        assert message in done.err
