"""``wsegs landmarks --relabel``, and what says that it is due."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import skimage.data

from wsegs.landmarks.table import read_landmarks
from wsegs.store import MaskStore


@pytest.fixture
def here(run, tmp_path, monkeypatch, astronaut_landmarks):
    """Two faces with labels, their landmarks in l.h5 and their masks in m.h5."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    header = ",".join(["file", *(f"{axis}_{i}" for axis in "xy" for i in range(68))])
    rows = []
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / "data" / name), skimage.data.astronaut()[..., ::-1])
        rows.append(",".join([name, *(f"{value:.2f}" for value in astronaut_landmarks.T.ravel())]))
    (tmp_path / "points.csv").write_text("\n".join([header, *rows]) + "\n")
    (tmp_path / "data/labels.csv").write_text("file,Smiling,Male,split\na.png,1,-1,train\nb.png,0,1,test\n")
    options = ("--data", "data", "--unknown", "0", "--detectors", "none", "--import", "points.csv", "-j", 1)
    assert run("landmarks", *options, "-o", "l.h5").code == 0
    assert masks(run).err == ""
    return tmp_path


def masks(run):
    return run("masks", "l.h5", "--shared-attributes-only", "--frame", "face", "-o", "m.h5", "-j", 1, "--force")


def test_corrected_labels_are_told_and_taken(run, here):
    assert run("store", "verify", "m.h5", "--landmarks", "l.h5", "--data", "data").code == 0
    labels = here / "data/labels.csv"
    labels.write_text(labels.read_text().replace("a.png,1", "a.png,-1"))
    words = f"the labels of 1 of 2 images are others in {here / 'data'} now (a.png: Smiling 1, now 0)"
    command = "wsegs landmarks --update l.h5 --relabel takes the new ones"
    done = masks(run)
    assert (done.code, done.err) == (0, f"Note: {words}; those of the file are used; {command}\n")
    done = run("store", "verify", "m.h5", "--landmarks", "l.h5")
    assert done.code == 1
    assert f"m.h5: {words}; {command}" in done.out
    assert words in run("store", "verify", "l.h5", "--data", "data").out

    before = read_landmarks("l.h5")
    done = run("landmarks", "--update", "l.h5", "--relabel")
    assert done.code == 0, done.err
    assert "l.h5: new labels of 1 of 2 images" in done.out
    after = read_landmarks("l.h5")
    np.testing.assert_array_equal(after.landmarks, before.landmarks)
    assert after.attributes.tolist() == [[0, 0], [-1, 1]]
    assert masks(run).err == ""
    assert MaskStore("m.h5").attributes.tolist() == [[0, 0], [-1, 1]]
    assert run("store", "verify", "m.h5", "--landmarks", "l.h5", "--data", "data").code == 0


def test_mistakes_are_one_line(run, here):
    for arguments, words in (
        (("--relabel",), "--relabel: expected --update LANDMARKS beside it"),
        (("--relabel", "--update", "l.h5", "--import", "points.csv"), "--relabel: takes labels alone"),
        (("--relabel", "--update", "l.h5", "-o", "m.h5"), "m.h5: exists already"),
        (("--relabel", "--update", "none.h5"), "none.h5: no such file"),
    ):
        done = run("landmarks", *arguments)
        assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
        assert words in done.err
