from __future__ import annotations

import pytest
import torch
from torch import nn

from wsegs.errors import OptionError
from wsegs.evaluation.where.attention import ClassActivation, last_common_layer
from wsegs.nets import NetworkOutput, build_network

HEADS = {"attributes": 3}


class TwoBranches(nn.Module):
    """A layer that all attributes are read from, and one for each attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.Conv2d(3, 4, 3)
        self.branches = nn.ModuleList(nn.Conv2d(4, 1, 3) for _ in range(3))

    def forward(self, images):
        maps = self.shared(images)
        logits = torch.cat([branch(maps).mean(dim=(2, 3)) for branch in self.branches], dim=1)
        return NetworkOutput({"attributes": logits})


def test_a_layer_of_one_attribute_is_not_common() -> None:
    network = TwoBranches()
    assert last_common_layer(network, (torch.rand(2, 3, 9, 9, requires_grad=True),)) is network.shared


@pytest.mark.parametrize("name", ["basic", "sppnet", "attributenet"])
def test_layers_of_the_networks(name: str) -> None:
    network = build_network(name, size=(48, 48), heads=HEADS, width=0.05).eval()
    layer = last_common_layer(network, (torch.rand(1, 3, 48, 48, requires_grad=True),))
    modules = [module for module in network.modules() if not [*module.children()]]
    last = max(place for place, module in enumerate(modules) if isinstance(module, nn.Conv2d))
    if name != "attributenet":  # whose last convolutions are of groups of attributes
        assert modules.index(layer) >= last


def test_a_network_without_maps_has_none() -> None:
    class Flat(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(12, 2)

        def forward(self, images):
            return NetworkOutput({"attributes": self.linear(images.flatten(1))})

    with pytest.raises(OptionError, match="no layer of maps"):
        last_common_layer(Flat(), (torch.rand(1, 3, 2, 2, requires_grad=True),))


def test_the_map_of_a_network_that_reads_the_middle_lies_in_the_middle() -> None:
    network = build_network("anet", size=(88, 88), heads=HEADS, width=0.1, border=12).eval()
    placed = ClassActivation.__new__(ClassActivation)
    placed._network, placed.size = network, (44, 44)
    maps = placed._placed(torch.ones(1, 3, 4, 4))
    assert maps.shape == (1, 3, 44, 44)
    torch.testing.assert_close(maps[..., 7:37, 7:37], torch.ones(1, 3, 30, 30))
    assert not maps[..., :5, :].any()
    assert not maps[..., 39:].any()
