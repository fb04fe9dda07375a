from __future__ import annotations

from typing import Any, ClassVar

import pytest
import torch

from tests.nets.tester import NetworkTester
from wsegs.errors import OptionError
from wsegs.nets.on_backbones.attparse import read_by_maps


class TestAttParse(NetworkTester):
    name = "attparse"
    parameters = 993_704
    full: ClassVar[dict[str, Any]] = {"heads": {"attributes": 40}, "size": (224, 192)}
    small: ClassVar[dict[str, Any]] = {
        "heads": {"attributes": 3},
        "size": (40, 36),
        "strides": (4, 8),
        "channels": 8,
    }

    def test_too_small_images_are_refused(self) -> None:
        """Any image has maps: padding sees to it."""
        network = self.build(size=(8, 8)).eval()
        assert network(self.images((8, 8))).logits.shape == (2, 3)

    def test_a_width_of_nothing_is_refused(self) -> None:
        """It has no width; its backbone has a name."""
        with pytest.raises(OptionError, match=r"no option 'width'.*backbone, strides, channels, read"):
            self.build(width=0)

    def test_maps_are_a_quarter_of_the_image(self) -> None:
        network = self.build(size=(41, 37)).eval()
        assert network.map_size == (11, 10)
        assert network(self.images((41, 37))).maps.shape == (2, 3, 11, 10)

    @pytest.mark.parametrize("read", ["maps", "features", "both"])
    def test_logits_are_read_from_maps_and_by_them(self, read: str) -> None:
        network = self.build(read=read).eval()
        images = self.images().requires_grad_()
        output = network(images)
        assert output.logits.shape == (2, 3)
        output.logits.sum().backward()
        assert images.grad.abs().sum() > 0
        assert (network.from_maps is None) == (read == "features")
        assert (network.from_features is None) == (read == "maps")

    def test_options_out_of_range_are_refused(self) -> None:
        for options, message in (
            ({"strides": (8, 16)}, "strides: expected 4 as the finest"),
            ({"strides": ()}, "strides: expected 4 as the finest"),
            ({"read": "nothing"}, "read: expected maps, features, both"),
            ({"dropout": 1.0}, "dropout from 0 to below 1"),
            ({"channels": 0}, "channels of 1 or more"),
        ):
            with pytest.raises(OptionError, match=message):
                self.build(**options)


def test_a_map_reads_where_it_is() -> None:
    features = torch.arange(8.0).view(1, 2, 2, 2)  # channel 0: 0 to 3, channel 1: 4 to 7
    maps = torch.tensor([[[[0.0, 0.5], [0.0, 0.5]], [[-1.0, -1.0], [-1.0, -1.0]], [[1.0, 1.0], [1.0, 1.0]]]])
    read = read_by_maps(features, maps)
    assert read[0].tolist() == [[2, 6, 1.5, 5.5], [0, 0, 1.5, 5.5], [1.5, 5.5, 1.5, 5.5]]
