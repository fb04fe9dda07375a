from __future__ import annotations

import torch
from torch import nn

from tests.nets.tester import NetworkTester
from wsegs.nets import build_network
from wsegs.nets.layers.blocks import pooled_size


class TestBasic(NetworkTester):
    name = "basic"
    parameters = 23_613_800  # the paper says 24 million

    def test_layers_are_those_of_the_paper(self) -> None:
        with torch.device("meta"):
            network = build_network("basic", heads={"attributes": 40}, size=(218, 178))
        convolutions = [layer for layer in network.features.modules() if isinstance(layer, nn.Conv2d)]
        assert [layer.out_channels for layer in convolutions] == [64] * 2 + [128] * 2 + [256] * 2 + [512] * 4 + [
            1024
        ] * 2
        assert all((layer.kernel_size, layer.stride) == ((3, 3), (1, 1)) for layer in convolutions)
        kinds = [type(layer) for layer in network.features.modules()]
        assert kinds.count(nn.BatchNorm2d) == kinds.count(nn.PReLU) == 12

    def test_a_pooling_comes_before_any_more_filters_and_nowhere_else(self) -> None:
        channels, pooled = 64, False
        for layer in self.build(width=1.0, heads={"attributes": 1}).features:
            if isinstance(layer, nn.MaxPool2d):
                pooled = True
                continue
            assert pooled == (layer[0].out_channels > channels), layer
            channels, pooled = layer[0].out_channels, False

    def test_the_last_maps_are_those_of_the_paper(self) -> None:
        network = build_network("basic", heads={"attributes": 1}, size=(218, 178), width=0.02).eval()
        with torch.inference_mode():
            maps = network.features(self.images((218, 178), batch=1))
        assert maps.shape[2:] == (14, 12) == pooled_size((218, 178), 4)

    def test_the_logits_are_those_of_the_mean_over_the_map(self) -> None:
        network = self.build().eval()
        with torch.inference_mode():
            features = network.features(self.images())
            expected = network.heads["attributes"](features.flatten(2).mean(dim=2))
            torch.testing.assert_close(network(self.images()).logits, expected)
