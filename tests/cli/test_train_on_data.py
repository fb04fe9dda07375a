"""``wsegs train RECIPE --data D``: samples straight from a data set, without a mask store."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from tests.training.tiny import write_faces, write_labels
from wsegs.landmarks.table import read_landmarks, write_landmarks

TINY = ("--width", 0.05, "--size", "32x28", "--batch-size", 4, "--max-steps", 2, "--precision", "32-true", "-j", 0)

AGE = """\
version: 1
network: {name: basic}
size: 32x28
stages: [{epochs: 2, losses: {age: 1, race: 1}}]
tasks: {age: {kind: number}, race: {kind: category}}
early_stopping: {monitor: age_mean_absolute_error}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory, astronaut_landmarks):
    """A data set whose labels have a number and a category, its landmarks, and no mask store."""
    folder = tmp_path_factory.mktemp("data-training")
    table = write_faces(folder / "data", astronaut_landmarks)
    write_labels(folder / "data", table)
    labels = folder / "data/labels.csv"
    first, *rows = labels.read_text().splitlines()
    typed = [f"{row},{20 + i},{'ABC'[i % 3]}" for i, row in enumerate(rows)]
    labels.write_text("\n".join([f"{first},age,race", *typed]) + "\n")
    write_landmarks(folder / "landmarks.h5", table)
    (folder / "age.yaml").write_text(AGE)
    return folder


@pytest.fixture(autouse=True)
def _here(folder, monkeypatch):
    monkeypatch.chdir(folder)


TYPES = ("--numbers", "age", "--categories", "race")


@pytest.mark.slow
def test_attributes_from_whole_images_and_from_crops(run, folder) -> None:
    done = run("train", "basic", "--data", "data", *TYPES, *TINY, "-o", "runs/whole")
    assert done.code == 0, done.err
    plan = json.loads((folder / "runs/whole/plan.json").read_text())
    assert (plan["sources"][0]["kind"], plan["sources"][0]["frame"]["kind"]) == ("data", "letterbox")
    done = run("train", "basic", "--data", "data", *TYPES, "--landmarks", "landmarks.h5", *TINY, "-o", "runs/crops")
    assert done.code == 0, done.err
    plan = json.loads((folder / "runs/crops/plan.json").read_text())
    assert plan["sources"][0]["frame"]["kind"] == "face"
    # The data set, its labels and its landmarks are those of the training where nothing else is named.
    done = run("evaluate", "runs/crops", "--split", "all", "-j", 1, "--json")
    assert done.code == 0, done.err
    summary = json.loads(done.out)
    assert summary["data"] == str(folder / "data")
    assert summary["images"] == 26
    assert summary["crops"]["landmarks"] == 25


@pytest.mark.slow
def test_numbers_and_categories_are_learnt_and_measured(run, folder, monkeypatch, tmp_path) -> None:
    arguments = ("train", "age.yaml", "--data", "data", *TINY, "-o", "runs/age")
    done = run(*arguments)
    assert done.code == 1
    assert "--numbers age reads numbers" in done.err
    done = run(*arguments, *TYPES)
    assert done.code == 0, done.err
    assert "age mean absolute error " in done.out
    assert "without masks" not in done.out  # there are none to learn
    monkeypatch.chdir(tmp_path)  # a run knows its data set from any folder
    done = run("evaluate", folder / "runs/age", "--split", "all", "-j", 1)
    assert done.code == 0, done.err
    assert "age: mean_absolute_error" in done.out
    assert "race: accuracy" in done.out
    assert "attributes.png" not in done.out
    summary = json.loads((folder / "runs/age/evaluation-folder-all/metrics.json").read_text())
    assert set(summary["tasks"]) == {"age", "race"}
    assert summary["tasks"]["age"]["mean_absolute_error"] > 0


@pytest.mark.slow
def test_a_sample_keeps_the_shares_of_splits(run, folder) -> None:
    kept = ("--update", "landmarks.h5", "--detectors", "none")
    done = run("landmarks", "--data", "data", *TYPES, *kept, "--limit", 13, "-o", "few.h5", "-j", 1)
    assert done.code == 0, done.err
    assert np.bincount(read_landmarks(folder / "few.h5").split).tolist() == [11, 0, 2]  # of 22 and 4
    done = run("train", "basic", "--data", "data", *TYPES, "--limit", 8, *TINY, "-o", "runs/few", "--json")
    assert done.code == 0, done.err
    summary = json.loads(done.out)
    assert summary["images"]["train"] + summary["images"]["validation"] == 8


def test_what_needs_masks_says_so(run) -> None:
    done = run("train", "attparsenet", "--data", "data", *TYPES, *TINY, "-o", "runs/none")
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "masks.h5: no such mask store; wsegs masks makes it" in done.err


@pytest.mark.slow
def test_what_is_unknown_in_the_training_is_unknown_when_it_is_measured(run, folder, tmp_path) -> None:
    """As in MAAD-Face: 1, -1 and 0, which is unknown."""
    first, *rows = (folder / "data/labels.csv").read_text().splitlines()
    name = first.split(",").index("Smiling")
    lines = [row.split(",") for row in rows]
    for number, line in enumerate(lines):
        line[name] = ("1", "-1", "0")[number % 3]
    others = [column for column, title in enumerate(first.split(",")) if title in ("Eyeglasses", "Male", "age", "race")]
    table = [[cell for column, cell in enumerate(line) if column not in others] for line in [first.split(","), *lines]]
    shutil.copytree(folder / "data", tmp_path / "maad")
    (tmp_path / "maad/labels.csv").write_text("\n".join(",".join(line) for line in table) + "\n")
    run_folder = tmp_path / "run"
    done = run("train", "basic", "--data", tmp_path / "maad", "--unknown", "0", *TINY, "-o", run_folder)
    assert done.code == 0, done.err
    for number, data in enumerate(((), ("--data", tmp_path / "maad"))):
        options = ("--split", "all", "-j", 1, "--json", "-o", tmp_path / str(number))
        done = run("evaluate", run_folder, *data, *options)
        assert done.code == 0, done.err
        (attribute,) = json.loads(done.out)["attributes"]
        assert attribute["labels"] == sum(number % 3 != 2 for number in range(len(lines)))
