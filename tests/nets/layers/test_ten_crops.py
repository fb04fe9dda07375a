from __future__ import annotations

import torch

from wsegs.geometry.crops import patch_corners
from wsegs.nets import NetworkOutput
from wsegs.nets.layers.ten_crops import mean_of_patches, ten_patches


def test_ten_patches_by_hand() -> None:
    image = torch.arange(12.0).view(1, 1, 3, 4)
    patches = ten_patches(image, patch_corners((3, 4), (2, 2)).tolist(), (2, 2))
    assert patches[:, 0].tolist() == [
        *([[1, 2], [5, 6]], [[0, 1], [4, 5]], [[2, 3], [6, 7]], [[4, 5], [8, 9]], [[6, 7], [10, 11]]),
        *([[2, 1], [6, 5]], [[1, 0], [5, 4]], [[3, 2], [7, 6]], [[5, 4], [9, 8]], [[7, 6], [11, 10]]),
    ]


def test_patches_of_an_image_stay_together() -> None:
    images = torch.randn(3, 2, 5, 6)
    corners = patch_corners((5, 6), (4, 3)).tolist()
    whole = ten_patches(images, corners, (4, 3))
    torch.testing.assert_close(whole[10:20], ten_patches(images[1:2], corners, (4, 3)))


def test_probabilities_are_averaged_and_not_logits() -> None:
    torch.manual_seed(0)
    heads = {"class": torch.randn(20, 3) * 4, "attributes": torch.randn(20, 2) * 4, "age": torch.randn(20, 1)}
    mean = mean_of_patches(NetworkOutput(heads), {"class": "category", "attributes": "attributes", "age": "number"})
    torch.testing.assert_close(mean.heads["class"][1].softmax(0), heads["class"][10:].softmax(1).mean(0))
    torch.testing.assert_close(mean.heads["attributes"][0].sigmoid(), heads["attributes"][:10].sigmoid().mean(0))
    torch.testing.assert_close(mean.heads["age"][1], heads["age"][10:].mean(0))
