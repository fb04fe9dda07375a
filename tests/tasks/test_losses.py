from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from wsegs.geometry.resample import resample_nearest
from wsegs.nets import IGNORE_INDEX
from wsegs.tasks.attributes import attribute_loss, class_weights
from wsegs.tasks.parsing import nearest_classes, parsing_loss
from wsegs.tasks.segmentation import segmentation_loss


def test_segmentation_is_the_mean_squared_error() -> None:
    maps, masks = torch.randn(2, 3, 4, 5), torch.randint(0, 2, (2, 3, 4, 5)).float()
    loss = segmentation_loss(maps, masks, torch.ones(2, 3, dtype=torch.bool)).value()
    torch.testing.assert_close(loss, F.mse_loss(maps, masks))


def test_segmentation_by_hand() -> None:
    maps = torch.tensor([[[[1.0, 3.0]], [[0.0, 0.0]]]])  # one image, two attributes, two pixels
    masks = torch.tensor([[[[1.0, 1.0]], [[1.0, 0.0]]]])
    assert segmentation_loss(maps, masks, torch.tensor([[True, True]])).value() == (0 + 4 + 1 + 0) / 4
    assert segmentation_loss(maps, masks, torch.tensor([[False, True]])).value() == 0.5
    assert segmentation_loss(maps, masks, torch.tensor([[False, False]])).value() == 0


def test_attributes_by_hand() -> None:
    logits, labels = torch.tensor([[0.0, 2.0], [1.0, -3.0]]), torch.tensor([[1, 0], [-1, 1]], dtype=torch.int8)
    expected = (math.log(2) + math.log(1 + math.exp(2)) + math.log(1 + math.exp(3))) / 3
    assert attribute_loss(logits, labels).value().item() == pytest.approx(expected)


def test_unknown_labels_teach_nothing() -> None:
    labels = torch.tensor([[1, -1], [-1, 0]], dtype=torch.int8)
    logits = torch.randn(2, 2, requires_grad=True)
    attribute_loss(logits, labels).value().backward()
    assert torch.equal(logits.grad != 0, labels >= 0)
    maps = torch.randn(2, 2, 3, 3, requires_grad=True)
    segmentation_loss(maps, torch.zeros(2, 2, 3, 3), labels >= 0).value().backward()
    assert torch.equal((maps.grad != 0).all(dim=3).all(dim=2), labels >= 0)


def test_a_batch_without_any_label_has_no_loss() -> None:
    logits = torch.randn(2, 2, requires_grad=True)
    loss = attribute_loss(logits, torch.full((2, 2), -1, dtype=torch.int8)).value()
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
    loss = attribute_loss(torch.zeros(4, 3), torch.from_numpy(labels), weights).value()
    assert loss.item() == pytest.approx(math.log(2))


def test_parsing_loss_adds_the_scales_with_equal_weights() -> None:
    classes = torch.tensor([[[0, 1], [1, 1]]], dtype=torch.uint8)
    fine = torch.zeros(1, 2, 2, 2)
    coarse = torch.tensor([0.0, math.log(3)]).view(1, 2, 1, 1)  # 3 in 4 for class 1, that of the middle
    expected = math.log(2) - math.log(0.75)
    assert parsing_loss([fine, coarse], classes).value().item() == pytest.approx(expected, rel=1e-5)


def test_unknown_pixels_are_left_out_of_the_parsing_loss() -> None:
    scores = torch.randn(1, 3, 2, 2)
    classes = torch.tensor([[[0, IGNORE_INDEX], [IGNORE_INDEX, 2]]], dtype=torch.uint8)
    right = scores.log_softmax(dim=1)
    assert parsing_loss([scores], classes).value().item() == pytest.approx(
        -(right[0, 0, 0, 0] + right[0, 2, 1, 1]).item() / 2
    )
    scores.requires_grad_()
    nothing = parsing_loss([scores], torch.full_like(classes, IGNORE_INDEX)).value()
    nothing.backward()
    assert nothing.item() == 0
    assert not scores.grad.any()


@pytest.mark.parametrize("source", [(7, 5), (8, 6), (48, 40), (218, 178)])
@pytest.mark.parametrize("size", [(7, 5), (3, 4), (14, 10), (24, 20), (109, 89)])
def test_mirrored_classes_are_the_classes_mirrored(source, size) -> None:
    classes = torch.randint(0, 256, (2, *source), dtype=torch.uint8)
    nearest = nearest_classes(classes, size)
    assert torch.equal(nearest_classes(classes.flip(-1), size), nearest.flip(-1))
    assert nearest.shape == (2, *size)
    assert torch.equal(nearest_classes(classes, source), classes)
    np.testing.assert_array_equal(nearest.numpy(), resample_nearest(classes.numpy(), size, np.maximum))
