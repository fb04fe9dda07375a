from __future__ import annotations

import torch
from torch import nn

from tests.nets.tester import NetworkTester
from wsegs.nets.ssg import GatedPooling, normalise_masks


class TestSSG(NetworkTester):
    name = "ssg"
    parameters = 24_077_160  # 1,792 gated channels are normalised, and a 1x1 convolution brings them back to 256

    def test_regions_are_those_of_a_quarter_of_the_size(self) -> None:
        assert self.build(size=(41, 37)).region_size == (11, 10)

    def test_the_gates_are_about_the_sixth_convolution(self) -> None:
        network = self.build()
        assert list(dict(network.before.named_children())) == [
            *("conv_11", "conv_12", "pool_1", "conv_21", "conv_22", "pool_2", "conv_31")
        ]
        assert next(iter(dict(network.after.named_children()))) == "conv_41"


MASKS = torch.tensor([[[[0.5, 0.0], [0.0, 0.5]], [[1.0, 1.0], [1.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]]])
MAPS = torch.tensor([[[[1.0, 2.0], [3.0, -4.0]]]])


def test_masks_are_normalised_to_a_sum_of_one() -> None:
    assert normalise_masks(MASKS)[0].tolist() == [
        [[0.5, 0.0], [0.0, 0.5]],
        [[0.25, 0.25], [0.25, 0.25]],
        [[0.0, 0.0], [0.0, 0.0]],  # not there: nothing passes, and nothing is divided by zero
    ]


def test_gated_copies_by_hand() -> None:
    gated = GatedPooling.gate(MAPS, MASKS)
    # The activations times the normalised masks times the four pixels: all channels of the first region first.
    assert gated[0].tolist() == [[[2.0, 0.0], [0.0, -8.0]], [[1.0, 2.0], [3.0, -4.0]], [[0.0, 0.0], [0.0, 0.0]]]


def test_gates_come_before_normalisation_and_pooling_mixes_no_regions() -> None:
    layer = GatedPooling(1, 1, regions=3).eval()
    nn.init.dirac_(layer.convolve.weight)  # the activations are the maps themselves
    layer.normalise.running_mean.copy_(torch.tensor([0.0, 1.0, -1.0]))  # what normalisation does to each copy
    nn.init.constant_(layer.activate.weight, 0.0)
    layer.restore.weight.data = torch.tensor([1.0, 10.0, 100.0]).view(1, 3, 1, 1)
    layer.normalise.eps = 0.0
    # Maxima of the copies, less their means, above zero: 2, 3 - 1 and 0 + 1.
    assert layer(MAPS, MASKS).item() == 1 * 2 + 10 * 2 + 100 * 1


def test_the_scale_of_masks_makes_no_difference() -> None:
    torch.manual_seed(0)
    layer, maps, masks = GatedPooling(2, 3, regions=2), torch.randn(2, 2, 6, 5), torch.rand(2, 2, 6, 5)
    torch.testing.assert_close(layer(maps, masks), layer(maps, masks / 1000), rtol=1e-3, atol=1e-4)


def test_a_small_region_is_as_loud_as_a_large_one() -> None:
    """Gates that sum to 1 would leave less variance than the constant that normalisation adds to it."""
    torch.manual_seed(0)
    layer = GatedPooling(4, 4, regions=2)
    masks = torch.zeros(4, 2, 55, 45)
    masks[:, 0] = 1
    masks[:, 1, 10:14, 10:14] = 1
    gated = layer.normalise(layer.gate(layer.convolve(torch.randn(4, 4, 55, 45)), masks))
    torch.testing.assert_close(gated.std(dim=(0, 2, 3)), torch.ones(8), rtol=0.01, atol=0)
