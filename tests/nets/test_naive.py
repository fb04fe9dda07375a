from __future__ import annotations

import torch
from torch import nn

from tests.nets.tester import NetworkTester


class TestNaive(NetworkTester):
    name = "naive"
    parameters = 23_617_852  # seven channels more than the basic network, and their normalisation

    def test_colours_and_regions_are_normalised_together(self) -> None:
        network = self.build()
        assert network.region_size == self.small["size"]
        assert isinstance(network.normalise, nn.BatchNorm2d)
        seen = []
        network.features.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
        network(self.images() * 50 + 7, self.regions(network))
        (channels,) = seen
        assert channels.shape[1] == 3 + 3
        torch.testing.assert_close(channels.mean(dim=(0, 2, 3)), torch.zeros(6), atol=1e-4, rtol=0)
        torch.testing.assert_close(channels.var(dim=(0, 2, 3)), torch.ones(6), atol=1e-2, rtol=0)
