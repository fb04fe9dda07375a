"""``--rotate``, ``--scale``, ``--shift``, ``--colour`` of ``wsegs train``, and ``wsegs evaluate --moved``."""

from __future__ import annotations

import json

import pytest

from tests.training.tiny import make_store, tiny_recipe, write_faces, write_labels
from wsegs.training.recipe import write_recipe
from wsegs.training.train import train


@pytest.fixture(scope="module")
def folder(tmp_path_factory, astronaut_landmarks):
    """A data set, its masks and a recipe."""
    folder = tmp_path_factory.mktemp("moved")
    table = write_faces(folder / "data", astronaut_landmarks)
    write_labels(folder / "data", table)
    make_store(folder, table)
    write_recipe(folder / "tiny.yaml", tiny_recipe(max_steps=2))
    return folder


@pytest.mark.slow
def test_a_run_on_moved_crops_is_measured_on_moved_crops(run, folder) -> None:
    moves = ("--rotate", 20, "--scale", "0.8,1.2", "--shift", 3, "--colour", 0.1, "--moved-masks", "drawn")
    done = run("train", folder / "tiny.yaml", folder / "masks.h5", *moves, "-o", folder / "run")
    assert done.code == 0, done.err
    assert json.loads((folder / "run" / "plan.json").read_text())["moves"] == {
        "rotate": 20.0,
        "scale": [0.8, 1.2],
        "shift": 3.0,
        "colour": 0.1,
        "moved_masks": "drawn",
    }
    for name in ("one", "two"):
        done = run("evaluate", folder / "run", "--moved", 7, "--shift", 0, "-o", folder / name, "--json", "-j", 1)
        assert done.code == 0, done.err
    assert (folder / "one" / "scores.csv").read_text() == (folder / "two" / "scores.csv").read_text()
    moved = json.loads(done.out)["moved"]
    assert moved == {"seed": 7, "rotate": 20.0, "scale": [0.8, 1.2], "shift": 0, "colour": 0.1}
    done = run("evaluate", folder / "run", "--moved", 7, "-j", 1)
    assert done.code == 0, done.err
    assert (folder / "run" / "evaluation-folder-test-moved-7" / "metrics.json").exists()
    assert "moved by seed 7: up to 20 degrees, 0.8 to 1.2 times, 3 pixels, colour 0.1\n" in done.out


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--rotate", 181), 2, "0<=x<=180"),
        (("--rotate", "nan"), 2, "expected a number, got 'nan'"),
        (("--scale", "1.2,0.8"), 2, "expected two factors above 0, the smaller first, such as 0.8,1.2, got '1.2,0.8'"),
        (("--scale", "1"), 2, "expected two factors above 0"),
        (("--shift", -1), 2, "x>=0"),
        (("--colour", 1), 2, "0<=x<1"),
        (("--moved-masks", "drawn"), 1, "drawn: expected crops that are moved"),
    ],
)
def test_mistakes_are_told(run, folder, options, code, message) -> None:
    done = run("train", folder / "tiny.yaml", folder / "masks.h5", *options, "-o", folder / "none")
    assert (done.code, message in done.err) == (code, True), done.err
    assert not (folder / "none").exists()


@pytest.mark.slow
def test_what_is_moved_is_said(run, folder) -> None:
    train(tiny_recipe(max_steps=2), folder / "masks.h5", folder / "still")
    for options, message in (
        (("--moved", 1), "--moved: "),
        (("--rotate", 5), "--rotate: expected --moved SEED, too"),
        (("--moved", 1, "--rotate", 5, "--parsing"), "--moved: parsing is measured on crops as they are"),
    ):
        done = run("evaluate", folder / "still", *options)
        assert (done.code, message in done.err) == (1, True), done.err
        assert not list((folder / "still").glob("evaluation*"))


def test_features_are_read_from_crops_as_they_are(run, folder) -> None:
    done = run("train", "region-probe", folder / "masks.h5", "--rotate", 5, "-o", folder / "none")
    assert done.code == 1
    assert "fits heads on features" in done.err
