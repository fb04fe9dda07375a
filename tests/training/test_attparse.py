"""AttParse: weights and rate of its backbone, smoothed labels."""

from __future__ import annotations

import pytest
import torch

from wsegs.errors import OptionError
from wsegs.nets.backbones import build_backbone, find_weights, load_backbone_weights
from wsegs.tasks.attributes import attribute_loss
from wsegs.training.lightning.trainer import TrainerOptions
from wsegs.training.optimizers import build_optimizer
from wsegs.training.recipe import load_recipe
from wsegs.training.resolve import Overrides, resolve
from wsegs.training.train import train
from wsegs.training.weights import load_trunks, seeded_network

SMALL = {"size": (32, 28), "batch_size": 4, "precision": "32-true", "max_steps": 2, "network.channels": 8}


def _plan(store, **fields):
    return resolve(load_recipe("attparse", {**SMALL, **fields}), Overrides(store.path))


def _weights(strides=(4, 8, 16)) -> dict[str, torch.Tensor]:
    backbone = build_backbone("efficientnet-lite0", strides)
    load_backbone_weights(backbone, "efficientnet-lite0", find_weights("efficientnet-lite0", None))
    return backbone.state_dict()


def test_the_backbone_begins_with_the_weights_of_its_package(store) -> None:
    plan = _plan(store)
    network = seeded_network(plan)
    load_trunks(network, plan)
    assert all(torch.equal(values, network.backbone.state_dict()[name]) for name, values in _weights().items())


def test_or_with_random_ones(store) -> None:
    plan = _plan(store, **{"network.pretrained": False})
    network = seeded_network(plan)
    load_trunks(network, plan)
    first = next(name for name in _weights() if name.endswith("weight"))
    assert not torch.equal(network.backbone.state_dict()[first], _weights()[first])
    with pytest.raises(OptionError, match="expected weights or pretrained: false, got both"):
        _plan(store, **{"network.pretrained": False, "network.weights": "some.pth"})


def test_the_backbone_has_a_rate_of_its_own(store) -> None:
    plan = _plan(store)
    network = seeded_network(plan)
    optimizer = build_optimizer(plan.optimizer, network, (), plan.network.backbone.rate)
    rates = {id(parameter): group["lr"] for group in optimizer.param_groups for parameter in group["params"]}
    for layers, rate in ((network.backbone, 0.0003), (network.segment, 0.001), (network.lateral, 0.001)):
        assert [rates[id(parameter)] for parameter in layers.parameters()] == pytest.approx(
            [rate for _ in layers.parameters()]
        )
    with pytest.raises(OptionError, match="backbone_rate, pretrained: 'basic' has no backbone"):
        resolve(load_recipe("basic", {"network.backbone_rate": 0.1}), Overrides(store.path))


def test_labels_are_smoothed_towards_one_half() -> None:
    logits, labels = torch.tensor([[2.0, -1.0]]), torch.tensor([[1, 0]], dtype=torch.int8)
    smoothed = attribute_loss(logits, labels, smoothing=0.2).sums.sum()
    by_hand = sum(
        share * attribute_loss(logits, torch.tensor([pair], dtype=torch.int8)).sums.sum()
        for share, pair in ((0.9, [1, 0]), (0.1, [0, 1]))
    )
    torch.testing.assert_close(smoothed, by_hand)


@pytest.mark.slow
@pytest.mark.parametrize("masks", [True, False])
def test_it_trains_with_masks_and_without(store, tmp_path, masks) -> None:
    recipe = load_recipe("attparse", {**SMALL, "tasks.attributes.smoothing": 0.1, "schedule.name": "cosine"})
    recipe = recipe if masks else recipe.without_segmentation()
    summary = train(recipe, store, tmp_path / "run", options=TrainerOptions("cpu", workers=0))
    assert summary["steps"] == 2
