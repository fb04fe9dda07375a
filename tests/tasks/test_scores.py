from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from wsegs.tasks.scores import (
    ParsingScores,
    Predictions,
    intersection_over_union,
    mean_scores,
    score_attribute,
    score_attributes,
    undefined_attributes,
)
from wsegs.training.samples.class_maps import IGNORE_INDEX


def test_scores_by_hand() -> None:
    # Ranked: present, absent, present, absent, absent. Precision at the two present ones: 1/1 and 2/3.
    logits = torch.tensor([-2.0, 3.0, 1.0, 2.0, -1.0, 9.0])
    labels = torch.tensor([0, 1, 1, 0, 0, -1], dtype=torch.int8)
    score = score_attribute("Smiling", logits, labels)
    assert (score.labels, score.positives) == (5, 2)
    assert score.accuracy == pytest.approx(4 / 5)  # the absent one with logit 2 is wrong
    assert score.error == pytest.approx(1 / 5)
    assert score.average_precision == pytest.approx((1 + 2 / 3) / 2)
    assert score.balanced_accuracy == pytest.approx((2 / 2 + 2 / 3) / 2)
    assert score.majority_rate == pytest.approx(3 / 5)


def test_a_logit_of_nothing_predicts_presence() -> None:
    assert score_attribute("a", torch.zeros(2), torch.tensor([1, 1])).accuracy == 1


def test_labels_of_one_kind_have_no_average_precision_and_are_left_out_of_the_mean() -> None:
    logits = torch.tensor([[1.0, 1.0, 1.0, 1.0], [-1.0, 1.0, 1.0, -1.0]])
    labels = torch.tensor([[1, 1, 0, -1], [0, 1, 0, -1]])
    scores = score_attributes(["both", "present", "absent", "unknown"], logits, labels)
    assert undefined_attributes(scores) == ["present", "absent", "unknown"]
    means = mean_scores(scores)
    assert means["average_precision"] == 1
    assert means["balanced_accuracy"] == 1
    assert means["accuracy"] == pytest.approx((1 + 1 + 0) / 3)
    assert means["majority_rate"] == pytest.approx((1 / 2 + 1 + 1) / 3)
    assert math.isnan(scores[3].accuracy)
    assert math.isnan(mean_scores(scores[3:])["accuracy"])


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([-40.0, -1.5, 0.0, 0.25, 2.0, 30.0]), st.booleans()), min_size=2, max_size=30)
)
def test_average_precision_is_that_of_the_definition(pairs) -> None:
    logits = np.array([logit for logit, _ in pairs])
    present = np.array([label for _, label in pairs])
    score = score_attribute("a", torch.tensor(logits), torch.tensor(present.astype(np.int8)))
    if present.all() or not present.any():
        assert math.isnan(score.average_precision)
        return
    # The sum over thresholds of precision times the growth of recall; ties are one threshold.
    expected, recall = 0.0, 0.0
    for threshold in sorted(set(logits), reverse=True):
        found = logits >= threshold
        now = (found & present).sum() / present.sum()
        expected += (now - recall) * (found & present).sum() / found.sum()
        recall = now
    assert score.average_precision == pytest.approx(expected, abs=1e-6)


def test_average_precision_is_that_of_scikit_learn() -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(0, 3, 500), rng.integers(0, 2, 500)
    score = score_attribute("a", torch.tensor(logits), torch.tensor(labels))
    assert score.average_precision == pytest.approx(sklearn.average_precision_score(labels, logits), abs=1e-6)
    assert score.balanced_accuracy == pytest.approx(sklearn.balanced_accuracy_score(labels, logits >= 0))


def test_predictions_are_gathered_over_batches() -> None:
    predictions = Predictions()
    parts = [(torch.randn(n, 2), torch.randint(-1, 2, (n, 2))) for n in (3, 1)]
    for logits, labels in parts:
        predictions.update(logits, labels)
    logits, labels = predictions.compute()
    assert torch.equal(logits, torch.cat([part[0] for part in parts]))
    assert torch.equal(labels, torch.cat([part[1] for part in parts]))


def test_intersection_over_union_by_hand() -> None:
    truth = torch.tensor([[[0, 0, 1], [1, IGNORE_INDEX, 1]]], dtype=torch.uint8)
    predicted = torch.tensor([[[0, 1, 1], [1, 0, 0]]])
    scores = ParsingScores(3)
    scores.add(torch.nn.functional.one_hot(predicted, 3).permute(0, 3, 1, 2).float(), truth)
    overlap = intersection_over_union(scores.compute().numpy())
    assert overlap[:2].tolist() == [1 / 3, 2 / 4]  # of class 0 one pixel is right, one missed, one too many
    assert np.isnan(overlap[2])  # neither there nor predicted
