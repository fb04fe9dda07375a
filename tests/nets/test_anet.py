from __future__ import annotations

from typing import ClassVar

import pytest
import torch

from tests.nets.tester import NetworkTester
from wsegs.errors import DataError, OptionError
from wsegs.nets import build_network
from wsegs.nets.layers.interweave import best_patch, patch_responses, patch_responses_densely


class TestANet(NetworkTester):
    name = "anet"
    parameters = 832_980
    full: ClassVar = {"heads": {"attributes": 40}, "size": (55, 47)}
    small: ClassVar = {"heads": {"attributes": 3}, "size": (39, 31), "width": 0.05}
    odd_sizes = ((40, 33), (41, 31), (42, 34))

    def test_layers_are_those_of_the_reference(self) -> None:
        network = build_network("anet", heads={"attributes": 40}, size=(55, 47))
        layers = network.layers(torch.zeros(1, 3, 55, 47))
        assert network.shared(torch.zeros(1, 3, 55, 47)).shape == (1, 40, 12, 10)
        assert {name: tuple(values.shape) for name, values in layers.items()} == {
            "third": (1, 60, 10, 8),
            "fourth": (1, 80, 4, 3),
            "full": (1, 160),
        }
        assert (network.third.grid, network.fourth.grid) == ((5, 4), (4, 3))

    def test_cells_must_divide_the_maps(self) -> None:
        with pytest.raises(OptionError, match=r"side divides an output of 10x8 \(HxW\), got 4"):
            self.build(size=(55, 47), cells=(4, 1))
        with pytest.raises(OptionError, match="side is even; got 1"):
            self.build(size=(55, 47), cells=(1, 1))


class TestInterweaving:
    @pytest.mark.parametrize("larger", [(0, 0), (3, 1), (4, 9), (22, 13)])
    @pytest.mark.parametrize(("size", "cells"), [((55, 47), (2, 1)), ((47, 47), (8, 3)), ((47, 47), (4, 1))])
    def test_it_is_the_dense_way_to_rounding(self, size, cells, larger) -> None:
        torch.manual_seed(0)
        network = build_network("anet", heads={"attributes": 2}, size=size, width=0.1, cells=cells).double()
        images = torch.randn(2, 3, size[0] + larger[0], size[1] + larger[1], dtype=torch.double)
        with torch.inference_mode():
            fast, dense = patch_responses(network, images), patch_responses_densely(network, images)
        assert fast.shape == dense.shape
        torch.testing.assert_close(fast, dense)
        assert fast.abs().sum() > 0

    def test_the_best_patch_is_where_the_face_was_moved_to(self) -> None:
        torch.manual_seed(1)
        network = build_network("anet", heads={"attributes": 2}, size=(55, 47), width=0.1)
        face = torch.randn(1, 3, 55, 47)
        images = torch.zeros(1, 3, 55 + 24, 47 + 24)
        images[:, :, 12:67, 8:55] = face * 3
        with torch.inference_mode():
            responses = patch_responses(network, images)
            best = best_patch(network, responses)
            expected = network.layers(images[:, :, 12:67, 8:55])["full"]
            mean = responses.mean(dim=3).amax(dim=(3, 4))[0]
        assert mean[best.row, best.column] == mean.max()
        assert best.features.shape == (1, 5 * 16)
        there = network.features_of(responses[:, 3, 2])
        torch.testing.assert_close(there, expected)

    def test_of_equal_responses_the_patch_with_the_larger_sum_is_taken(self) -> None:
        network = build_network("anet", heads={"attributes": 2}, size=(55, 47), width=0.1)
        responses = torch.zeros(1, 2, 3, 8, 4, 3)
        responses[0, 0, 1, :, 0, 0] = 1.0
        responses[0, 1, 0, :, 0, 0] = 1.0
        responses[0, 1, 0, :, 1, 1] = 0.5
        best = best_patch(network, responses)
        assert (int(best.row), int(best.column)) == (1, 0)

    def test_images_smaller_than_a_patch_are_refused(self) -> None:
        network = build_network("anet", heads={"attributes": 2}, size=(55, 47), width=0.1)
        with pytest.raises(DataError, match=r"50x47 \(HxW\) are smaller than a patch"):
            patch_responses(network, torch.zeros(1, 3, 50, 47))
