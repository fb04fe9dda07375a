from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.tasks.tester import GROUP, TaskTester
from wsegs.nets import NetworkOutput
from wsegs.tasks import build_task


class TestAttributes(TaskTester):
    kind = "attributes"
    outputs = ("Smiling", "Male")

    def labels(self):
        return {"attributes": torch.tensor([[1, 0], [0, -1], [1, 1], [-1, -1]], dtype=torch.int8)}

    def test_scores_by_hand(self) -> None:
        task = self.build()
        logits = torch.tensor([[2.0, 1.0], [-1.0, 0.0], [1.0, 2.0], [0.0, 0.0]])
        task.update(NetworkOutput({"attributes": logits}), self.batch())
        scores = task.scores()
        assert scores["accuracy"] == (1 + 0.5) / 2  # all three of Smiling, one of two of Male
        assert scores["balanced_accuracy"] == (1 + 0.5) / 2
        assert scores["average_precision"] == 1

    def test_decoded_probabilities_are_by_name(self) -> None:
        (first, *_) = self.build().decode(NetworkOutput({"attributes": torch.zeros(4, 2)}))["attributes"]
        assert first == {"Smiling": 0.5, "Male": 0.5}

    def test_weights_follow_the_labels_of_the_training_rows(self) -> None:
        task = build_task("attributes", "attributes", self.outputs, {"balance": "class"})
        labels = np.array([[1, 1], [0, 1], [0, 1], [0, 0]], np.int8)
        task.begin(SimpleNamespace(attributes=labels), [0, 1, 2, 3])
        assert task.label_weights[:, 0].tolist() == pytest.approx([0.5 / 0.75, 0.5 / 0.25])
        assert task.state() == {}  # the labels say it again
        assert task.losses(self.output(), self.batch(), GROUP)["attributes"].value() > 0
