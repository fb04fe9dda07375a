from __future__ import annotations

import torch

from tests.tasks.tester import SIZE, TaskTester
from wsegs.nets import IGNORE_INDEX


class TestParsing(TaskTester):
    kind = "parsing"
    outputs = ("ground", "eyes", "mouth")

    def labels(self):
        return {}

    def classes(self):
        classes = torch.arange(4 * SIZE[0] * SIZE[1]).view(4, *SIZE).remainder(3).to(torch.uint8)
        classes[3] = IGNORE_INDEX
        return classes

    def unknown(self):
        return {"nothing": torch.zeros(4)}

    def batch(self, labels=None):
        classes = self.classes() if labels is None else torch.full((4, *SIZE), IGNORE_INDEX, dtype=torch.uint8)
        return super().batch({})._replace(classes=classes)

    def output(self, seed=0):
        generator = torch.Generator().manual_seed(seed)
        return (torch.randn(4, 3, *SIZE, generator=generator, requires_grad=True),)

    def read(self, output):
        return output[0]

    def part(self, output, rows):
        return (output[0][rows],)

    def test_scores_by_hand(self) -> None:
        task = self.build()
        right = torch.nn.functional.one_hot(self.classes().long().clamp(max=2), 3).permute(0, 3, 1, 2).float()
        task.update((right,), self.batch())
        assert task.scores() == {"mean_iou": 1.0}
