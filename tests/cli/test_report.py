from __future__ import annotations

import json

import pytest

from tests.training.tiny import make_store, recipe_of, tiny_recipe, write_faces, write_labels
from wsegs.training.train import train


@pytest.fixture(scope="module")
def folder(tmp_path_factory, astronaut_landmarks):
    """Two runs on one data set."""
    folder = tmp_path_factory.mktemp("report")
    table = write_faces(folder / "data", astronaut_landmarks)
    write_labels(folder / "data", table)
    store = make_store(folder, table)
    train(tiny_recipe(max_steps=2), store, folder / "attparsenet")
    train(recipe_of("bbox"), store, folder / "bbox")
    return folder


@pytest.mark.slow
def test_one_page_about_several_runs(run, folder) -> None:
    assert run("evaluate", folder / "bbox", "-j", 1).code == 0
    done = run("report", folder / "bbox", folder / "attparsenet")
    assert done.code == 0, done.err
    assert "bbox: curves, relation-folder-test, weights, maps" in done.out
    assert "attparsenet: curves, maps" in done.out
    page = (folder / "bbox" / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 6
    for text in ("Learning curves", "balanced accuracy", "Eyeglasses", "wsegs evaluate", "box_area: 0.0103", "sha256"):
        assert text in page
    assert "http://" not in page
    assert "https://" not in page


@pytest.mark.slow
def test_a_page_is_not_overwritten(run, folder) -> None:
    output = folder / "page.html"
    done = run("report", folder / "attparsenet", "-o", output, "--json")
    assert json.loads(done.out)["output"] == str(output)
    again = run("report", folder / "attparsenet", "-o", output)
    assert (again.code, again.err.count("\n")) == (1, 1)
    assert "exists already; --force" in again.err


@pytest.mark.slow
def test_what_is_missing_is_one_line(run, folder, tmp_path) -> None:
    done = run("report", tmp_path / "none")
    assert done.code == 1
    assert "none: no such run" in done.err
    done = run("report", folder / "attparsenet", "--data", tmp_path, "-o", tmp_path / "page.html")
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert not (tmp_path / "page.html").exists()


@pytest.mark.slow
def test_a_run_with_the_relation_shows_what_it_learnt_by(run, folder) -> None:
    output = folder / "related"
    options = ("--width", 0.05, "--size", "32x28", "--batch-size", 4, "--max-steps", 4, "--precision", "32-true")
    done = run("train", "basic", folder / "masks.h5", "--relation", 0.5, *options, "-o", output)
    assert done.code == 0, done.err
    done = run("report", output)
    assert done.code == 0, done.err
    assert "related: curves, relation, relation-steps, maps" in done.out
    page = (output / "report.html").read_text()
    assert "Of 3 pairs, " in page
    assert "are to be predicted alike (a correlation of 0.8 or more)" in page
