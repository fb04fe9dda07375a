"""``wsegs rules score``, from the command line."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.fixture
def arguments(truth_folder, tmp_path, monkeypatch):
    """The options that name masks and landmarks, in an empty working directory."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return ["--parsing-masks", truth_folder, "--landmarks", truth_folder / "landmarks.h5"]


def test_prints_a_table(run, arguments):
    done = run("rules", "score", "attparsenet-2020", *arguments)
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0].split() == ["region", "images", "IoU", "std", "precision", "recall", "median", "missed"]
    assert [line.split()[0] for line in lines[1:9]] == [
        *("eyes", "eyebrows", "nose", "mouth", "ears", "top_of_head", "below_chin", "mean"),
    ]
    assert lines[1].split() == ["eyes", "3", *["1.000"], "0.000", "1.000", "1.000", "1.000", "0.0%"]
    assert lines[9:] == [
        "3 of 4 images have landmarks, 218x218",
        "not in celebamask: chin, cheeks, above_mouth",
    ]


@pytest.mark.slow
def test_json_csv_and_picture(run, arguments, tmp_path):
    files = ["--csv", "scores.csv", "--worst", "worst.png", "--worst-count", 2]
    done = run("rules", "score", "celeba", *arguments, *files, "--json", "--fold", "second")
    assert done.code == 0, done.err
    summary = json.loads(done.out)
    assert (summary["images"], summary["faces"], summary["fold"]) == (2, 2, "second")
    assert summary["detectors"] == []
    assert summary["regions"][0]["region"] == "eyes"
    assert 0 < summary["mean"]["iou"] < 1
    assert summary["mean"]["iou"] == pytest.approx(np.mean([region["iou"] for region in summary["regions"]]))
    with Path("scores.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["region"] == "eyes"]
    assert [row["image"] for row in rows] == ["b.png", "c.png"]
    assert np.mean([float(row["iou"]) for row in rows]) == pytest.approx(summary["regions"][0]["iou"], abs=1e-5)
    assert cv2.imread("worst.png").shape[1] > 400
    again = run("rules", "score", "celeba", *arguments, *files)
    assert (again.code, again.err.count("\n")) == (1, 1)
    assert "scores.csv: exists already" in again.err
    assert run("rules", "score", "celeba", *arguments, *files, "--force").code == 0


def test_own_rules_of_five_points_and_own_classes(run, arguments, tmp_path):
    rules, classes = tmp_path / "five.yaml", tmp_path / "classes.yaml"
    rules.write_text("version: 1\nscheme: celeba5\nregions:\n  nose: {box: [0, 1, 2]}\n  lips: {box: [3, 4]}\n")
    classes.write_text("regions: {nose: 2, mouth: [10, 11]}\n")
    done = run("rules", "score", rules, *arguments, "--class-map", classes)
    assert done.code == 0, done.err
    assert done.out.splitlines()[-2:] == [f"not in {rules}: mouth", f"not in {classes}: lips"]
    classes.write_text("regions: {mouth: 11}\n")
    done = run("rules", "score", rules, *arguments, "--class-map", classes)
    assert done.code == 1
    assert done.err == f"Error: {rules}: has none of the regions of {classes} (mouth); it has nose, lips\n"


@pytest.mark.slow
def test_finds_landmarks_itself(run, arguments, tiny_predictor):
    done = run(
        "rules", "score", "celeba", *arguments[:2], "--predictor", tiny_predictor, "-j", 1, "--turn", 20, "--scale", 2
    )
    assert done.code == 0, done.err
    assert "4 of 4 images have landmarks, 436x436" in done.out


@pytest.mark.slow
def test_wrong_input_is_one_line(run, arguments, truth_folder, tmp_path):
    (tmp_path / "bad.yaml").write_text("classes: {nose: 2}\nregions:\n  nose: nsoe\n")
    for extra, words in (
        (
            ["--class-map", tmp_path / "bad.yaml"],
            "bad.yaml:3:9: unknown class 'nsoe'; expected one of nose; did you mean",
        ),
        (["--class-map", "celebmask"], "celebmask: no such file, and no shipped one of that name in rules/classes"),
        (["--worst", "worst.jpg"], "--worst: expected a name that ends in .png, got 'worst.jpg'"),
        (["--landmarks", "nothing.h5"], "nothing.h5: no such file"),
        (["--images", "nowhere"], "nowhere: no such folder"),
    ):
        done = run("rules", "score", "celeba", *arguments, *extra)
        assert (done.code, done.out) == (1, "")
        assert words in done.err
        assert done.err.startswith("Error: ")
        assert done.err.count("\n") == 1
    done = run("rules", "score", "celeba", *arguments[:2], "--detectors", "dilb")
    assert "--detectors: unknown detector 'dilb'" in done.err
    cv2.imwrite(str(truth_folder / "masks/b.png"), np.zeros((218, 218, 3), np.uint8))
    done = run("rules", "score", "celeba", *arguments)
    assert done.code == 1
    assert "b.png: expected a class number a pixel" in done.err
    for usage in (["celeba"], ["--parsing-masks", truth_folder], ["celeba", *arguments, "--scale", 0]):
        assert run("rules", "score", *usage).code == 2


def test_outputs_never_replace_an_input_or_each_other(run, arguments, tmp_path):
    (tmp_path / "mine.yaml").write_text("extends: celeba\n")
    for files in (["--csv", tmp_path / "mine.yaml"], ["--csv", tmp_path / "a.png", "--worst", tmp_path / "a.png"]):
        done = run("rules", "score", tmp_path / "mine.yaml", *arguments, *files, "--force")
        assert done.code == 1
        assert "expected a file of its own to write" in done.err
    assert (tmp_path / "mine.yaml").read_text() == "extends: celeba\n"


def test_masks_of_another_order_are_told(run, arguments, truth_folder):
    """The masks' numbers exchanged: they are CelebAMask-HQ's, and said to be face-parsing.PyTorch's."""
    done = run("rules", "score", "attparsenet-2020", *arguments, "--class-map", "face-parsing")
    assert done.code == 0
    assert done.err.startswith("Note: the classes of ")
    assert "never overlap" in done.err
    assert "the order of celebamask would fit, mean IoU " in done.err
    summary = json.loads(run("rules", "score", "attparsenet-2020", *arguments, "--json").out)
    assert summary["doubt"] is None


@pytest.mark.parametrize("command", [["score", "celeba"], ["fit", "celeba", "-o", "out.yaml"]])
def test_masks_of_0_and_255_are_refused(run, arguments, truth_folder, tmp_path, command):
    for path in (truth_folder / "masks").iterdir():
        mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(path), np.where(mask == 13, 255, 0).astype(np.uint8))
    done = run("rules", *command, *arguments)
    assert (done.code, done.out) == (1, "")
    assert "the masks hold 0 background, 255, none of which is in a region of the class map celebamask" in done.err
    assert "'regions: {top_of_head: 255}'" in done.err
    (tmp_path / "hair.yaml").write_text("regions: {top_of_head: 255}\n")
    assert run("rules", "score", "celeba", *arguments, "--class-map", tmp_path / "hair.yaml").code == 0
