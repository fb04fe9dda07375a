"""Every command that writes for long refuses an output that another process is writing."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wsegs.geometry.frame import image_frame
from wsegs.landmarks.table import read_landmarks
from wsegs.rules import load_rules
from wsegs.store.writing.build import build_store

pytestmark = pytest.mark.slow

HOLD = """
import sys
from wsegs.io.lock import lock_output
with lock_output(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def held(tmp_path):
    """The name of an output that another process writes; it is also a rule file, for ``rules fit``."""
    output = tmp_path / "held"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(output)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield output
        process.communicate("")


@pytest.fixture
def masks(tmp_path, truth_folder) -> Path:
    path = tmp_path / "masks.h5"
    table = read_landmarks(truth_folder / "landmarks.h5")
    labels = np.ones((len(table), 1), np.int8)  # a training without any label is refused earlier
    table = replace(table, attribute_names=("Smiling",), attributes=labels)
    build_store(table, load_rules("celeba"), image_frame(table.image_size), path, shared_attributes_only=True, jobs=1)
    return path


@pytest.mark.parametrize(
    "command",
    [
        ["landmarks", "--data", "TRUTH/images", "--detectors", "none", "--import", "IMPORT", "-o", "HELD"],
        ["masks", "TRUTH/landmarks.h5", "-o", "HELD"],
        ["train", "attparsenet", "MASKS", "--data", "TRUTH/images", "-o", "HELD"],
        ["rules", "fit", "celeba", "--parsing-masks", "TRUTH", "-o", "HELD"],
        ["demo", "-o", "HELD"],
    ],
    ids=lambda command: command[0],
)
def test_it_is_refused(run, held, truth_folder, masks, command):
    points = truth_folder / "points.csv"
    names = [f"{axis}_{i}" for axis in "xy" for i in range(68)]
    points.write_text(f"image,{','.join(names)}\na.png,{','.join('1' for _ in names)}\n")
    places = {"TRUTH": truth_folder, "HELD": held, "IMPORT": points, "MASKS": masks}
    arguments = []
    for argument in command:
        for name, place in places.items():
            argument = argument.replace(name, str(place))
        arguments.append(argument)
    done = run(*arguments)
    assert done.code == 1
    assert f"Error: {held}: process " in done.err
    assert "writes it; wait for it, or -o names another output" in done.err
    assert len(done.err.splitlines()) == 1
    assert not held.exists()


def test_the_lock_is_gone_after_the_command(run, truth_folder, tmp_path):
    output = tmp_path / "out" / "masks.h5"
    assert run("masks", truth_folder / "landmarks.h5", "-o", output, "-j", 1).code == 0
    assert [path.name for path in output.parent.iterdir()] == ["masks.h5"]
    assert run("masks", truth_folder / "landmarks.h5", "-o", output).code == 1
    assert [path.name for path in output.parent.iterdir()] == ["masks.h5"]
