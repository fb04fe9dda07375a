"""A few damaged files of each kind that is quick to read; ``benchmarks/fuzz.py`` tries as many as one likes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

FUZZ = Path(__file__).parents[1] / "benchmarks" / "fuzz.py"
CASES = os.environ.get("WSEGS_FUZZ_CASES", "25")


@pytest.mark.skipif(not FUZZ.exists(), reason="needs benchmarks/, which is in the checkout only")
@pytest.mark.parametrize(
    "kind",
    [
        *("rules", "recipes", "attribute-tables", "celeba-folders", "pts-and-csv-imports", "journals"),
        *("landmark-tables", "mask-stores"),
    ],
)
def test_damaged_files_are_refused_or_read(kind):
    # Which wsegs sets for its workers, and which would keep the script from the module beside it.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    command = [sys.executable, str(FUZZ), "--target", kind, "--cases", CASES]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"| {kind} | {int(CASES):,} |" in done.stdout
