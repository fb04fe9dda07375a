from __future__ import annotations

from typing import Any, ClassVar

import pytest
import torch
from torch import nn

from tests.nets.tester import NetworkTester
from wsegs.errors import OptionError
from wsegs.nets import build_network


class TestAttParseNet(NetworkTester):
    name = "attparsenet"
    parameters = 16_290_598  # for 40 attributes at 218x178
    small: ClassVar[dict[str, Any]] = {"heads": {"attributes": 3}, "size": (40, 36), "width": 0.05}

    def test_maps_are_those_of_the_paper(self) -> None:
        assert build_network("attparsenet", heads={"attributes": 1}, size=(218, 178), width=0.01).map_size == (96, 76)

    def test_layers_are_those_of_the_paper(self) -> None:
        network = self.build(heads={"attributes": 40}, width=1.0, size=(28, 28))
        layers = list(network.segment)
        convolutions = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
        assert [layer.out_channels for layer in convolutions] == [75, 200, 300, 512, 512, 40]
        assert [layer.kernel_size[0] for layer in convolutions] == [7, 3, 3, 3, 3, 3]
        assert all(layer.padding == (0, 0) for layer in convolutions)
        assert sum(isinstance(layer, nn.BatchNorm2d) for layer in layers) == 6
        assert isinstance(layers[-1], nn.BatchNorm2d)  # normalised, and linear

    def test_the_first_layer_pools_last_as_published_or_first(self) -> None:
        kinds = [[type(layer) for layer in list(self.build(pool_last=last).segment)[:4]] for last in (True, False)]
        assert kinds[0] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.MaxPool2d]
        assert kinds[1] == [nn.Conv2d, nn.MaxPool2d, nn.BatchNorm2d, nn.ReLU]

    def test_both_orders_are_the_same_function_of_the_same_weights(self) -> None:
        torch.manual_seed(0)
        first, last = self.build(pool_last=False).eval(), self.build(pool_last=True).eval()
        normalisation = first.segment[2]
        normalisation.running_mean.normal_()
        normalisation.running_var.uniform_(0.5, 2)
        nn.init.uniform_(normalisation.weight, 0.5, 2)
        last.load_state_dict(dict(zip(last.state_dict(), first.state_dict().values(), strict=True)))
        images = torch.rand(2, 3, 40, 36)
        torch.testing.assert_close(first(images).logits, last(images).logits)
        nn.init.constant_(normalisation.weight, -1.0)  # which turns the order of what is pooled
        last.load_state_dict(dict(zip(last.state_dict(), first.state_dict().values(), strict=True)))
        assert not torch.allclose(first(images).logits, last(images).logits)

    @pytest.mark.parametrize(("width", "filters"), [(0.25, [19, 50, 75, 128, 128]), (0.001, [1, 1, 1, 1, 1])])
    def test_width_scales_the_filters(self, width, filters) -> None:
        network = self.build(width=width)
        assert [layer.out_channels for layer in network.segment if isinstance(layer, nn.Conv2d)] == [*filters, 3]

    def test_the_smallest_images_are_those_that_the_message_names(self) -> None:
        assert self.build(size=(28, 28)).map_size == (1, 1)
        for size in ((27, 28), (28, 27)):
            with pytest.raises(OptionError, match="at least 28x28"):
                self.build(size=size)

    def test_logits_are_read_from_maps_or_features(self) -> None:
        with pytest.raises(OptionError, match="expected read: maps or features, got 'labels'"):
            self.build(read="labels")


class TestAttParseNetBesideMaps(NetworkTester):
    """Maps as a head beside features: logits do not depend on them."""

    name = "attparsenet"
    parameters = 5_231_398  # 614,440 of them read 6x5 cells of 512 filters
    small: ClassVar[dict[str, Any]] = {"heads": {"attributes": 3}, "size": (40, 36), "width": 0.05, "read": "features"}
    full: ClassVar[dict[str, Any]] = {**NetworkTester.full, "read": "features"}

    def test_logits_do_not_hang_on_the_maps(self) -> None:
        network = self.build().eval()
        images = torch.randn(2, 3, 40, 36)
        before = network(images)
        nn.init.zeros_(network.segment[-2].weight)
        after = network(images)
        assert torch.equal(before.logits, after.logits)
        assert not torch.equal(before.maps, after.maps)
