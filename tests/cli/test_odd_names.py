"""Every command on images whose names are no text: not UTF-8, with line ends, blanks, quotes and markup."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest

from tests.training.tiny import RULES, write_faces
from wsegs.landmarks.table import read_landmarks, write_landmarks

pytestmark = pytest.mark.slow

TINY = ("--width", 0.03, "--size", "32x28", "--batch-size", 4, "--max-steps", 2, "--precision", "32-true")
NAMES = (b"caf\xe9.png", b"\xff.png", b"two\nlines.png", b' ,"quoted" .png', b"<b>&amp;.png", "\u9854.png".encode())


@pytest.fixture
def here(tmp_path, astronaut_landmarks, monkeypatch):
    """Landmarks, rules and images in the working directory."""
    table = write_faces(tmp_path / "data", astronaut_landmarks)
    images = list(table.images)
    for row, name in enumerate(NAMES):
        images[row] = f"faces/{os.fsdecode(name)}"
        try:
            (tmp_path / "data" / table.images[row]).rename(tmp_path / "data" / images[row])
        except OSError:
            pytest.skip("this file system takes only UTF-8 names")
    write_landmarks(tmp_path / "landmarks.h5", replace(table, images=tuple(images)))
    (tmp_path / "tiny.yaml").write_text(RULES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_command_takes_them(run, here, tiny_predictor):
    odd = f"faces/{os.fsdecode(NAMES[0])}"
    assert set(read_landmarks(here / "landmarks.h5").images) >= {f"faces/{os.fsdecode(name)}" for name in NAMES}
    for arguments in (
        ("masks", "--rules", "tiny.yaml", "-j", 1),
        ("masks", "--rules", "tiny.yaml", "--with-images", "-o", "inside.h5", "-j", 1),
        ("store", "verify", "masks.h5", "--landmarks", "landmarks.h5", "--data", "data"),
        ("store", "info"),
        ("preview", "--faces", 26),
        ("train", "attparsenet", *TINY),
        ("evaluate", "runs/attparsenet", "--masks", "inside.h5", "--split", "all", "-j", 1),
        ("report", "runs/attparsenet"),
        ("predict", "runs/attparsenet", f"data/{odd}", "--heatmaps", "maps"),
        ("predict", "runs/attparsenet", "--masks", "inside.h5", odd, "--json"),
        ("landmarks", "--data", "data", "-o", "found.h5", "--predictor", tiny_predictor, "-j", 1),
    ):
        done = run(*arguments)
        assert done.code == 0, (arguments, done.err)
        assert "Traceback" not in done.err
    assert set(read_landmarks(here / "found.h5").images) == set(read_landmarks(here / "landmarks.h5").images)


def test_one_that_is_damaged_is_named_in_one_line(run, here):
    (here / "data/faces" / os.fsdecode(NAMES[0])).write_bytes(b"")
    done = run("masks", "--rules", "tiny.yaml", "--with-images", "-j", 1, "--json")
    assert (done.code, done.err) == (0, "")
    (problem,) = json.loads(done.out)["unreadable"]
    assert os.fsencode(problem).startswith(b"faces/caf\xe9.png: ")
    run("masks", "--rules", "tiny.yaml", "-o", "without.h5", "-j", 1)
    done = run("train", "attparsenet", "without.h5", *TINY, "--max-steps", 12)
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "caf?.png: an empty file" in done.err
