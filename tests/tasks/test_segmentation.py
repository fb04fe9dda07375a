from __future__ import annotations

import torch

from tests.tasks.tester import SIZE, TaskTester
from tests.training.tiny import RULES
from wsegs.nets import NetworkOutput
from wsegs.rules import compile_rules
from wsegs.tasks.mask_expander import MaskExpander

NAMES = ("Smiling", "Eyeglasses", "Male")


class TestSegmentation(TaskTester):
    kind = "segmentation"
    outputs = NAMES

    def build(self):
        task = super().build()
        task.masks = MaskExpander(compile_rules(RULES, "tiny.yaml").lookup(list(NAMES)))
        return task

    def labels(self):
        return {"attributes": torch.tensor([[1, 0, 1], [0, 1, 1], [1, 1, 0], [-1, -1, -1]], dtype=torch.int8)}

    def batch(self, labels=None):
        regions = torch.arange(4 * SIZE[0] * SIZE[1], dtype=torch.int32).view(4, *SIZE).remainder(4)
        return super().batch(labels)._replace(regions=regions)

    def output(self, seed=0):
        maps = torch.randn(4, 3, *SIZE, generator=torch.Generator().manual_seed(seed), requires_grad=True)
        return NetworkOutput({}, maps)

    def read(self, output):
        return output.maps

    def part(self, output, rows):
        return NetworkOutput({}, output.maps[rows])

    def test_it_asks_for_labels_that_there_are(self) -> None:
        network = torch.nn.Identity()
        network.map_size = (4, 3)
        fields = self.build().fields(network, SIZE)
        assert (fields.labels, fields.regions) == ({"attributes"}, (4, 3))

    def test_a_face_that_was_not_found_has_no_masks_to_learn_from(self) -> None:
        batch = self.batch()._replace(has_face=torch.zeros(4, dtype=torch.bool))
        assert self.loss(self.output(), batch) == 0
