"""``wsegs train anet-identity``, ``anet``, ``anet-svm``: people, then attributes, then machines on people left over."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from tests.training.tiny import write_faces, write_labels
from wsegs.landmarks.table import write_landmarks

TINY = ("--data", "data", "--landmarks", "landmarks.h5", "--width", 0.1, "--size", "47x39", "--precision", "32-true")
STEPS = ("--batch-size", 8, "--max-steps", 6, "--validate-every", 3, "-j", 0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, astronaut_landmarks):
    """A data set of 60 faces of 30 people, one of whom has one image to train on."""
    folder = tmp_path_factory.mktemp("anet")
    table = write_faces(folder / "data", astronaut_landmarks, count=60)
    table.identity[10] = 500
    write_labels(folder / "data", table)
    write_landmarks(folder / "landmarks.h5", table)
    return folder


@pytest.fixture(autouse=True)
def _here(folder, monkeypatch):
    monkeypatch.chdir(folder)


def _people(run_folder) -> set[str]:
    with (run_folder / "training_images.csv").open(newline="") as file:
        return {row["identity"] for row in csv.DictReader(file)}


@pytest.mark.slow
def test_people_then_attributes_then_machines(run, folder) -> None:
    done = run("train", "anet-identity", *TINY, *STEPS, "--people", "0-0.6")
    assert done.code == 0, done.err
    alone = [line for line in done.out.splitlines() if "and so no pair" in line]
    assert alone
    assert "next: wsegs train anet --trunk runs/anet-identity --data" in done.out
    assert alone[0].split(" of ")[0] in ("1", "2", "3")  # the one, her neighbour, and who has no face on one image
    done = run("train", "anet", *TINY, *STEPS, "--people", "0-0.6")
    assert done.code == 0, done.err
    assert "next: wsegs evaluate runs/anet" in done.out
    began = json.loads((folder / "runs/anet/run.json").read_text())["provenance"]["init_from"]
    assert [name for name in began if name.endswith("runs/anet-identity")]
    done = run("train", "anet-svm", *TINY, "--people", "0.6-1")
    assert done.code == 0, done.err
    assert "5 views of each face, fitted on" in done.out
    assert "by 5 folds of people" in done.out
    assert not _people(folder / "runs/anet-svm") & _people(folder / "runs/anet")
    assert "next: wsegs evaluate runs/anet-svm" in done.out

    done = run("evaluate", "runs/anet-svm", "--landmarks", "landmarks.h5", "--json", "-j", 1)
    assert done.code == 0, done.err
    assert json.loads(done.out)["images"] == 4
    done = run("predict", "runs/anet-svm", "data/faces/000.png", "--json")
    assert done.code == 0, done.err
    assert len(json.loads(done.out)["images"][0]["attributes"]) == 3

    done = run("report", "runs/anet-svm", "runs/anet-identity", "--neurons")
    assert done.code == 0, done.err
    machines, people = done.out.splitlines()[:2]
    assert machines.startswith("runs/anet-svm: ")
    assert machines.endswith("neurons, responses, layers, covered")  # three attributes make no groups
    assert people.endswith("neurons, responses, layers")  # who somebody is is looked for nowhere
    assert "third" in (folder / "runs/anet-svm/report.html").read_text()


@pytest.mark.slow
def test_machines_need_people_whom_the_trunk_has_not_seen(run, folder) -> None:
    assert run("train", "anet", "--no-trunks", *TINY, *STEPS, "--people", "0-0.7", "-o", "runs/seen").code == 0
    done = run("train", "anet-svm", "--trunk", "runs/seen", *TINY, "--people", "0-1", "-o", "runs/none")
    assert done.code == 1
    assert "fit: runs/seen was trained on " in done.err
    assert "; --people 0.7-1 takes those who are left" in done.err
    assert run("train", "anet", "--no-trunks", *TINY, *STEPS, "--people", "0-1", "-o", "runs/all").code == 0
    done = run("train", "anet-svm", "--trunk", "runs/all", *TINY, "-o", "runs/none")
    assert done.code == 1
    assert "it left nobody" in done.err
    assert not (folder / "runs/none").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("anet", "--trunk", "runs/nothing"),
            "trunks: runs/nothing: no such run; wsegs train RECIPE makes it",
        ),
        (("anet", "--trunk", "none.pth"), "network: trunks: none.pth: no such file of weights"),
        (("anet", "--trunk", "runs/nothing", "--no-trunks"), "--trunk and --no-trunks: expected one of them"),
        (("anet-identity", "--people", "0.8-0.2"), "--people: expected a share from a smaller to a larger number"),
        (
            ("anet-identity", "--people", "0-0.0001"),
            "none of the people of the train split is in the share 0 to 0.0001",
        ),
        (("anet-svm", "--finetune"), "--finetune: recipe 'anet-svm' fits heads on an ANet that is trained before"),
    ],
)
def test_mistakes_are_one_line(run, arguments, message) -> None:
    done = run("train", *arguments, "--data", "data", "--landmarks", "landmarks.h5", "-o", "runs/wrong")
    assert done.code == 1, done.out
    assert message in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_a_share_is_two_numbers(run) -> None:
    done = run("train", "anet-identity", "--people", "most")
    assert done.code == 2
    assert "expected two shares such as 0-0.8, got 'most'" in done.err


def test_people_with_one_image_each_make_no_pair(run, tmp_path, astronaut_landmarks) -> None:
    table = write_faces(tmp_path / "data", astronaut_landmarks)
    table.identity[:] = np.arange(len(table))
    write_labels(tmp_path / "data", table)
    write_landmarks(tmp_path / "landmarks.h5", table)
    done = run(
        "train",
        "anet-identity",
        "--data",
        tmp_path / "data",
        "--landmarks",
        tmp_path / "landmarks.h5",
        "-o",
        tmp_path / "run",
    )
    assert done.code == 1
    assert "expected several images of a person for losses of pairs" in done.err
