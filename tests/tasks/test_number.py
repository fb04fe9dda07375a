from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.tasks.tester import GROUP, TaskTester
from wsegs.nets import NetworkOutput


class TestNumber(TaskTester):
    kind = "number"
    outputs = ("age",)

    def labels(self):
        return {"age": torch.tensor([20.0, 40.0, 60.0, float("nan")])}

    def begun(self):
        task = self.build()
        task.begin(SimpleNamespace(numbers={"age": np.array([20, 40, 60, np.nan, 99], np.float32)}), [0, 1, 2, 3])
        return task

    def said(self, *ages: float) -> NetworkOutput:
        """What a network says whose numbers are these, in standard deviations from the mean of 40."""
        return NetworkOutput({"number": (torch.tensor([ages]).T - 40) / np.std([20, 40, 60])})

    def test_the_loss_by_hand(self) -> None:
        """Half the squared error in standard deviations: 10 years of 16.33 once, in three known images."""
        loss = self.begun().losses(self.said(20, 50, 60, 7), self.batch(), GROUP)["number"].value()
        assert loss.item() == pytest.approx(0.5 * (10 / np.std([20, 40, 60])) ** 2 / 3, rel=1e-5)

    def test_scores_are_in_the_labels_unit(self) -> None:
        task = self.begun()
        task.update(self.said(20, 50, 60, 7), self.batch())
        scores = task.scores()
        assert scores["mean_absolute_error"] == pytest.approx(10 / 3, rel=1e-5)
        assert scores["correlation"] == pytest.approx(np.corrcoef([20, 40, 60], [20, 50, 60])[0, 1], rel=1e-5)

    def test_a_correlation_of_equal_numbers_is_not_defined(self) -> None:
        task = self.begun()
        task.update(self.said(30, 30, 30, 30), self.batch())
        assert np.isnan(task.scores()["correlation"])

    def test_mean_and_deviation_are_part_of_a_checkpoint(self) -> None:
        again = self.build()
        again.load_state_dict(self.begun().state())
        assert again.decode(self.said(20, 50, 60, 7))["number"] == pytest.approx([20, 50, 60, 7], rel=1e-5)
