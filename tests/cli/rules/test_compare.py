"""``wsegs rules compare``, from the command line."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def arguments(truth_folder):
    """The options that name masks and landmarks."""
    return ["--parsing-masks", truth_folder, "--landmarks", truth_folder / "landmarks.h5"]


@pytest.fixture
def few_are_enough(monkeypatch):
    """Let three faces decide: the tests' differences are large."""
    monkeypatch.setattr("wsegs.rules.tuning.compare.LEAST_IMAGES", 3)


def test_the_rules_that_drew_the_masks_are_better(run, arguments, few_are_enough):
    done = run("rules", "compare", "celeba", "attparsenet-2020", *arguments)
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[:2] == ["A: celeba", "B: attparsenet-2020"]
    assert lines[2].split() == ["region", "images", "A", "B", "B", "-", "A", "95", "%", "interval"]
    assert [line.split()[0] for line in lines[3:11]][-1] == "mean"
    assert lines[10].endswith("B is better")
    assert lines[11] == "3 of 4 images have landmarks, 218x218"


def test_json_and_the_other_way_round(run, arguments, few_are_enough):
    forth, back = (
        json.loads(run("rules", "compare", *pair, *arguments, "--json").out)
        for pair in (("celeba", "attparsenet-2020"), ("attparsenet-2020", "celeba"))
    )
    assert (forth["mean"]["better"], back["mean"]["better"]) == ("B", "A")
    assert forth["mean"]["difference"] == pytest.approx(-back["mean"]["difference"])
    assert (forth["mean"]["low"], forth["mean"]["high"]) == pytest.approx((-back["mean"]["high"], -back["mean"]["low"]))
    assert forth["regions_not_compared"] == []
    assert forth["faces"] == 3


def test_different_schemes_and_regions(run, arguments, tmp_path):
    rules = tmp_path / "five.yaml"
    rules.write_text("version: 1\nscheme: celeba5\nregions:\n  nose: {box: [0, 1, 2]}\n")
    done = run("rules", "compare", rules, "celeba", *arguments)
    assert done.code == 0, done.err
    assert [line.split()[0] for line in done.out.splitlines()[3:5]] == ["nose", "mean"]
    assert f"not in {rules}: eyes, eyebrows, mouth, ears, top_of_head, below_chin" in done.out


def test_the_same_rules_show_no_difference(run, arguments, few_are_enough):
    done = run("rules", "compare", "celeba", "celeba", *arguments)
    assert done.out.count("no difference seen") == 8
    assert "better" not in done.out


def test_too_few_images(run, arguments, truth_folder):
    for name in "bcd":
        (truth_folder / f"images/{name}.png").unlink()
        (truth_folder / f"masks/{name}.png").unlink()
    done = run("rules", "compare", "celeba", "attparsenet-2020", *arguments)
    assert done.code == 0, done.err
    assert done.out.count("too few images") == 8


def test_wrong_input_is_one_line(run, arguments, tmp_path):
    rules = tmp_path / "lips.yaml"
    rules.write_text("version: 1\nscheme: celeba5\nregions:\n  lips: {box: [3, 4]}\n")
    for pair, words in (
        (("celeba", "nothing"), "nothing: no such file"),
        (("celeba", rules), "lips.yaml: has none of the regions of celebamask"),
    ):
        done = run("rules", "compare", *pair, *arguments)
        assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
        assert words in done.err
    assert run("rules", "compare", "celeba", *arguments).code == 2
