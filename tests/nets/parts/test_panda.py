from __future__ import annotations

from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from tests.nets.tester import REGIONS, NetworkTester
from wsegs.errors import OptionError
from wsegs.nets import signature_of


class TestPanda(NetworkTester):
    name = "panda"
    parameters = (
        9 * (27 * 16 + 144 * 32 + 288 * 64 + 576 * 64 + 2 * (16 + 32 + 64 + 64) + 1024 * 64 + 64) + 576 * 40 + 40
    )
    full: ClassVar[dict[str, Any]] = {
        "heads": {"attributes": 40},
        "size": (224, 192),
        "regions": tuple(f"part {part}" for part in range(9)),
    }
    small: ClassVar[dict[str, Any]] = {
        "heads": {"attributes": 3},
        "size": (40, 36),
        "regions": REGIONS,
        "patch": 16,
        "width": 0.25,
    }

    def regions(self, network: nn.Module, batch: int = 2) -> Tensor:
        """Patches."""
        shape = (batch, len(self.small["regions"]), 3, *network.region_size)
        return torch.randn(shape, generator=torch.Generator().manual_seed(2))

    def test_too_small_images_are_refused(self) -> None:
        """It sees patches, whose size is its own."""
        with pytest.raises(OptionError, match="'panda': expected patches of at least 8x8, got 7x7"):
            self.build(patch=7)

    def test_no_part_sees_another(self) -> None:
        network = self.build().eval()
        patches = self.regions(network)
        with torch.inference_mode():
            before = network(self.images(), patches).features
            patches[:, 1] = 0
            changed = (network(self.images(), patches).features != before).any(dim=0)
        each = network.feature_size
        assert not changed[:each].any()
        assert not changed[2 * each :].any()
        assert changed[each : 2 * each].any()

    def test_grouped_filters_are_a_network_for_each_part(self) -> None:
        """Parity with the plain way: each part through convolutions of its own."""
        network = self.build().eval()
        patches = self.regions(network)
        with torch.inference_mode():
            features = network(self.images(), patches).features
            for part in range(3):
                maps = patches[:, part]
                for layer in network.convolutions:
                    if isinstance(layer, nn.MaxPool2d):
                        maps = layer(maps)
                        continue
                    convolution, normalisation, _ = layer
                    weight = convolution.weight.chunk(3)[part]
                    maps = nn.functional.conv2d(maps, weight, padding=1)
                    mean, variance, scale, shift = (
                        values.chunk(3)[part]
                        for values in (
                            normalisation.running_mean,
                            normalisation.running_var,
                            normalisation.weight,
                            normalisation.bias,
                        )
                    )
                    maps = nn.functional.batch_norm(maps, mean, variance, scale, shift).relu()
                weight, bias = network.full.weight.chunk(3)[part][..., 0], network.full.bias.chunk(3)[part]
                own = nn.functional.linear(maps.flatten(1), weight, bias).relu()
                each = network.feature_size
                torch.testing.assert_close(features[:, part * each : (part + 1) * each], own, rtol=1e-4, atol=1e-6)

    def test_it_reads_no_regions(self) -> None:
        assert signature_of(self.name).wants("patch")
        assert not signature_of(self.name).reads_features
