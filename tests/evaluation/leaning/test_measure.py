from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from wsegs.datasets.index import FaceDataset
from wsegs.evaluation.leaning.measure import measure_leaning, people_of, write_leaning
from wsegs.evaluation.results import Evaluation

NAMES = ("Smiling", "5_o_Clock_Shadow", "Male")


@pytest.fixture
def both() -> tuple[Evaluation, FaceDataset]:
    """An evaluation of the 60 test faces of a data set of 200, which spells an attribute in another way."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (200, 3)).astype(np.int8)
    labels[:140, 2] = labels[:140, 1]  # shadows are men's, in training
    dataset = FaceDataset(
        name="folder",
        root=None,  # type: ignore[arg-type]
        images=tuple(f"{i}.jpg" for i in range(200)),
        attribute_names=("Smiling", "5 O Clock Shadow", "Male"),
        attributes=labels,
        identity=np.repeat(np.arange(100), 2).astype(np.int32),
        split=np.repeat([0, 2], [140, 60]).astype(np.int8),
    )
    evaluation = Evaluation(
        images=dataset.images[140:],
        attribute_names=NAMES,
        logits=torch.from_numpy(labels[140:] * 2.0 - 1 + rng.normal(0, 1, (60, 3))),
        labels=torch.from_numpy(labels[140:]),
        crops={},
        unreadable=(),
        only_run=(),
        only_data=(),
        thresholds=torch.tensor([0.0, 0.5, -0.5]),
    )
    return evaluation, dataset


def test_names_are_joined_and_pairs_are_of_the_training(both) -> None:
    evaluation, dataset = both
    leaning = measure_leaning(evaluation, dataset, ["Male"])
    assert leaning.related_in == "training images"
    assert leaning.reliance is not None
    assert (leaning.reliance.pairs[0].attribute, leaning.reliance.pairs[0].other) == NAMES[1:]
    assert leaning.reliance.pairs[0].training == pytest.approx(1)
    assert people_of(evaluation, dataset).tolist() == dataset.identity[140:].tolist()
    assert leaning.people.count == 30
    few = replace(dataset, split=np.where(np.arange(200) < 50, 0, 2).astype(np.int8))
    assert measure_leaning(evaluation, few).related_in == "measured images"


def test_what_is_written(both, tmp_path) -> None:
    evaluation, dataset = both
    leaning = measure_leaning(evaluation, dataset, ["Male"])
    summary = write_leaning(leaning, tmp_path)
    json.dumps(summary, allow_nan=False)
    assert (
        {file.name for file in tmp_path.iterdir()}
        == set(leaning.files)
        == {
            "groups.csv",
            "reliance.csv",
            "balanced.csv",
        }
    )
    balanced = {score.attribute: score.balanced_accuracy for score in evaluation.scores()}
    with (tmp_path / "balanced.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            assert float(row["balanced"]) == pytest.approx(balanced[row["attribute"]], abs=1e-5)
            assert float(row["balanced_low"]) <= float(row["balanced"]) <= float(row["balanced_high"])
    with (tmp_path / "groups.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["group"], row["attribute"]) for row in rows] == [
        (group, name) for group in ("Male", "not Male") for name in ("mean", *NAMES[:2])
    ]
    means = summary["groups"]["Male"]["groups"]
    gap = summary["groups"]["Male"]["gaps"]["accuracy"]["gap"]
    assert gap == pytest.approx(abs(means[0]["accuracy"] - means[1]["accuracy"]))


def test_one_attribute_has_no_pairs(both, tmp_path) -> None:
    evaluation, dataset = both
    alone = replace(
        evaluation,
        attribute_names=NAMES[:1],
        logits=evaluation.logits[:, :1],
        labels=evaluation.labels[:, :1],
        thresholds=None,
    )
    assert "reliance" not in write_leaning(measure_leaning(alone, dataset), tmp_path)
