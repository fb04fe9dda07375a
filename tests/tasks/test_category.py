from __future__ import annotations

import math

import pytest
import torch

from tests.tasks.tester import GROUP, TaskTester
from wsegs.nets import NetworkOutput
from wsegs.tasks import build_task


class TestCategory(TaskTester):
    kind = "category"
    outputs = ("cat", "dog", "face")

    def labels(self):
        return {"category": torch.tensor([0, 2, 0, -1])}

    def test_the_loss_by_hand(self) -> None:
        logits = torch.tensor([[math.log(2), 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, math.log(2)], [9.0, 9.0, 9.0]])
        loss = self.build().losses(NetworkOutput({"category": logits}), self.batch(), GROUP)["category"].value()
        assert loss.item() == pytest.approx((math.log(2) + math.log(3) + math.log(4)) / 3)

    def test_scores_by_hand(self) -> None:
        task = self.build()
        logits = torch.eye(3)[[0, 2, 1, 1]]
        task.update(NetworkOutput({"category": logits}), self.batch())
        # Of two cats one is right, and the face; the last is not known.
        assert task.scores() == {"accuracy": pytest.approx(2 / 3), "balanced_accuracy": pytest.approx(0.75)}

    def test_the_label_may_have_another_name(self) -> None:
        task = build_task("category", "race", ("a", "b"), {"label": "ethnicity"})
        assert task.fields(task, (8, 6)).labels == {"ethnicity"}
