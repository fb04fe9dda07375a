"""``wsegs train`` and ``wsegs evaluate`` of parsers, of networks that read regions, and of averaged runs."""

from __future__ import annotations

import json

import pytest

from tests.training.tiny import make_store, write_faces, write_labels, write_truth

pytestmark = pytest.mark.slow

TINY = ("--width", 0.05, "--size", "32x28", "--batch-size", 4, "--max-steps", 2, "--precision", "32-true")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, astronaut_landmarks):
    """A data set, its mask store, and human masks."""
    folder = tmp_path_factory.mktemp("parsing")
    table = write_faces(folder / "data", astronaut_landmarks)
    write_labels(folder / "data", table)
    write_truth(folder / "truth", table)
    (folder / "classes.yaml").write_text("regions: {ground: 0, eyes: 7, mouth: 300}\n")
    make_store(folder, table)
    return folder


@pytest.fixture
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)
    return folder


def _train(run, *arguments):
    done = run("train", *arguments, *TINY, "--force")
    assert done.code == 0, done.err
    return done


def test_from_human_masks_to_attributes(run, here) -> None:
    done = _train(run, "parser", "--parsing-masks", "truth", "--class-map", "classes.yaml")
    assert "mean IoU" in done.out
    assert "accuracy" not in done.out
    # The recipes take the run that wsegs train parser makes.
    pooling = here / "ssp.yaml"
    from wsegs.io.files import shipped_folder

    text = (shipped_folder("models") / "ssp.yaml").read_text()
    pooling.write_text(text.replace("eyes: max, eyebrows: max, nose: max, mouth: max", "eyes: max, mouth: max"))
    assert "regions of 'ground'" not in _train(run, pooling).out
    _train(run, "ssg", "--hard-regions")
    assert "hard: true" in (here / "runs/ssg/recipe.yaml").read_text()
    assert "hard: false" in (here / "runs/ssp/recipe.yaml").read_text()
    done = run("evaluate", "runs/ssp", "runs/ssg", "--data", "data", "-j", 1, "--force")
    assert done.code == 0, done.err
    assert "runs/ssp + runs/ssg on 4 images" in done.out
    averaged = json.loads((here / "runs/ssp/evaluation-folder-test-with-ssg/metrics.json").read_text())
    assert averaged["run"] == "runs/ssp + runs/ssg"
    done = run("predict", "runs/ssp", "data/faces/000.png", "--json")
    assert set(json.loads(done.out)["images"][0]["attributes"]) == {"Smiling", "Eyeglasses", "Male"}


def test_a_parser_is_measured_by_class(run, here) -> None:
    _train(run, "parser", "--from-store", "-o", "runs/distilled")
    done = run("evaluate", "runs/distilled", "-j", 1, "--force")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0].split() == ["class", "pixels", "IoU"]
    assert [line.split()[0] for line in lines[1:5]] == ["background", "mouth", "eyes", "mean"]
    assert "4 images, split test" in done.out
    summary = json.loads(run("evaluate", "runs/distilled", "--split", "train", "--json", "-j", 1, "--force").out)
    assert summary["images"] == 22
    assert set(summary["classes"][0]) == {"class", "pixels", "iou"}


def test_both_of_a_joint_run(run, here) -> None:
    _train(run, "joint", "--from-store", "--parsing-store", "masks.h5")
    attributes = run("evaluate", "runs/joint", "--data", "data", "-j", 1, "--force")
    assert attributes.out.startswith("attribute")
    assert run("evaluate", "runs/joint", "--parsing", "-j", 1, "--force").out.startswith("class")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("train", "parser"),
            "from: masks: expected the folder of human parsing masks, got none; --parsing-masks DIR names it",
        ),
        (
            ("train", "parser", "--parsing-masks", "none"),
            "none: no such folder, where human parsing masks are expected",
        ),
        (("train", "parser", "--parsing-masks", "data", "--class-map", "classes.yaml"), "data/faces/000.png: expected"),
        (("train", "parser", "--parsing-masks", "truth", "--from-store"), "expected one of them"),
        (("train", "parser", "--parsing-masks", "truth", "--class-map", "celebamsk"), "did you mean 'celebamask'"),
        (("train", "ssg", "--parser", "none"), "none: no such run of a parser, which draws the regions of 'ssg'"),
        (("train", "naive", "--parser", "data"), "data: expected a run folder"),
        (("train", "basic", "--from-store"), "--from-store: network 'basic' reads no regions"),
        (("train", "parser", "--parser", "runs/parser"), "--parser: network 'parser' reads no regions"),
        (("train", "ssg", "--parsing-store", "masks.h5"), "--parsing-store: network 'ssg' does not learn to parse"),
        (("train", "ssp", "--from-store"), "pooling: no region 'eyebrows': expected default or one of"),
    ],
)
def test_wrong_input_is_one_line(run, here, arguments, message) -> None:
    done = run(*arguments, *TINY, "-o", "runs/wrong")
    assert done.code == 1
    assert message in done.err
    assert done.err.count("\n") == 1
    assert not (here / "runs/wrong").exists()


def test_parsing_options_are_for_parsers(run, here) -> None:
    _train(run, "basic")
    for arguments, message in (
        (("--parsing",), "does not parse faces; expected a parser's run"),
        (("--parsing-masks", "truth"), "--parsing-masks: is for parsing, which --parsing measures, or for --where"),
    ):
        done = run("evaluate", "runs/basic", "--data", "data", *arguments, "--force")
        assert (done.code, done.err.count("\n")) == (1, 1)
        assert message in done.err
