"""The road to attributenet by commands alone, on a data set of a few pictures, and what is said of mistakes."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys

import pytest

from tests.datasets.conftest import write_image
from tests.training.tiny import RULES, write_faces, write_labels
from wsegs.training.run_folder import has_checkpoint

TINY = ("--width", 0.05, "--size", "48x48", "--batch-size", 4, "--max-steps", 2, "--precision", "32-true", "-j", 0)
TYPES = ("--numbers", "age", "--categories", "race")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, astronaut_landmarks):
    """Faces with ages and races, pictures of other things, and rules."""
    folder = tmp_path_factory.mktemp("road")
    write_labels(folder / "faces", write_faces(folder / "faces", astronaut_landmarks))
    labels = folder / "faces/labels.csv"
    first, *rows = labels.read_text().splitlines()
    typed = [f"{row},{20 + i},{i % 2}" for i, row in enumerate(rows)]
    (folder / "typed.csv").write_text("\n".join([f"{first},age,race", *typed]))
    for number in range(8):
        write_image(folder / f"scenes/street/{number}.png", (60, 70))
        write_image(folder / f"scenes/coast/{number}.png", (70, 64))
    (folder / "rules.yaml").write_text(RULES)
    return folder


@pytest.fixture(autouse=True)
def _here(folder, monkeypatch):
    monkeypatch.chdir(folder)


@pytest.fixture(scope="module")
def road(folder):
    """The runs of all three steps."""
    program = f"""
import sys
from wsegs.cli.main import main
tiny = {[str(part) for part in TINY]!r}
typed = ["--labels", "typed.csv", *{TYPES!r}]
for arguments in (
    "classes face=faces other=scenes --side 48 -o face-or-not".split(),
    ["train", "objectnet", "--data", "scenes", *tiny],
    ["train", "facenet0", "--data", "face-or-not", *tiny],
    ["train", "identitynet", "--data", "faces", *tiny],
    ["train", "agenet", "--data", "faces", *typed, *tiny],
    ["train", "racenet", "--data", "faces", *typed, *tiny],
    "rules groups rules.yaml -o groups.yaml".split(),
):
    sys.argv = ["wsegs", *arguments]
    try:
        main()
    except SystemExit as stop:
        assert not stop.code, arguments
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "runs"


@pytest.mark.slow
def test_three_networks_are_one(run, road) -> None:
    done = run("train", "attributenet", "--data", "faces", "--groups", "groups.yaml", *TINY)
    assert done.code == 0, done.err
    plan = json.loads((road / "attributenet/plan.json").read_text())
    assert [trunk["source"] for trunk in plan["network"]["trunks"]] == [
        f"runs/{name}" for name in ("identitynet", "agenet", "racenet")
    ]
    assert plan["network"]["options"]["groups"] == {"mouth": [0], "eyes": [1], "all": [2]}
    assert plan["stages"][0]["weights"] == {"attributes": 1, "relation": 0.5}
    done = run("evaluate", "runs/attributenet", "-j", 1)
    assert done.code == 0, done.err
    assert "relations.csv" in done.out
    done = run("predict", "runs/attributenet", "faces/faces/000.png")
    assert done.code == 0, done.err
    assert "Smiling" in done.out
    done = run("report", "runs/attributenet")
    assert done.code == 0, done.err
    assert "relation, relation-steps, relation-folder-test, maps" in done.out


@pytest.mark.slow
def test_any_of_them_frozen_and_without_the_relation(run, road) -> None:
    trunks = ("--trunk", "runs/facenet0", "--trunk", "runs/agenet", "--freeze-trunks")
    arguments = ("train", "attributenet", "--data", "faces", "--groups", "groups.yaml", *trunks, "--relation", 0)
    done = run(*arguments, *TINY, "-o", "runs/two")
    assert done.code == 0, done.err
    plan = json.loads((road / "two/plan.json").read_text())
    assert plan["network"]["options"]["streams"] == 2
    assert all(trunk["frozen"] for trunk in plan["network"]["trunks"])
    assert plan["stages"][0]["weights"] == {"attributes": 1}
    assert not (road / "two/steps.csv").exists()


@pytest.mark.slow
def test_what_each_says_of_a_picture(run, road) -> None:
    said_of = {"identitynet": "identity: ", "agenet": "age: ", "racenet": "race: ", "facenet0": "class: "}
    for name, said in said_of.items():
        assert has_checkpoint(road / name)
        done = run("predict", f"runs/{name}", "faces/faces/001.png")
        assert done.code == 0, done.err
        assert said in done.out
    assert "%" in done.out
    done = run("evaluate", "runs/agenet", "--split", "all", "-j", 1)
    assert done.code == 0, done.err
    assert "mean_absolute_error" in done.out
    done = run("report", "runs/agenet", "--data", "faces", "--force")
    assert done.code == 0, done.err
    assert "mean absolute error" in (road / "agenet/report.html").read_text()


@pytest.mark.slow
def test_the_next_step_behind_classes(run, folder, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    sources = (f"face={folder / 'faces'}", f"other={folder / 'scenes'}")
    done = run("classes", *sources, "--side", 48, "-o", "two kinds")
    assert done.code == 0, done.err
    assert "face: 16 of 22 pictures" in done.out
    program, *arguments = shlex.split(done.out.partition("next: ")[2])
    assert program == "wsegs"
    done = run(*arguments, "--width", 0.05, "--max-steps", 1)
    assert done.code == 0, done.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--width", 0.1), "runs/identitynet has a width of 0.05: expected 0.1, as here; --width 0.05 takes its"),
        (("--trunk", "runs/none"), "runs/none: no such run"),
        (("--trunk", "runs/agenet", "--no-trunks"), "expected one of them"),
        (("--groups", "none.yaml"), "none.yaml: no such file of groups"),
        (("--groups", "rules.yaml"), "a rule file; wsegs rules groups rules.yaml -o groups.yaml makes groups of it"),
        ((), "network: groups: Hair: 'Bald' is none of the 3 attributes"),
    ],
)
def test_what_does_not_fit_is_one_line(run, road, arguments, message) -> None:
    done = run("train", "attributenet", "--data", "faces", *TINY, *arguments, "-o", "runs/x")  # the last width counts
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert message in done.err
    assert done.out == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("basic", "--negative-threshold", -0.2), "--negative-threshold: the training has no relation loss"),
        (("basic", "--relation-scale", "mean"), "--relation-scale: the training has no relation loss"),
        (("agenet", "--relation", 0.5), "--relation: network 'cnn-m' learns no attributes"),
        (("region-probe", "--relation", 0.5), "--finetune trains them together"),
        (("basic", "--trunk", "runs/agenet"), "--trunk: network 'basic' has 0 trunks by this recipe"),
        (("basic", "--freeze-trunks"), "--freeze-trunks: network 'basic' has no trunks"),
    ],
)
def test_options_without_what_they_are_about(run, arguments, message) -> None:
    done = run("train", *arguments, "--data", "faces", "-o", "runs/x")
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert message in done.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("face=faces",), 1, "expected two classes or more, got face"),
        (("face=faces", "other=none"), 1, "none: no such folder of pictures of 'other'"),
        (("face",), 2, "expected NAME=FOLDER such as face=data/celeba, got 'face'"),
        (("face=faces", "other=scenes", "--side", 500), 1, "expected pictures of at least 500x500"),
        (("face=faces", "other=scenes", "--side", 48, "-o", "faces", "--force"), 1, "was not written by wsegs classes"),
    ],
)
def test_classes_that_cannot_be_are_told(run, folder, arguments, code, message) -> None:
    done = run("classes", *arguments, *(() if "-o" in arguments else ("-o", "out")))
    assert done.code == code
    assert message in done.err
    assert not (folder / "out").exists()


@pytest.mark.slow
def test_mistakes_show_before_torch_is_imported(road, folder) -> None:
    program = """
import sys
from wsegs.cli.main import main
for arguments in (
    "train attributenet --data faces --width 0.1 -o x", "train attributenet --data faces --groups none.yaml -o x",
    "train attributenet --data faces --trunk runs/none -o x", "classes face=faces other=none",
    "train agenet --data faces --width 0.05 -o x",
):
    sys.argv = ["wsegs", *arguments.split()]
    try:
        main()
    except SystemExit as stop:
        assert stop.code == 1, arguments
    assert "torch" not in sys.modules, arguments
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Error: ") == done.stderr.count("\n") == 5
