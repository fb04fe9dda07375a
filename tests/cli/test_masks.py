"""``wsegs masks`` and ``wsegs store info``, from the command line."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
import skimage.data
from PIL import Image

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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.fixture
def photos(landmarks, tmp_path):
    """The images of the landmark file where it says they are; the second face lies 20 pixels lower and to the right."""
    photo = skimage.data.astronaut()
    Image.fromarray(photo).save(tmp_path / "a.jpg")
    Image.fromarray(np.pad(photo, ((20, 68), (20, 0), (0, 0)))[:600, :512]).save(tmp_path / "b.jpg")
    return tmp_path


@pytest.mark.slow
def test_refine(run, landmarks, photos, tmp_path):
    arguments = ["masks", landmarks, "--frame", "face", "-j", 1]
    assert run(*arguments, "-o", tmp_path / "drawn.h5").code == 0
    done = run(*arguments, "-o", tmp_path / "refined.h5", "--refine")
    assert (done.code, done.err) == (0, "")
    assert "refined by pixels: top_of_head, below_chin, ears" in done.out
    assert "not refined" not in done.out
    drawn, refined = MaskStore(tmp_path / "drawn.h5"), MaskStore(tmp_path / "refined.h5")
    assert (drawn.regions([0, 1]) != refined.regions([0, 1])).mean(axis=(1, 2)).min() > 0.02
    assert "refined by pixels: top_of_head, below_chin, ears, by celeba" in run("store", "info", refined.path).out
    assert "refined by pixels" not in run("store", "info", drawn.path).out


def test_refine_some_regions_of_images_that_moved(run, landmarks, photos, tmp_path):
    (tmp_path / "moved").mkdir()
    (tmp_path / "a.jpg").rename(tmp_path / "moved" / "a.jpg")
    arguments = ["masks", landmarks, "--frame", "face", "-j", 1, "-o", tmp_path / "m.h5", "--refine", "below_chin,ears"]
    done = run(*arguments, "--data", tmp_path / "moved", "--json")
    assert done.code == 0, done.err
    refined = json.loads(done.out)["refined"]
    assert (refined["regions"], refined["unrefined_faces"]) == (["below_chin", "ears"], 1)
    assert "not refined: 1 faces" in run(*arguments, "--data", tmp_path / "moved", "--force").out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--refine", "top_of_hed"], "did you mean 'top_of_head'"),
        (["--refine", "--rules", "attparsenet-2020"], "needs the region 'face', which attparsenet-2020 does not have"),
        (["--refine", "--refinement", "celebra"], "did you mean 'celeba'"),
        (["--refinement", "celeba"], "--refinement: expected --refine beside it"),
        (["--refine", "--data", "nowhere"], "nowhere: no such folder"),
        (["--refine"], "no image of a face could be read"),
    ],
)
def test_refine_what_cannot_be(run, landmarks, tmp_path, arguments, message):
    done = run("masks", landmarks, "--frame", "face", "-j", 1, "-o", tmp_path / "m.h5", *arguments)
    assert done.code == 1
    assert done.err.count("\n") == 1
    assert message in done.err
    assert not (tmp_path / "m.h5").exists()


def test_refine_takes_no_landmarks_for_regions(run, landmarks):
    done = run("masks", "--frame", "face", "--refine", landmarks)
    assert done.code == 1
    assert "LANDMARKS comes before --refine" in done.err


@pytest.mark.slow
def test_shards_and_their_merger(run, landmarks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ["masks", landmarks, "--frame", "face", "-j", 1]
    assert run(*arguments, "-o", "whole.h5").code == 0
    for number in (1, 2):
        done = run(*arguments, "--shard", f"{number}/2")
        assert (done.code, done.err) == (0, "")
        assert f"masks.{number}-of-2.h5: 1 images" in done.out
        assert f"shard {number} of 2" in done.out
    assert run(*arguments, "--shard", "2/2", "-o", "own.h5", "--json").code == 0
    done = run("store", "merge", "masks.2-of-2.h5", "masks.1-of-2.h5")
    assert (done.code, done.err) == (0, "")
    assert "masks.h5: 2 images of 2 shards" in done.out
    assert (tmp_path / "masks.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()
    done = run("store", "merge", "masks.1-of-2.h5", "-o", "m.h5")
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "missing: 2 of 2" in done.err
    assert json.loads(run("store", "merge", "own.h5", "masks.1-of-2.h5", "--force", "--json").out)["images"] == 2


@pytest.mark.parametrize("shard", ["0/2", "3/2", "2", "a/b", "1/0"])
def test_no_shard(run, landmarks, shard):
    done = run("masks", landmarks, "--frame", "face", "--shard", shard)
    assert done.code == 2
    assert "expected K/N" in done.err
