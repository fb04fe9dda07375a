from __future__ import annotations

from typing import ClassVar

import pytest
import torch

from tests.nets.tester import NetworkTester
from wsegs.errors import OptionError
from wsegs.nets import build_network
from wsegs.nets.lnet import STRIDE, first_centre, response_size


class TestLNet(NetworkTester):
    name = "lnet"
    parameters = 201_838_952  # 3,747,200 of them in the convolutions
    full: ClassVar = {"heads": {"objects": 1000}, "size": (227, 227)}
    small: ClassVar = {"heads": {"attributes": 3}, "size": (63, 71), "width": 0.02}
    odd_sizes = ((64, 71), (70, 63), (90, 67))

    def test_convolutions_are_those_of_the_paper(self) -> None:
        with torch.device("meta"):
            network = build_network("lnet", **self.full)
        shapes = [tuple(weight.shape) for weight in network.features.parameters() if weight.ndim == 4]
        assert shapes == [(96, 3, 11, 11), (256, 96, 5, 5), (384, 256, 3, 3), (384, 384, 3, 3), (256, 384, 3, 3)]
        assert [layer.out_features for layer in network.hidden if hasattr(layer, "out_features")] == [4096, 4096]
        assert sum(type(layer).__name__ == "MaxPool2d" for layer in network.features) == 2

    @pytest.mark.parametrize("layers", ["paper", "torchvision"])
    @pytest.mark.parametrize("size", [(63, 63), (227, 227), (218, 178), (300, 401)])
    def test_images_of_any_size_have_responses(self, layers, size) -> None:
        network = self.build(layers=layers).eval()
        with torch.inference_mode():
            responses = network.responses(self.images(size))
        assert tuple(responses.shape[1:]) == response_size(size, layers)
        assert (response_size((227, 227)), response_size((227, 227), "torchvision")) == ((13, 13), (13, 13))

    @pytest.mark.parametrize("layers", ["paper", "torchvision"])
    def test_a_cell_is_centred_where_it_is_said_to_be(self, layers) -> None:
        """By the pixels that a cell's response depends on, which are as many on either side of its centre."""
        network = self.build(layers=layers, width=0.1).double().eval()
        images = torch.randn(1, 3, 403, 403, dtype=torch.double, requires_grad=True)
        network.convolved(images)[0, :, 10, 11].sum().backward()
        reached = images.grad.abs().sum(dim=(0, 1)) > 0
        for axis, cell in ((1, 10), (0, 11)):
            places = torch.nonzero(reached.any(dim=axis)).ravel()
            assert (places[0] + places[-1]) / 2 == first_centre(layers) + STRIDE * cell

    def test_unknown_layers_are_refused(self) -> None:
        with pytest.raises(OptionError, match="layers: expected paper or torchvision, got 'caffe'"):
            self.build(layers="caffe")
        with pytest.raises(OptionError, match="dropout from 0 to below 1, got 2, 1"):
            self.build(dropout=1)
