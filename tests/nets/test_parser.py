from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.nets.tester import NetworkTester
from wsegs.nets import build_network
from wsegs.nets.layers.blocks import pooled_size


class TestParser(NetworkTester):
    name = "parser"
    parameters = 11_796_564  # for the paper's 7 classes

    def test_layers_are_those_of_table_1(self) -> None:
        with torch.device("meta"):
            network = build_network("parser", size=(218, 178), classes=7)
        down = [layer.out_channels for layer in network.encode.modules() if isinstance(layer, nn.Conv2d)]
        assert down == [64, 64, 128, 128, 256, 256, 512, 512]
        up = [layer.out_channels for layer in network.decode.steps.modules() if isinstance(layer, nn.ConvTranspose2d)]
        assert up == [512, 512, 256, 256, 128, 128, 64, 64]
        sides = [layer for layer in network.decode.scores.modules() if isinstance(layer, nn.ConvTranspose2d)]
        assert [(side.in_channels, side.out_channels) for side in sides] == [(512, 7), (256, 7), (128, 7), (64, 7)]

    def test_the_scales_are_those_of_table_1(self) -> None:
        network = build_network("parser", size=(218, 178), classes=7, width=0.02).eval()
        with torch.inference_mode():
            scores = network.parse(self.images((218, 178), batch=1))
        assert [tuple(score.shape[2:]) for score in scores] == [(218, 178), (109, 89), (55, 45), (28, 23)]
        assert [pooled_size((218, 178), times) for times in range(4)] == [tuple(score.shape[2:]) for score in scores]

    @pytest.mark.parametrize("classes", [2, 19])
    def test_any_number_of_classes(self, classes) -> None:
        assert all(score.shape[1] == classes for score in self.build(classes=classes).parse(self.images()))

    def test_scales_that_are_left_out_change_nothing(self) -> None:
        network = self.build().eval()
        whole, coarse = network.parse(self.images()), network.parse(self.images(), skip=2)
        assert len(coarse) == 2
        for one, other in zip(whole[2:], coarse, strict=True):
            assert torch.equal(one, other)
