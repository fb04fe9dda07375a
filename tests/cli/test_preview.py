"""``wsegs preview``, from the command line."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from wsegs.landmarks.table import LandmarkTable, write_landmarks
from wsegs.schemes import IBUG68


@pytest.fixture
def landmarks(tmp_path, astronaut_landmarks, monkeypatch):
    """A landmark file of two images of one size, in the working directory."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.png"):
        cv2.imwrite(name, astronaut()[:240, 120:320, ::-1])
    table = LandmarkTable(
        scheme=IBUG68,
        images=("a.png", "b.png"),
        landmarks=np.stack([astronaut_landmarks - [120, 0]] * 2).astype(np.float32),
        status=np.array([1, 1], np.uint8),
        status_names=("none", "dlib"),
        faces=np.array([1, 1], np.int16),
        boxes=np.full((2, 4), np.nan, np.float32),
        image_size=np.tile(np.array([200, 240], np.int32), (2, 1)),
        attribute_names=(),
        attributes=np.zeros((2, 0), np.int8),
        identity=np.full(2, -1, np.int32),
        split=np.zeros(2, np.int8),
        provenance={"data": {"name": "folder", "root": str(tmp_path)}},
    )
    write_landmarks("landmarks.h5", table)


@pytest.mark.slow
def test_previews_a_store_without_an_argument(run, landmarks, tmp_path):
    assert run("masks", "--rules", "attparsenet-2020", "-j", 1).code == 0
    done = run("preview")
    assert (done.code, done.out) == (0, "preview.png: 2 faces\n"), done.err
    again = run("preview")
    assert again.code == 1
    assert again.err == "Error: preview.png: exists already; --force overwrites it, -o names another output\n"
    assert run("preview", "--force", "--faces", 1).out == "preview.png: 1 face\n"
    for options in (["--all-attributes"], ["--attribute", "Smiling", "--attribute", "Male", "--image", "b.png"]):
        assert run("preview", "-o", "one.png", "--force", *options).code == 0
        assert cv2.imread("one.png") is not None


def test_previews_rules_without_a_store(run, landmarks, tmp_path):
    done = run("preview", "landmarks.h5", "--rules", "attparsenet-2020", "--attribute", "Smiling")
    assert done.code == 0, done.err
    assert not list(tmp_path.glob("*.writing*"))
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".h5", ".png", ".png", ".png"]


def test_wrong_input_is_one_line(run, landmarks):
    run("masks", "--rules", "attparsenet-2020", "-j", 1)
    for arguments, words in (
        (["nowhere.h5"], "nowhere.h5: no such mask store"),
        (["landmarks.h5"], "landmarks.h5: expected a mask store"),
        (["masks.h5", "--attribute", "Smilling"], "did you mean 'Smiling'?"),
        (["masks.h5", "--attribute", "Male", "--all-attributes"], "expected one of the two, got both"),
        (["masks.h5", "--image", "c.png"], "'c.png' is none of the 2 images"),
        (["masks.h5", "--data", "nowhere"], "nowhere"),
        (["masks.h5", "-o", "x.jpg"], "ends in .png"),
        (["landmarks.h5", "--rules", "nothing"], "nothing: no such file"),
    ):
        done = run("preview", *arguments)
        assert done.code == 1
        assert words in done.err
        assert done.err.startswith("Error: ")
        assert done.err.count("\n") == 1
