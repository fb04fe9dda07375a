from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.nets.tester import REGIONS, NetworkTester
from wsegs.errors import OptionError
from wsegs.nets import signature_of
from wsegs.nets.parts.hog import hog_maps


class TestFaceTracer(NetworkTester):
    name = "facetracer"
    parameters = 40 * 16 * (48 + 81) + 40
    full: ClassVar[dict[str, Any]] = {
        "heads": {"attributes": 40},
        "size": (224, 192),
        "regions": tuple(f"region {r}" for r in range(15)),
    }
    small: ClassVar[dict[str, Any]] = {"heads": {"attributes": 3}, "size": (40, 36), "regions": REGIONS}

    def regions(self, network: nn.Module, batch: int = 2) -> Tensor:
        """Regions of an image are the same in each batch: histograms are no means over large parts of them."""
        shape = (4, len(self.small["regions"]), *network.region_size)
        return torch.randn(shape, generator=torch.Generator().manual_seed(2)).softmax(dim=1)[:batch]

    def test_a_width_of_nothing_is_refused(self) -> None:
        """It has no layers that could be narrower."""
        with pytest.raises(OptionError, match=r"no option 'width'.*cell, orientations, grid, spaces, bins, clip"):
            self.build(width=0)

    def test_a_logit_is_a_sum_over_regions(self) -> None:
        network = self.build().eval()
        output = network(self.images(), self.regions(network))
        shares = network.shares(output.features)
        assert shares.shape == (2, 3, 4)
        torch.testing.assert_close(shares.sum(dim=2) + network.heads["attributes"].bias, output.logits)

    def test_the_whole_image_is_read_behind_the_regions(self) -> None:
        network = self.build(grid=1)
        images = self.images()
        blocks = network.read(images, torch.ones(2, 3, *network.region_size))
        assert {stride: tuple(block.shape) for stride, block in blocks.items()} == {2: (2, 4, 48), 8: (2, 4, 9)}
        for block in blocks.values():
            torch.testing.assert_close(block[:, 0], block[:, -1])
        pixels = ((images.permute(0, 2, 3, 1).numpy() + 1) * 127.5).round().astype(np.uint8)
        np.testing.assert_allclose(blocks[8][:, -1], hog_maps(pixels, 8).mean(axis=(2, 3)), atol=1e-5)

    def test_colours_are_those_inside_of_a_region(self) -> None:
        """Half red, half blue: the region on the left sees no blue, although its box holds some."""
        images = torch.full((1, 3, 32, 32), -1.0)
        images[:, 0, :, :16], images[:, 2, :, 16:] = 1.0, 1.0
        network = self.build(size=(32, 32), bins=2, spaces=("rgb",))
        left = torch.zeros(1, 3, 16, 16)
        left[0, 0, :, :8] = left[0, 0, 0, 8:] = 1  # its box is the image
        left[0, 1, :, :8] = 1
        colours = network.read(images, left)[2]
        assert colours[0, 1].tolist() == [0, 1, 1, 0, 1, 0]
        assert colours[0, 0, 5] == pytest.approx(8 / (8 * 16 + 8))

    def test_colours_may_be_left_out(self) -> None:
        network = self.build(spaces=())
        assert network.layout.blocks == ((8, 81),)
        assert network(self.images(), self.regions(network)).logits.isfinite().all()

    def test_its_features_can_be_fitted_on(self) -> None:
        assert signature_of(self.name).reads_features
        assert self.build().reads_on_cpu

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"cell": 2}, "cell: expected a whole number from 3 on, got 2"),
            ({"grid": 1.5}, "grid: expected a whole number from 1 on, got 1.5"),
            ({"bins": 1}, "bins: expected a whole number from 2 on, got 1"),
            ({"spaces": ["lab"]}, "spaces: expected some of rgb, hsv, got 'lab'"),
            ({"cell": 20}, "at least 40x40"),
        ],
    )
    def test_bad_options_are_told(self, options, message) -> None:
        with pytest.raises(OptionError, match=message):
            self.build(**options)
