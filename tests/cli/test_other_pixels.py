"""Images of the same names and of another size: each command that joins pixels to points or masks refuses them."""

from __future__ import annotations

import h5py
import PIL.Image
import pytest

from tests.training.tiny import RULES, write_faces, write_labels
from wsegs.landmarks.table import write_landmarks

TINY = ("--width", 0.03, "--size", "32x28", "--batch-size", 4, "--max-steps", 2, "--precision", "32-true")


@pytest.fixture
def here(tmp_path, astronaut_landmarks, monkeypatch):
    """Landmarks, rules, a data set, and the same data set at another size, in the working directory."""
    table = write_faces(tmp_path / "data", astronaut_landmarks)
    for folder in ("data", "large"):
        (tmp_path / folder / "faces").mkdir(parents=True, exist_ok=True)
        write_labels(tmp_path / folder, table)
    for name in table.images:
        picture = PIL.Image.open(tmp_path / "data" / name)
        picture.resize((80, 90)).save(tmp_path / "large" / name)
    write_landmarks(tmp_path / "landmarks.h5", table)
    (tmp_path / "tiny.yaml").write_text(RULES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("frame", ["image", "face"])
def test_each_command_compares_sizes(run, here, frame):
    assert run("masks", "--rules", "tiny.yaml", "--frame", frame, "-j", 1).code == 0
    with h5py.File("masks.h5") as file:
        assert file["image_size"][0].tolist() == [56, 64]
    assert run("train", "attparsenet", "masks.h5", "--data", "data", *TINY, "-o", "run").code == 0
    for arguments in (
        ("preview", "masks.h5", "--data", "large", "-o", "a.png"),
        ("preview", "landmarks.h5", "--rules", "tiny.yaml", "--data", "large", "-o", "a.png"),
        ("masks", "--rules", "tiny.yaml", "--with-images", "--data", "large", "-o", "b.h5", "-j", 1),
        ("train", "attparsenet", "masks.h5", "--data", "large", *TINY, "-o", "run2"),
        ("train", "attparsenet", "masks.h5", "--data", "large", *TINY, "-o", "run", "--resume"),
        ("evaluate", "run", "--data", "large", "--landmarks", "landmarks.h5", "--split", "all", "-j", 1),
        ("landmarks", "--data", "large", "--update", "landmarks.h5", "--detectors", "none", "-o", "l.h5", "-j", 1),
        ("rules", "preview", "tiny.yaml", "large/faces/000.png", "--landmarks", "landmarks.h5", "-o", "a.png"),
    ):
        done = run(*arguments)
        assert done.code == 1, (arguments, done)
        assert "faces/000.png: 80x90 pixels, expected 56x64 by" in done.err, (arguments, done.err)
        assert arguments[0] == "rules" or "are of another size" in done.err, done.err
