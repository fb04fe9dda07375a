"""A short version of each campaign; ``python -m tests.campaigns`` runs them as long as one likes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
QUICK_KINDS = ("rules", "recipes", "attribute-tables", "celeba-folders", "pts-and-csv-imports", "json-imports")
QUICK_KINDS += ("xml-imports", "array-imports", "journals", "landmark-tables", "mask-stores", "features")


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["fuzz", *QUICK_KINDS, "--cases", "12"],
        ["kill", "landmarks", "--images", "12", "--times", "2"],
        ["kill", "masks", "--images", "1000", "--times", "2"],
        ["kill", "shards", "--images", "1000", "--times", "1"],
        ["kill", "features", "--images", "60", "--times", "1"],
        ["kill", "train", "--times", "1", "--", "-j", "1", "--max-steps", "8", "--validate-every", "2"],
        ["interrupt", "masks", "--images", "1500", "--times", "2"],
    ],
    ids=lambda arguments: "-".join(arguments[:2]),
)
def test_a_short_campaign_finds_nothing(arguments):
    command = [sys.executable, "-m", "tests.campaigns", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == (len(QUICK_KINDS) if arguments[0] == "fuzz" else 1)


@pytest.mark.slow
def test_memory_is_measured():
    """Too short to say how much it grows: the first tenth is the start of the workers."""
    command = [sys.executable, "-m", "tests.campaigns", "memory", "masks", "--images", "5000"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert "| masks | " in done.stdout, done.stderr
    megabytes = [float(cell) for cell in done.stdout.splitlines()[-1].strip("| ").split(" | ")[2:4]]
    assert min(megabytes) > 20
    assert max(megabytes) < 500
