"""``wsegs rules fit``, from the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

FILE = """# My rules.
version: 1
scheme: ibug68
space: face
regions:
  mouth:
    polygon: [48, {points: 51, offset: [0, 0.1], fit: 0.3}, 54, {points: 57, offset: [0, -0.1], fit: 0.3}]   # lips
"""


@pytest.fixture
def arguments(truth_folder, tmp_path, monkeypatch):
    """A rule file, and the options that name masks and landmarks, in an otherwise empty working directory."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    Path("my.yaml").write_text(FILE)
    return ["my.yaml", "--parsing-masks", truth_folder, "--landmarks", truth_folder / "landmarks.h5"]


def test_writes_a_better_file(run, arguments):
    done = run("rules", "fit", *arguments, "-o", "out.yaml")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0].split() == ["region", "fitted", "to", "before", "after"]
    region, images, before, after = lines[1].split()
    assert (region, images) == ("mouth", "3")
    assert float(after) > float(before) + 0.1
    assert lines[3:] == ["3 of 4 images have landmarks, 218x218", "out.yaml: 4 numbers fitted to 3 faces"]
    written = Path("out.yaml").read_text()
    assert re.sub(r"(?<=offset: \[)[^\]]*", "", written) == re.sub(r"(?<=offset: \[)[^\]]*", "", FILE)
    assert Path("my.yaml").read_text() == FILE
    scored = run("rules", "score", "out.yaml", *arguments[1:], "--json")
    assert f"{json.loads(scored.out)['mean']['iou']:.3f}" == after


@pytest.mark.slow
def test_halves_curve_and_json(run, arguments):
    done = run("rules", "fit", *arguments, "-o", "out.yaml", "--fold", "second", "--curve", "curve.png", "--json")
    assert done.code == 0, done.err
    summary = json.loads(done.out)
    assert (summary["fitted"]["faces"], summary["others"]["faces"], summary["fold"]) == (2, 1, "second")
    assert summary["also_turned"] == 20
    assert summary["others"]["mean"]["after"] > summary["others"]["mean"]["before"]
    assert [point["masks"] for point in summary["curve"]] == [0, 2]
    assert summary["curve"][1]["iou"] == pytest.approx(summary["others"]["mean"]["after"])
    assert Path("curve.png").stat().st_size > 1000
    table = run("rules", "fit", *arguments, "-o", "b.yaml", "--fit-to", 2, "--curve", "b.png", "--also-turned", 0)
    assert table.code == 0, table.err
    assert table.out.splitlines()[0].split() == [
        "region",
        "fitted",
        "to",
        "before",
        "after",
        "others",
        "before",
        "after",
    ]
    assert [line.split()[:2] for line in table.out.splitlines()[4:6]] == [["0", "1"], ["2", "1"]]


def test_in_place_only_with_force(run, arguments):
    done = run("rules", "fit", *arguments)
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    assert "my.yaml: exists already; --force overwrites it" in done.err
    assert run("rules", "fit", *arguments, "--force").code == 0
    assert Path("my.yaml").read_text() != FILE


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--fit-to", "4"], "--fit-to 4: expected at most the 3 faces that there are"),
        (["--curve", "c.png"], "--curve: expected faces that are not fitted to; --fold first"),
        (["--curve", "c.gif", "--fit-to", "2"], "expected a name that ends in .png, .pdf or .svg, got 'c.gif'"),
        (["--class-map", "nowhere"], "nowhere"),
    ],
)
def test_bad_options_are_one_line(run, arguments, options, message):
    done = run("rules", "fit", *arguments, "-o", "out.yaml", *options)
    assert (done.code, done.err.count("\n")) == (1, 1), done.err
    assert message in done.err
    assert not Path("out.yaml").exists()


def test_bad_files_are_one_line(run, arguments):
    Path("my.yaml").write_text(FILE.replace(", fit: 0.3", ""))
    done = run("rules", "fit", *arguments, "-o", "out.yaml")
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "my.yaml: expected numbers marked 'fit:'" in done.err
    shipped = run("rules", "fit", "celeba", *arguments[1:], "--force")
    assert (shipped.code, shipped.err.count("\n")) == (1, 1)
    assert "celeba is a shipped rule file, which stays as it is; -o names" in shipped.err


def test_ctrl_c_leaves_no_file(run, arguments, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("wsegs.human_masks.fitting.compare_before_after", interrupt)
    assert run("rules", "fit", *arguments, "-o", "out.yaml").code == 130
    assert sorted(path.name for path in Path().iterdir()) == ["my.yaml"]


def test_says_why_nothing_was_fitted(run, arguments):
    """The nose moves no region that has masks; a box about the mouth is as good as it can be."""
    text = FILE.replace("  mouth:", "  brow: {polygon: [17, {points: 19, offset: [0, -0.1], fit: 0.3}, 21]}\n  mouth:")
    Path("my.yaml").write_text(re.sub(r", fit: 0.3(?=}, 5|}\])", "", text))
    done = run("rules", "fit", *arguments, "-o", "out.yaml", "--json")
    assert done.code == 0, done.err
    assert "moves a region that the masks score (mouth)" in json.loads(done.out)["unchanged"]
    done = run("rules", "fit", *arguments, "-o", "out.yaml", "--force")
    assert "all numbers are as they were: no number that is marked fit: moves a region" in done.out
