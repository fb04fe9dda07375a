"""Each line of a next step works as it is printed."""

from __future__ import annotations

import csv
import json
import shlex
from dataclasses import replace

import numpy as np
import pytest

from tests.training.tiny import make_store, write_faces, write_labels
from wsegs.landmarks.table import write_landmarks
from wsegs.schemes import IBUG68

SMALL = ("--width", 0.05, "--size", "32x28", "--max-steps", 2, "--batch-size", 2, "--precision", "32-true")


def _follow(run, done) -> list:
    """Run the commands of the last line, as it stands, and return what they said."""
    assert done.code == 0, done.err
    (line,) = [line for line in done.out.splitlines() if "next: " in line]
    results = []
    for command in line.partition("next: ")[2].split("; "):
        program, *arguments = shlex.split(command)
        assert program == "wsegs"
        results.append(run(*arguments))
        assert results[-1].code == 0, f"{command}: {results[-1].err}"
    return results


@pytest.fixture
def table(tmp_path, astronaut_landmarks, monkeypatch):
    """A data set in a folder whose name has a blank, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "my data"
    table = write_faces(folder, astronaut_landmarks, count=12)
    write_labels(folder, table)
    with (tmp_path / "points.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", *(f"{axis}_{i}" for axis in "xy" for i in range(68))])
        for name, points in zip(table.images, table.landmarks, strict=True):
            if np.isfinite(points).all():
                writer.writerow([name, *points[:, 0], *points[:, 1]])
    return table


def _landmarks(run, output="my landmarks.h5", *more):
    options = ("--detectors", "none", "--import", "points.csv", "-j", 1, "-o", output)
    return run("landmarks", "--data", "my data", *options, *more)


@pytest.mark.slow
@pytest.mark.parametrize("names", [("Smiling", "Eyeglasses", "Male"), ("Foo", "Bar", "Baz"), ("Smiling", "Bar", "Baz")])
def test_from_landmarks_to_a_report(run, table, tmp_path, names) -> None:
    """CelebA's labels, others, and some of both."""
    write_labels(tmp_path / "my data", replace(table, attribute_names=names))
    *_, masks = _follow(run, _landmarks(run))
    assert (tmp_path / "masks.h5").is_file()
    if names == ("Foo", "Bar", "Baz"):
        return
    preview, fitted = _follow(run, masks)
    assert "preview.png" in preview.out
    _follow(run, fitted)


@pytest.mark.slow
def test_a_scheme_of_ones_own(run, table, tmp_path) -> None:
    """Its average face is that of the imported points."""
    own = {**IBUG68.as_mapping(average=False), "name": "own"}
    (tmp_path / "own.yaml").write_text(json.dumps(own))  # JSON is YAML
    done = _landmarks(run, "my landmarks.h5", "--scheme", "own.yaml")
    assert "wsegs rules new --data 'my data' --scheme own.yaml --landmarks 'my landmarks.h5' -o rules.yaml" in done.out
    new, _ = _follow(run, done)
    assert "wsegs rules preview rules.yaml --landmarks 'my landmarks.h5'" in new.out
    _follow(run, new)


@pytest.mark.slow
def test_images_of_several_sizes(run, table, tmp_path) -> None:
    import cv2

    file = tmp_path / "my data" / table.images[4]
    cv2.imwrite(str(file), cv2.copyMakeBorder(cv2.imread(str(file)), 0, 9, 0, 9, cv2.BORDER_REPLICATE))
    done = _landmarks(run)
    assert "--frame face" in done.out
    _follow(run, done)


@pytest.mark.slow
@pytest.mark.parametrize("split", ["test", "validation", "none"])
def test_a_parser_is_measured_where_there_are_images(run, table, tmp_path, split) -> None:
    codes = np.zeros(len(table), np.int8)
    codes[-3:] = {"test": 2, "validation": 1, "none": 0}[split]
    write_labels(tmp_path / "my data", replace(table, split=codes))
    store = make_store(tmp_path, replace(table, split=codes))
    done = run("train", "parser", store.path, "--from-store", *SMALL, "-o", "runs/my parser")
    results = _follow(run, done)
    assert len(results) == (1 if split == "none" else 2)
    ssg = run("train", "ssg", store.path, "--parser", "runs/my parser", *SMALL)
    _follow(run, ssg)
    naive = run("train", "naive", store.path, "--from-store", *SMALL)
    assert "evaluate" not in naive.out  # nothing draws its regions on new images
    _follow(run, naive)


def test_a_network_without_its_parser_says_how_to_make_one(run, table, tmp_path) -> None:
    make_store(tmp_path, table)
    done = run("train", "ssp", "masks.h5")
    assert done.code == 1
    assert "runs/parser: no such run of a parser" in done.err
    assert "wsegs train parser MASKS --from-store" in done.err


@pytest.mark.slow
def test_shards_are_joined(run, table, tmp_path) -> None:
    write_landmarks(tmp_path / "landmarks.h5", table)
    options = ("masks", "--rules", "celeba", "--shared-attributes-only", "-j", 1)
    for number in (1, 2):
        done = run(*options, "--shard", f"{number}/2")
        assert done.code == 0, done.err
    assert done.out.rstrip().endswith("next: wsegs store merge masks.*-of-2.h5 -o masks.h5")


def test_a_rule_file_to_start_from(run, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    _follow(run, run("rules", "new", "-o", "my rules.yaml"))


def test_a_store_without_labels_is_not_trained_on(run, table, tmp_path) -> None:
    write_landmarks(tmp_path / "landmarks.h5", replace(table, attributes=np.full_like(table.attributes, -1)))
    done = run("masks", "--rules", "celeba", "--shared-attributes-only", "-j", 1)
    assert "train" not in done.out.partition("next: ")[2]
    _follow(run, done)
