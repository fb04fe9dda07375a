from __future__ import annotations

import json
import shutil

import pytest

from tests.training.tiny import make_store, tiny_recipe, write_faces, write_labels
from wsegs.store import MaskStore
from wsegs.training.train import train


@pytest.fixture(scope="module")
def folder(tmp_path_factory, astronaut_landmarks):
    """A data set, and a run trained on it."""
    folder = tmp_path_factory.mktemp("evaluate")
    table = write_faces(folder / "data", astronaut_landmarks)
    write_labels(folder / "data", table)
    train(tiny_recipe(max_steps=2), make_store(folder, table), folder / "run")
    return folder


@pytest.mark.slow
def test_evaluate_finds_the_data_of_the_training(run, folder) -> None:
    done = run("evaluate", folder / "run", "-j", 1)
    assert done.code == 0, done.err
    assert done.err == ""
    lines = done.out.splitlines()
    assert lines[0].split()[:3] == ["attribute", "positives", "accuracy"]
    assert [line.split()[0] for line in lines[1:5]] == ["Smiling", "Eyeglasses", "Male", "mean"]
    assert "crops: 4 as in training" in done.out
    output = folder / "run" / "evaluation-folder-test"
    written = {"metrics.csv", "metrics.json", "scores.csv", "attributes.png", "relations.csv", "labels.csv"}
    written |= {"balanced.csv", "reliance.csv"}
    assert {file.name for file in output.iterdir()} == written


@pytest.mark.slow
def test_any_split_of_any_data_as_json(run, folder) -> None:
    arguments = ("evaluate", folder / "run", "--data", folder / "data", "--split", "all", "-o", folder / "all")
    done = run(*arguments, "--checkpoint", "last", "--json", "-j", 1)
    assert done.code == 0, done.err
    summary = json.loads(done.out)
    assert (summary["images"], summary["split"], summary["checkpoint"]) == (26, "all", "last")
    assert set(summary["mean"]) >= {"accuracy", "error", "average_precision", "balanced_accuracy", "majority_rate"}
    again = run(*arguments)
    assert again.code == 1
    assert "exists already; --force" in again.err
    assert run(*arguments, "--force", "-j", 1).code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("none",), "none: no such run; wsegs train makes one"),
        (("data",), "data: expected a run folder, but it has no run.json"),
        (("run", "--data", "nowhere"), "nowhere: no such folder"),
        (("run", "--split", "validation"), "--split validation: no image"),
        (("run", "--images", "wild", "--split", "all"), "--images wild is for CelebA"),
        (("run", "--landmarks", "none.h5", "--split", "train"), "none.h5"),
    ],
)
def test_wrong_input_is_one_line(run, folder, monkeypatch, arguments, message) -> None:
    monkeypatch.chdir(folder)
    done = run("evaluate", *arguments)
    assert done.code == 1
    assert message in done.err
    assert done.err.count("\n") == 1


@pytest.mark.slow
def test_groups_and_what_predictions_lean_on(run, folder) -> None:
    arguments = ("evaluate", folder / "run", "--data", folder / "data", "--split", "all", "-j", 1)
    done = run(*arguments, "-o", folder / "groups", "--groups", "Male,Eyeglasses")
    assert done.code == 0, done.err
    assert "groups by Male, mean over the other attributes (95 % over people):" in done.out
    assert "if each attribute were present on half of the faces" in done.out
    summary = json.loads((folder / "groups" / "metrics.json").read_text())
    assert summary["bootstrap"] == {"over": "people", "people": 13, "samples": 500}
    assert [row["group"] for row in summary["groups"]["Male"]["groups"]] == ["Male", "not Male"]
    assert sum(row["faces"] for row in summary["groups"]["Male"]["groups"]) == 26
    assert summary["balanced"]["accuracy"] == pytest.approx(summary["mean"]["balanced_accuracy"])
    assert summary["reliance"]["pairs"] == 3
    assert summary["reliance"]["related_in"] == "measured images"
    done = run(*arguments, "-o", folder / "none", "--groups", "Mael")
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "--groups: " in done.err
    assert "did you mean 'Male'" in done.err
    assert not (folder / "none").exists()


@pytest.mark.slow
def test_where_it_looks_and_the_page_about_it(run, folder, tmp_path) -> None:
    train(tiny_recipe(size=(64, 56), max_steps=2), MaskStore(folder / "masks.h5"), tmp_path / "run")
    done = run("evaluate", tmp_path / "run", "--split", "all", "--where", "-j", 1)
    assert done.code == 0, done.err
    assert "where it looks, by maps (95 % over people):" in done.out
    output = tmp_path / "run" / "evaluation-folder-all"
    assert {"where.csv", "where.png"} < {file.name for file in output.iterdir()}
    where = json.loads((output / "metrics.json").read_text())["where"]
    assert where["against"][0]["faces"] == 25
    assert 0 < where["against"][0]["present"]["energy"] < 1
    shutil.copytree(tmp_path / "run", tmp_path / "other")
    done = run("compare", tmp_path / "other", tmp_path / "run")
    assert done.code == 0, done.err
    done = run("report", tmp_path / "run", "-o", tmp_path / "page.html")
    assert done.code == 0, done.err
    page = (tmp_path / "page.html").read_text()
    for heading in ("Where it looks, on average", "Reliance on correlation", "run compared with other"):
        assert heading in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "--where-masks", "data/labels.csv"), "--where-masks: is for --where"),
        (("run", "run", "--where"), "--where: expected one run, got several"),
        (("run", "--where", "--calibrate", "2"), "--where: measures all of the images"),
        (("run", "--where", "--where-masks", "none.h5"), "none.h5"),
        (
            ("run", "--parsing-masks", "data"),
            "--parsing-masks: is for parsing, which --parsing measures, or for --where",
        ),
    ],
)
def test_wrong_use_of_where_is_one_line(run, folder, monkeypatch, arguments, message) -> None:
    monkeypatch.chdir(folder)
    done = run("evaluate", *arguments)
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert message in done.err
