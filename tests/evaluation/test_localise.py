from __future__ import annotations

import numpy as np
import pytest
import torch

from wsegs.evaluation.localise import locate, locate_face, response_map
from wsegs.nets import build_network
from wsegs.nets.lnet import STRIDE


class Bright:
    """Responds to bright pixels: each cell is the mean of its own 16x16 pixels."""

    cell_centre = 8
    smallest = 16

    def responses(self, images: torch.Tensor) -> torch.Tensor:
        bright = (images.mean(dim=1, keepdim=True) + 1) / 2
        return torch.nn.functional.avg_pool2d(bright, STRIDE)[:, 0]


def _with_square(height: int, width: int, box: tuple[int, int, int, int], value: int = 255) -> np.ndarray:
    image = np.zeros((height, width, 3), np.uint8)
    x, y, across, down = box
    image[y : y + down, x : x + across] = value
    return image


@pytest.mark.parametrize("scale", [1, 2])
def test_the_window_is_where_it_responds(scale) -> None:
    box = (64 * scale, 96 * scale, 48 * scale, 32 * scale)
    image = _with_square(160 * scale, 224 * scale, box)
    (found,) = locate(Bright(), image, longest_side=224, threshold=0.5)
    np.testing.assert_allclose(found.box, box, atol=1e-4)
    assert found.score == pytest.approx(1, abs=0.01)


def test_the_second_window_is_another_face() -> None:
    image = _with_square(160, 320, (32, 32, 48, 48)) + _with_square(160, 320, (240, 96, 32, 32), 200)
    found = locate(Bright(), image, longest_side=320, threshold=0.5, count=3)
    np.testing.assert_allclose(found[0].box, [32, 32, 48, 48], atol=1e-4)
    np.testing.assert_allclose(found[1].box, [240, 96, 32, 32], atol=1e-4)


def test_coarse_to_fine_gives_the_box_in_the_whole_image() -> None:
    image = _with_square(320, 480, (160, 64, 128, 128), 100)
    image[112:144, 208:256] = 255
    found = locate_face(Bright(), Bright(), image, longest_sides=(480, 256), thresholds=(0.2, 0.8))
    np.testing.assert_allclose(found.box, [208, 112, 48, 32], atol=1e-4)


def test_where_nothing_responds_there_is_no_face() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    assert locate(Bright(), image, longest_side=64, threshold=0.5) == []
    assert locate_face(Bright(), Bright(), image, longest_sides=(64, 64), thresholds=(0.5, 0.5)) is None


def test_an_lnet_responds_to_images_of_any_shape() -> None:
    network = build_network("lnet", heads={"attributes": 2}, size=(227, 227), width=0.05).eval()
    image = np.random.default_rng(0).integers(0, 256, (300, 150, 3), np.uint8)
    assert response_map(network, image[:, :9], 227).shape[1] == 1
    assert response_map(network, image, 227).shape == (13, 5)
    (found,) = locate(network, image, longest_side=227, threshold=0.5)
    x, y, width, height = found.box
    assert x >= 0
    assert y >= 0
    assert x + width <= 150 + 1e-3
    assert y + height <= 300 + 1e-3
