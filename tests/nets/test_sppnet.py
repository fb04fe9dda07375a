from __future__ import annotations

import torch

from tests.nets.tester import NetworkTester


class TestSPPNet(NetworkTester):
    name = "sppnet"
    parameters = 23_777_640  # five times the features of the basic network

    def test_the_pyramid_is_the_whole_map_and_its_quarters(self) -> None:
        network = self.build(heads={"attributes": 5}, width=1 / 1024).eval()  # one filter a layer: five features
        maps = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
        network.features = torch.nn.Identity()
        torch.nn.init.eye_(network.heads["attributes"].weight)
        torch.nn.init.zeros_(network.heads["attributes"].bias)
        with torch.inference_mode():
            assert network(maps).logits.tolist() == [[4.0, 1.0, 2.0, 3.0, 4.0]]
