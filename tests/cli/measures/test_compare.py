from __future__ import annotations

import json

import numpy as np
import pytest

from tests.evaluation.comparison.test_paired import LABELS, write


@pytest.mark.slow
def test_two_runs_on_two_test_sets(run, tmp_path) -> None:
    right = np.where(LABELS == 1, 1.0, -1.0)
    for name, sign in (("one", -1), ("two", 1)):
        for test_set in ("a", "b"):
            write(tmp_path / name / f"evaluation-{test_set}-test", sign * right)
    done = run("compare", tmp_path / "one", tmp_path / "two")
    assert done.code == 0, done.err
    assert "folder, test: 5 faces of 4 people, intervals over people" in done.out
    assert "+100.00 (+100.00 to +100.00)" in done.out
    folder = tmp_path / "two" / "compared-with-one"
    written = {"differences.csv", "comparison.json", "scores.png", "differences.png"}
    assert {file.name for file in folder.iterdir()} == written
    done = run("compare", tmp_path / "one", tmp_path / "two", "--json", "--force", "--score", "balanced_accuracy")
    summary = json.loads(done.out)
    assert [test_set["images"] for test_set in summary["test_sets"]] == [5, 5]
    assert summary["test_sets"][0]["accuracy"]["decided_for_second"] == 2
    assert run("compare", tmp_path / "one", tmp_path / "two").code == 1


def test_no_such_run_is_one_line(run, tmp_path) -> None:
    done = run("compare", tmp_path / "none", tmp_path)
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "none: no such folder" in done.err
