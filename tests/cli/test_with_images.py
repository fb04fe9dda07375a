"""The commands on a mask store that keeps its images, when nothing else is there."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.training.tiny import RULES, write_faces, write_labels
from wsegs.landmarks.table import write_landmarks

TINY = ("--width", 0.03, "--size", "32x28", "--batch-size", 4, "--max-steps", 2, "--precision", "32-true")


@pytest.fixture
def here(tmp_path, astronaut_landmarks, monkeypatch):
    """Landmarks, rules and a data set in the working directory."""
    table = write_faces(tmp_path / "data", astronaut_landmarks)
    write_labels(tmp_path / "data", table)
    write_landmarks(tmp_path / "landmarks.h5", table)
    (tmp_path / "tiny.yaml").write_text(RULES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_every_command_needs_the_store_alone(run, here):
    (here / "data/faces/005.png").write_bytes(b"")
    done = run("masks", "--rules", "tiny.yaml", "--with-images", "-j", 1)
    assert done.code == 0, done.err
    assert "without its image: faces/005.png: an empty file" in done.out
    shutil.rmtree(here / "data")
    for arguments in (
        ("store", "info"),
        ("preview", "--faces", 4),
        ("train", "attparsenet", *TINY),
        ("evaluate", "runs/attparsenet", "-j", 1),
        ("report", "runs/attparsenet"),
        ("evaluate", "runs/attparsenet", "--masks", "masks.h5", "--split", "all", "-j", 1, "--json"),
        ("predict", "runs/attparsenet", "--masks", "masks.h5", "faces/001.png", "--json"),
    ):
        done = run(*arguments)
        assert (done.code, done.err) == (0, ""), arguments
        if arguments[0] == "store":
            assert "images inside: 25, 0.1 MB" in done.out
        elif "--split" in arguments:
            assert json.loads(done.out)["images"] == 25
        elif arguments[0] == "predict":
            assert [image["crop"] for image in json.loads(done.out)["images"]] == ["as in training"]
    done = run("predict", "runs/attparsenet", "--masks", "masks.h5", "faces/01.png")
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "'faces/01.png' is none of the 26 images of masks.h5; did you mean 'faces/0" in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("masks", "--image-quality", 90), "--image-quality: expected --with-images beside it"),
        (("masks", "--data", "data"), "--data: expected --refine or --with-images beside it"),
        (("masks", "--rules", "tiny.yaml", "--with-images", "--data", "none"), "none: no such folder"),
        (("preview", "data"), "data: expected a mask store, got a folder"),
    ],
)
def test_wrong_input_is_one_line(run, here, arguments, message):
    done = run(*arguments)
    assert done.code == 1
    assert message in done.err
    assert done.err.count("\n") == 1
