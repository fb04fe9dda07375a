from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from wsegs.errors import DataError, MissingError, OptionError
from wsegs.evaluation.comparison.paired import MEAN, compare_predictions, compare_runs, write_comparisons
from wsegs.evaluation.comparison.predictions import read_predictions, write_labels
from wsegs.evaluation.results import Evaluation, write_evaluation

NAMES = ("Smiling", "Male")
LABELS = np.array([[1, 1], [1, 0], [0, 0], [0, 1], [-1, 1]], np.int8)


def write(folder: Path, logits: np.ndarray, labels: np.ndarray = LABELS, thresholds=None) -> Evaluation:
    """Write an evaluation of five faces of three people and one more."""
    count = len(logits)
    evaluation = Evaluation(
        images=tuple("abcde"[:count]),
        attribute_names=NAMES,
        logits=torch.tensor(logits, dtype=torch.float32),
        labels=torch.from_numpy(labels[:count]),
        crops={},
        unreadable=(),
        only_run=(),
        only_data=(),
        thresholds=None if thresholds is None else torch.tensor(thresholds),
    )
    write_evaluation(evaluation, folder, {"name": "folder", "split": "test"})
    write_labels(folder / "labels.csv", evaluation.images, [1, 1, 2, 3, -1][:count], NAMES, labels[:count])
    return evaluation


def test_what_was_written_is_read(tmp_path) -> None:
    logits = np.random.default_rng(0).normal(0, 8, (5, 2))
    evaluation = write(tmp_path / "one", logits, thresholds=[0.25, -0.5])
    found = read_predictions(tmp_path / "one", "one")
    np.testing.assert_allclose(found.margins, evaluation.margins().numpy(), atol=1e-4)
    np.testing.assert_array_equal(found.labels, LABELS)
    assert found.identity.tolist() == [1, 1, 2, 3, -1]
    assert (found.images, found.attribute_names, found.test_set) == (tuple("abcde"), NAMES, "folder, test")


def test_a_comparison_by_hand(tmp_path) -> None:
    right = np.where(LABELS == 1, 1.0, -1.0)
    worse = right.copy()
    worse[:2, 0] *= -1  # both faces of the first person
    write(tmp_path / "one", worse)
    write(tmp_path / "two", right)
    (found,) = compare_runs(tmp_path / "one", tmp_path / "two")
    assert (found.images, found.people, found.over) == (5, 4, "people")
    smiling = found.rows["Smiling"]["accuracy"]
    assert (smiling.first.value, smiling.second.value, smiling.difference.value) == (0.5, 1, 0.5)
    assert smiling.difference.low == 0  # a sample without the first person
    assert smiling.decided == ""
    assert found.rows["Male"]["accuracy"].difference == (0, 0, 0)
    assert found.rows[MEAN]["accuracy"].difference.value == 0.25
    summary = write_comparisons([found], ("one", "two"), tmp_path)
    assert summary["test_sets"][0]["accuracy"]["second_better"] == 1
    with (tmp_path / "differences.csv").open(newline="") as file:
        rows = {(row["attribute"], row["score"]): row for row in csv.DictReader(file)}
    assert rows["Smiling", "accuracy"]["difference"] == "0.50000"


def test_a_run_against_itself_and_the_other_way_round(tmp_path) -> None:
    rng = np.random.default_rng(1)
    write(tmp_path / "one", rng.normal(size=(5, 2)))
    write(tmp_path / "two", rng.normal(size=(5, 2)))
    one, two = (read_predictions(tmp_path / name, name) for name in ("one", "two"))
    there, back, same = compare_predictions(one, two), compare_predictions(two, one), compare_predictions(one, one)
    for name in NAMES:
        for score, both in there.rows[name].items():
            assert both.difference.value == -back.rows[name][score].difference.value
            np.testing.assert_allclose(both.difference[1:], np.negative(back.rows[name][score].difference[:0:-1]))
            assert same.rows[name][score].difference == (0, 0, 0)


def test_images_are_joined_by_name(tmp_path) -> None:
    write(tmp_path / "one", np.ones((5, 2)))
    write(tmp_path / "two", np.ones((3, 2)))
    assert compare_runs(tmp_path / "one", tmp_path / "two")[0].images == 3


def test_what_cannot_be_compared(tmp_path) -> None:
    write(tmp_path / "run" / "evaluation-a-test", np.ones((5, 2)))
    write(tmp_path / "other" / "evaluation-b-test", np.ones((5, 2)))
    with pytest.raises(OptionError, match=r"run has evaluation-a-test; .*other has evaluation-b-test"):
        compare_runs(tmp_path / "run", tmp_path / "other")
    write(tmp_path / "other" / "evaluation-a-test", np.ones((5, 2)), labels=1 - LABELS)
    with pytest.raises(DataError, match="different labels for Smiling of 'a'"):
        compare_runs(tmp_path / "run", tmp_path / "other")
    (tmp_path / "other/evaluation-a-test/labels.csv").unlink()
    with pytest.raises(MissingError, match=r"labels\.csv: no such file; wsegs evaluate"):
        compare_runs(tmp_path / "run", tmp_path / "other")
    scores = tmp_path / "run/evaluation-a-test/scores.csv"
    scores.write_text(scores.read_text().replace("a,", "a,x", 1))
    with pytest.raises(DataError, match=r"scores.csv: expected numbers"):
        read_predictions(scores.parent, "run")


def test_json_says_the_thresholds(tmp_path) -> None:
    write(tmp_path, np.ones((5, 2)), thresholds=[0.5, 0.0])
    assert json.loads((tmp_path / "metrics.json").read_text())["thresholds"] == {"Smiling": 0.5, "Male": 0.0}
