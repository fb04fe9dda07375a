from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
import pytest
import torch

from tests.tasks.tester import GROUP, TaskTester
from wsegs.datasets.typed_labels import Categories
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

    def test_balance_makes_categories_count_alike(self) -> None:
        class Labelled:
            numbers: ClassVar = {}
            categories: ClassVar = {"category": Categories(self.outputs, np.array([0, 0, 0, 2, -1]))}

        task = build_task("category", "category", self.outputs, {"balance": "class"})
        task.begin(Labelled, np.arange(5))
        assert task.category_weights.tolist() == pytest.approx([4 / 6, 1, 4 / 2])  # nobody is of the second
        logits = torch.zeros(4, 3)
        loss = task.losses(NetworkOutput({"category": logits}), self.batch(), GROUP)["category"].value()
        assert loss.item() == pytest.approx(math.log(3) * (4 / 6 + 2 + 4 / 6) / 3)
