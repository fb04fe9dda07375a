"""``wsegs masks`` and ``wsegs store info``, from the command line."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from wsegs.landmarks.table import LandmarkTable, write_landmarks
from wsegs.schemes import IBUG68
from wsegs.store import MaskStore

STATUS_NAMES = ("none", "dlib", "mtcnn", "face-alignment", "imported", "data set")


@pytest.fixture
def landmarks(tmp_path, astronaut_landmarks):
    """A landmark file of three images of two sizes, the last without a face; no labels."""
    table = LandmarkTable(
        scheme=IBUG68,
        images=("a.jpg", "b.jpg", "c.jpg"),
        landmarks=np.stack([astronaut_landmarks, astronaut_landmarks + 20, astronaut_landmarks * np.nan]),
        status=np.array([1, 1, 0], np.uint8),
        status_names=STATUS_NAMES,
        faces=np.array([1, 1, 0], np.int16),
        boxes=np.full((3, 4), np.nan, np.float32),
        image_size=np.array([[512, 512], [512, 600], [512, 512]], np.int32),
        attribute_names=(),
        attributes=np.zeros((3, 0), np.int8),
        identity=np.full(3, -1, np.int32),
        split=np.zeros(3, np.int8),
        provenance={"data": {"name": "folder", "root": str(tmp_path)}, "detectors": [{"name": "dlib"}]},
    )
    path = tmp_path / "landmarks.h5"
    write_landmarks(path, table)
    return path


def test_crops_about_faces(run, landmarks, tmp_path):
    output = tmp_path / "masks.h5"
    done = run("masks", landmarks, "--rules", "celeba", "--frame", "face", "--size", "109x89", "-o", output, "-j", 1)
    assert (done.code, done.err) == (0, "")
    assert "2 images, 2 with a face" in done.out
    assert "left out: 1 images" in done.out
    store = MaskStore(output)
    assert store.size == (109, 89)
    assert (store.attributes == -1).all()
    # Both are the same face, so both crops hold the same regions.
    np.testing.assert_array_equal(*store.regions([0, 1]))


def test_images_of_several_sizes_need_a_face_frame(run, landmarks):
    done = run("masks", landmarks)
    assert done.code == 1
    assert "got 2 sizes" in done.err
    assert "--frame face" in done.err


def test_rules_by_name_and_by_path_are_the_same(run, landmarks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hashes = set()
    for rules in ("celeba", "celeba.yaml", "rules/celeba.yaml"):
        done = run("masks", landmarks, "--rules", rules, "--frame", "face", "-o", "m.h5", "-j", 1, "--force", "--json")
        assert done.code == 0, done.err
        assert json.loads(done.out)["faces"] == 2
        hashes.add(MaskStore("m.h5").rules.sha256)
    assert len(hashes) == 1


def test_rules_that_are_not_there(run, landmarks):
    done = run("masks", landmarks, "--rules", "celebra")
    assert done.code == 1
    assert "did you mean 'celeba'" in done.err


def test_an_output_is_overwritten_only_when_asked(run, landmarks, tmp_path):
    arguments = ["masks", landmarks, "--frame", "face", "-o", tmp_path / "m.h5", "-j", 1]
    assert run(*arguments).code == 0
    assert "--force" in run(*arguments).err
    assert run(*arguments, "--force").code == 0


def test_no_jobs(run, landmarks):
    done = run("masks", landmarks, "--frame", "face", "-j", 0)
    assert done.code == 2
    assert "expected 1 or more" in done.err


def test_an_output_below_a_file(run, landmarks):
    done = run("masks", landmarks, "--frame", "face", "-o", landmarks / "masks.h5", "-j", 1)
    assert done.code == 1
    assert done.err.count("\n") == 1
    assert "landmarks.h5" in done.err


def test_options_come_from_the_environment(run, landmarks, tmp_path, monkeypatch):
    monkeypatch.setenv("WSEGS_MASKS_FRAME", "face")
    monkeypatch.setenv("WSEGS_JOBS", "1")
    monkeypatch.setenv("WSEGS_MASKS_OUTPUT", str(tmp_path / "from-environment.h5"))
    assert run("masks", landmarks).code == 0
    assert len(MaskStore(tmp_path / "from-environment.h5")) == 2


def test_store_info(run, landmarks, tmp_path):
    output = tmp_path / "m.h5"
    run("masks", landmarks, "--frame", "face", "-o", output, "-j", 1)
    done = run("store", "info", output)
    assert done.code == 0
    for expected in ("mouth", "Smiling", "sha256", "dlib", "100.0%"):
        assert expected in done.out
    summary = json.loads(run("store", "info", output, "--json").out)
    assert summary["images"] == 2
    assert run("store", "info", tmp_path / "none.h5").code == 1


def test_the_input_is_never_the_output(run, landmarks):
    before = landmarks.read_bytes()
    done = run("masks", landmarks, "--frame", "face", "-o", landmarks, "--force", "-j", 1)
    assert (done.code, landmarks.read_bytes()) == (1, before)
    assert "is the input" in done.err


def test_a_pipe_is_not_replaced(run, landmarks, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    done = run("masks", landmarks, "--frame", "face", "-o", tmp_path / "pipe", "--force", "-j", 1)
    assert done.code == 1
    assert (tmp_path / "pipe").is_fifo()
