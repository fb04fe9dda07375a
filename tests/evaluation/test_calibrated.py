from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from wsegs.datasets.index import FaceDataset
from wsegs.errors import OptionError
from wsegs.evaluation.results import Evaluation, calibrated


def _evaluation(count: int = 200) -> tuple[Evaluation, FaceDataset]:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (count, 1)).astype(np.int8)
    logits = torch.from_numpy(labels * 2.0 + 3 + rng.normal(0, 0.1, (count, 1)))  # all of them above 0
    names = tuple(f"{i:03}.jpg" for i in range(count))
    identity = np.repeat(np.arange(count // 2), 2)
    split = np.full(count, 2, np.int8)
    dataset = FaceDataset("d", None, names, ("Hat",), labels, identity, split)  # type: ignore[arg-type]
    found = Evaluation(names, ("Hat",), logits, torch.from_numpy(labels), {}, (), (), ())
    return found, dataset


def test_thresholds_are_chosen_on_people_who_are_not_measured():
    evaluation, dataset = _evaluation()
    assert evaluation.scores()[0].accuracy < 0.6
    better = calibrated(evaluation, dataset, 40)
    assert better.scores()[0].accuracy == 1
    assert better.calibrated_on == 40
    people = dict(zip(dataset.images, dataset.identity, strict=True))
    chosen = np.random.default_rng(0).permutation(200)[:40]
    assert not {people[name] for name in better.images} & set(dataset.identity[chosen].tolist())
    assert better.scores()[0].average_precision == pytest.approx(1)


def test_somebody_must_be_left():
    evaluation, dataset = _evaluation(10)
    with pytest.raises(OptionError, match="--calibrate 10: nobody of 10 images would be left"):
        calibrated(evaluation, dataset, 10)


def test_what_is_counted_is_what_is_measured():
    evaluation, dataset = _evaluation()
    kinds = tuple("detected" if i % 4 else "whole image" for i in range(200))
    sources = tuple("landmarks" if i % 4 else "mean face" for i in range(200))
    evaluation = replace(evaluation, kinds=kinds, sources=sources, crops={"detected": 150, "whole image": 50})
    rest = calibrated(evaluation, dataset, 40)
    assert sum(rest.crops.values()) == sum(rest.regions.values()) == len(rest.images)
    known = dict(zip(evaluation.images, kinds, strict=True))
    assert rest.crops["detected"] == sum(known[name] == "detected" for name in rest.images)
