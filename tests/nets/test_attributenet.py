from __future__ import annotations

from typing import ClassVar

import pytest
import torch

from tests.nets.tester import NetworkTester
from wsegs.errors import OptionError
from wsegs.nets import build_network
from wsegs.nets.layers.cnn_m import ResponseNormalisation, convolutions, last_pooling, maps_size


class TestCNNM(NetworkTester):
    name = "cnn-m"
    parameters = 102_908_520  # 6,528,640 of them in the convolutions
    full: ClassVar = {"heads": {"class": 1000}, "size": (224, 224)}
    small: ClassVar = {"heads": {"attributes": 3}, "size": (48, 44), "width": 0.05}
    odd_sizes = ((41, 41), (47, 45), (63, 42))

    def test_layers_are_those_of_cnn_m(self) -> None:
        with torch.device("meta"):
            network = build_network("cnn-m", **self.full)
        shapes = [tuple(weight.shape) for weight in network.convolutions.parameters() if weight.ndim == 4]
        assert shapes == [(96, 3, 7, 7), (256, 96, 5, 5), (512, 256, 3, 3), (512, 512, 3, 3), (512, 512, 3, 3)]
        assert [layer.out_features for layer in network.hidden if hasattr(layer, "out_features")] == [4096, 4096]
        assert network.hidden[0].in_features == 512 * 6 * 6

    def test_dropout_is_before_the_outputs_and_not_in_the_features(self) -> None:
        network = self.build(dropout=0.5).train()
        with torch.inference_mode():
            network.hidden[2].eval()
            first, second = network(self.images()), network(self.images())
        assert torch.equal(first.features, second.features)
        assert not torch.equal(first.logits, second.logits)
        with pytest.raises(OptionError, match="dropout from 0 to below 1, got 1"):
            self.build(dropout=1)


@pytest.mark.parametrize("size", [(41, 41), (63, 60), (64, 71), (112, 112), (224, 224)])
def test_sizes_of_maps_are_what_the_layers_leave(size) -> None:
    layers = convolutions(0.01)
    with torch.inference_mode():
        maps = layers(torch.zeros(1, 3, *size))
        pooled = last_pooling()(maps)
    assert tuple(maps.shape[2:]) == maps_size(size)
    assert tuple(pooled.shape[2:]) == maps_size(size, pooled=True)


@pytest.mark.parametrize("channels", [1, 3, 12, 96])
def test_normalisation_is_that_of_torch(channels) -> None:
    maps = 30 * torch.randn(2, channels, 5, 4, generator=torch.Generator().manual_seed(0))
    slow = torch.nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)
    torch.testing.assert_close(ResponseNormalisation(channels)(maps), slow(maps), rtol=1e-5, atol=1e-6)


class TestAttributeNet(NetworkTester):
    name = "attributenet"
    # Three times the convolutions of above; nine groups: a convolution of 1536 channels, 256 units of 3136 values.
    parameters = 34_787_048
    groups: ClassVar = {"Hair": (0, 2), "Eye": (1,)}
    full: ClassVar = {
        "heads": {"attributes": 40},
        "size": (224, 224),
        "streams": 3,
        "groups": {str(group): tuple(range(group, 40, 9)) for group in range(9)},
    }
    small: ClassVar = {"heads": {"attributes": 3}, "size": (48, 44), "width": 0.05, "groups": groups, "streams": 2}
    odd_sizes = ((41, 41), (47, 45), (63, 42))

    def test_streams_are_concatenated_along_channels(self) -> None:
        network = self.build(streams=3)
        assert network.groups[0].convolution.in_channels == 3 * 26
        assert len({tuple(stream[0].weight.flatten()[:3].tolist()) for stream in network.convolutions}) == 3

    def test_outputs_are_in_the_order_of_the_attributes(self) -> None:
        network = self.build()
        for group, value in zip(network.groups, (7.0, 5.0), strict=True):
            torch.nn.init.zeros_(group.classify.weight)
            torch.nn.init.constant_(group.classify.bias, value)
        assert network(self.images()).logits.tolist() == [[7.0, 5.0, 7.0]] * 2

    def test_an_attribute_reads_its_own_group_alone(self) -> None:
        network = self.build()
        network(self.images()).logits[:, 1].sum().backward()
        assert network.groups[0].hidden.weight.grad is None or not network.groups[0].hidden.weight.grad.any()
        assert network.groups[1].hidden.weight.grad.any()
        assert network.convolutions[0][0].weight.grad.any()

    @pytest.mark.parametrize("groups", [{"a": [0, 1]}, {"a": [0, 1], "b": [1, 2]}, {"a": [0, 1, 2, 3]}, {}])
    def test_every_attribute_is_in_one_group(self, groups) -> None:
        with pytest.raises(OptionError, match="groups: expected each of the attributes 0 to 2 in one group, got"):
            self.build(groups=groups)
        with pytest.raises(OptionError, match="got 0, 1, 2"):
            self.build(groups={"a": [0, 1, 2], "empty": []})

    def test_without_groups_there_is_one(self) -> None:
        assert [group.classify.out_features for group in self.build(groups=None).groups] == [3]

    def test_maps_may_be_read_after_the_pooling(self) -> None:
        before, after = self.build(size=(112, 112)), self.build(size=(112, 112), pooled=True)
        assert (before.groups[0].hidden.in_features, after.groups[0].hidden.in_features) == (3 * 3 * 3, 2 * 2 * 3)
        assert after(self.images((112, 112))).logits.shape == (2, 3)

    def test_streams_of_nothing_are_refused(self) -> None:
        with pytest.raises(OptionError, match="streams: expected 1 or more, got 0"):
            self.build(streams=0)
