from __future__ import annotations

from tests.nets.tester import NetworkTester


class TestJoint(NetworkTester):
    name = "joint"
    parameters = 30_721_148  # the parser's and the basic network's, with the encoder counted once

    def test_both_tasks_move_the_encoder(self) -> None:
        network = self.build()
        for loss in (network(self.images()).logits.square().sum(), network.parse(self.images())[0].square().sum()):
            network.zero_grad()
            loss.backward()
            assert network.encode.conv_11[0].weight.grad.abs().sum() > 0
