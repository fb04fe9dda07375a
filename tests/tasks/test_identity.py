from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from tests.tasks.tester import GROUP, TaskTester
from wsegs.errors import OptionError
from wsegs.nets import NetworkOutput
from wsegs.nets.layers.heads import Heads
from wsegs.tasks import build_task
from wsegs.tasks.identity import similarity_loss

PEOPLE = ("3", "7", "9")


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.heads = Heads(2, {"identity": 3})


class TestIdentity(TaskTester):
    kind = "identity"
    outputs = PEOPLE

    def labels(self):
        return {"identity": torch.tensor([9, 3, 9, -1])}

    def test_the_loss_by_hand(self) -> None:
        logits = torch.zeros(4, 3)
        logits[1, 0] = math.log(2)
        loss = self.build().losses(NetworkOutput({"identity": logits}), self.batch(), GROUP)["identity"].value()
        assert loss.item() == pytest.approx((math.log(3) + math.log(2) + math.log(3)) / 3)

    def test_people_that_the_training_does_not_know_count_for_nothing(self) -> None:
        labels = {"identity": torch.tensor([8, 8, 11, 2])}
        assert self.loss(self.output(), self.batch(labels)) == 0

    def test_scores_by_hand(self) -> None:
        task = self.build()
        features = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.1], [5.0, 5.0]])
        task.update(NetworkOutput({"identity": torch.eye(3)[[2, 1, 2, 0]]}, features=features), self.batch())
        # Person 9 is right twice, person 3 is wrong; the two images of person 9 are the most similar pair.
        assert task.scores() == {"accuracy": pytest.approx(2 / 3), "verification_auc": 1.0}

    def test_features_of_one_image_a_person_verify_nothing(self) -> None:
        task = self.build()
        batch = self.batch({"identity": torch.tensor([3, 7, 9, -1])})
        task.update(self.output(), batch)
        assert math.isnan(task.scores()["verification_auc"])


def _with_centres(weight: float = 2.0, rate: float = 0.5):
    task = build_task("identity", "identity", PEOPLE, {"centre_weight": weight, "centre_rate": rate})
    task.attach(Network())
    task.centres[:] = torch.tensor([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]])
    return task


def test_the_centre_loss_by_hand() -> None:
    """Three images: of person 9 twice, 1 and 2 away from their centre, of person 3 at theirs."""
    tester = TestIdentity()
    task = _with_centres().eval()
    features = torch.tensor([[3.0, 0.0], [0.0, 0.0], [2.0, 2.0], [50.0, 50.0]])
    output = NetworkOutput({"identity": torch.zeros(4, 3)}, features=features)
    terms = task.losses(output, tester.batch(), GROUP)["identity"]
    assert terms.value().item() == pytest.approx(math.log(3) + 2.0 * 0.5 * (1 + 0 + 4) / 3)
    assert task.centres.tolist() == [[0, 0], [1, 1], [2, 0]]  # nothing moves in evaluation


def test_centres_move_towards_their_features() -> None:
    """Wen et al., equation 4: the sum of the differences over one more than their number, times the rate."""
    tester = TestIdentity()
    task = _with_centres().train()
    features = torch.tensor([[3.0, 0.0], [0.0, 4.0], [2.0, 2.0], [50.0, 50.0]])
    task.losses(NetworkOutput({"identity": torch.zeros(4, 3)}, features=features), tester.batch(), GROUP)
    assert task.centres[1].tolist() == [1, 1]  # nobody came
    assert task.centres[0].tolist() == pytest.approx([0, 0.5 * 4 / 2])
    assert task.centres[2].tolist() == pytest.approx([2 + 0.5 * 1 / 3, 0 + 0.5 * 2 / 3])
    assert set(task.state()) == {"centres"}  # a resumed training goes on with them


def test_centres_need_features() -> None:
    task = build_task("identity", "identity", PEOPLE, {"centre_weight": 1.0})
    with pytest.raises(OptionError, match="centre_weight needs a network with features"):
        task.attach(nn.Identity())


def test_the_similarity_loss_by_hand() -> None:
    """Person 9 twice, 5 apart; the third image is of person 3, the fourth of nobody that is known."""
    tester = TestIdentity()
    task = build_task("identity", "identity", PEOPLE, {"similarity_weight": 0.1})
    task.attach(Network())
    features = torch.tensor([[3.0, 0.0], [9.0, 9.0], [0.0, 4.0], [50.0, 50.0]], requires_grad=True)
    output = NetworkOutput({"identity": torch.zeros(4, 3)}, features=features)
    value = task.losses(output, tester.batch(), GROUP)["identity"].value()
    assert value.item() == pytest.approx(math.log(3) + 0.1 * 25)
    value.backward()
    assert features.grad.tolist() == [pytest.approx([0.6, -0.8]), [0, 0], pytest.approx([-0.6, 0.8]), [0, 0]]


def test_the_similarity_loss_is_the_mean_over_pairs() -> None:
    features = torch.randn(7, 5, generator=torch.Generator().manual_seed(0))
    people = torch.tensor([2, 0, 2, -1, 2, 0, -1])
    pairs = [(0, 2), (0, 4), (2, 4), (1, 5)]
    expected = sum((features[i] - features[j]).square().sum() for i, j in pairs) / 4
    torch.testing.assert_close(similarity_loss(features, people), expected)
    assert similarity_loss(features[:2], people[:2]) == 0


def test_losses_of_features_need_features() -> None:
    task = build_task("identity", "identity", PEOPLE, {"similarity_weight": 0.1})
    with pytest.raises(OptionError, match="similarity_weight needs a network with features"):
        task.attach(nn.Linear(1, 1))
