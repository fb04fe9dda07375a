from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from wsegs.training.losses import class_weights, recognition_loss, segmentation_loss


def test_segmentation_is_the_mean_squared_error() -> None:
    maps, masks = torch.randn(2, 3, 4, 5), torch.randint(0, 2, (2, 3, 4, 5)).float()
    loss = segmentation_loss(maps, masks, torch.ones(2, 3, dtype=torch.bool))
    torch.testing.assert_close(loss, F.mse_loss(maps, masks))


def test_segmentation_by_hand() -> None:
    maps = torch.tensor([[[[1.0, 3.0]], [[0.0, 0.0]]]])  # one image, two attributes, two pixels
    masks = torch.tensor([[[[1.0, 1.0]], [[1.0, 0.0]]]])
    assert segmentation_loss(maps, masks, torch.tensor([[True, True]])) == (0 + 4 + 1 + 0) / 4
    assert segmentation_loss(maps, masks, torch.tensor([[False, True]])) == 0.5
    assert segmentation_loss(maps, masks, torch.tensor([[False, False]])) == 0


def test_recognition_by_hand() -> None:
    logits, labels = torch.tensor([[0.0, 2.0], [1.0, -3.0]]), torch.tensor([[1, 0], [-1, 1]], dtype=torch.int8)
    expected = (math.log(2) + math.log(1 + math.exp(2)) + math.log(1 + math.exp(3))) / 3
    assert recognition_loss(logits, labels).item() == pytest.approx(expected)


def test_unknown_labels_teach_nothing() -> None:
    labels = torch.tensor([[1, -1], [-1, 0]], dtype=torch.int8)
    logits = torch.randn(2, 2, requires_grad=True)
    recognition_loss(logits, labels).backward()
    assert torch.equal(logits.grad != 0, labels >= 0)
    maps = torch.randn(2, 2, 3, 3, requires_grad=True)
    segmentation_loss(maps, torch.zeros(2, 2, 3, 3), labels >= 0).backward()
    assert torch.equal((maps.grad != 0).all(dim=3).all(dim=2), labels >= 0)


def test_a_batch_without_any_label_has_no_loss() -> None:
    logits = torch.randn(2, 2, requires_grad=True)
    loss = recognition_loss(logits, torch.full((2, 2), -1, dtype=torch.int8))
    loss.backward()
    assert loss == 0
    assert not logits.grad.any()


def test_class_weights_make_both_labels_count_alike() -> None:
    labels = np.array([[1, 1, -1], [0, 1, -1], [0, 1, -1], [0, 1, -1]], np.int8)
    weights = class_weights(labels)
    torch.testing.assert_close(weights[:, 0], torch.tensor([0.5 / 0.75, 0.5 / 0.25]))
    assert torch.equal(weights[:, 1:], torch.ones(2, 2))
    of_labels = np.where(labels[:, 0] > 0, weights[1, 0], weights[0, 0])
    assert of_labels[labels[:, 0] > 0].sum() == pytest.approx(of_labels[labels[:, 0] == 0].sum())
    assert of_labels.mean() == pytest.approx(1)
    loss = recognition_loss(torch.zeros(4, 3), torch.from_numpy(labels), weights)
    assert loss.item() == pytest.approx(math.log(2))
