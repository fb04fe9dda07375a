"""What two processes make of it is in tests/training/test_processes.py."""

from __future__ import annotations

import torch
from torch import nn

from wsegs.nets import build_network
from wsegs.nets.layers.sync_batch_norm import SharedBatchNorm2d, share_batch_norm


def test_alone_it_is_plain_batch_normalisation() -> None:
    plain, images = nn.BatchNorm2d(3), torch.randn(4, 3, 5, 6)
    shared = share_batch_norm(nn.BatchNorm2d(3))
    assert type(shared) is SharedBatchNorm2d
    torch.testing.assert_close(shared(images), plain(images))
    assert all(torch.equal(shared.state_dict()[name], value) for name, value in plain.state_dict().items())


def test_a_network_keeps_its_weights_and_their_names() -> None:
    network = build_network("attparsenet", size=(32, 28), heads={"attributes": 3}, width=0.03)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    after = share_batch_norm(network).state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert sum(isinstance(module, SharedBatchNorm2d) for module in network.modules()) == 6
    assert not any(type(module) is nn.BatchNorm2d for module in network.modules())
