"""What every task must do: its test class inherits this one."""

from __future__ import annotations

import pickle
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from wsegs.nets import NetworkOutput
from wsegs.nets.process_group import ProcessGroup
from wsegs.tasks import TASK_KINDS, build_task
from wsegs.tasks.batch import Batch
from wsegs.tasks.task import Task

GROUP = ProcessGroup()
SIZE = (8, 6)


class TaskTester:
    """Contract of a task.

    A test class sets ``kind``, ``outputs``, and the labels of four images, the last of which is unknown.
    """

    kind: str
    outputs: tuple[str, ...]
    options: ClassVar[dict[str, Any]] = {}

    def labels(self) -> dict[str, Tensor]:
        """Labels of four images; those of the last are unknown."""
        raise NotImplementedError

    def unknown(self) -> dict[str, Tensor]:
        """The labels of the last image four times."""
        return {name: values[[3, 3, 3, 3]] for name, values in self.labels().items()}

    def build(self) -> Task:
        return build_task(self.kind, self.kind, self.outputs, self.options)

    def batch(self, labels: dict[str, Tensor] | None = None) -> Batch:
        labels = self.labels() if labels is None else labels
        nothing = torch.zeros(4, dtype=torch.bool)
        images = torch.zeros(4, 3, *SIZE, dtype=torch.uint8)
        points, matrix = torch.full((4, 5, 2), float("nan")), torch.full((4, 2, 3), float("nan"))
        return Batch(images, labels, None, ~nothing, nothing, None, points, matrix)

    def output(self, seed: int = 0) -> Any:
        """What a network says of four images."""
        generator = torch.Generator().manual_seed(seed)
        head = torch.randn(4, len(self.outputs), generator=generator, requires_grad=True)
        features = torch.randn(4, 5, generator=generator, requires_grad=True)
        return NetworkOutput({self.kind: head}, features=features)

    def read(self, output: Any) -> Tensor:
        """The part of an output that the task reads."""
        return output.heads[self.kind]

    def loss(self, output: Any, batch: Batch) -> Tensor:
        return self.build().losses(output, batch, GROUP)[self.kind].value()

    def test_the_loss_is_a_number_whose_gradient_reaches_the_output(self) -> None:
        output = self.output()
        loss = self.loss(output, self.batch())
        assert loss.shape == ()
        assert loss > 0
        loss.backward()
        assert self.read(output).grad.abs().sum() > 0

    def test_nothing_known_is_no_loss(self) -> None:
        output = self.output()
        loss = self.loss(output, self.batch(self.unknown()))
        loss.backward()
        assert loss == 0
        assert not self.read(output).grad.any()

    def test_what_is_unknown_changes_nothing(self) -> None:
        first, second = self.output(), self.output()
        with torch.no_grad():
            self.read(second)[3] += 1
        assert torch.equal(self.loss(first, self.batch()), self.loss(second, self.batch()))

    def test_losses_in_parts_are_the_loss_of_the_whole(self) -> None:
        """Sums and counts of two mini-batches make the loss of one, as processes share it."""
        output, batch = self.output(), self.batch()
        whole = self.build().losses(output, batch, GROUP)[self.kind]
        parts = [
            self.build().losses(self.part(output, half), batch.part(half), GROUP)[self.kind]
            for half in (slice(0, 2), slice(2, 4))
        ]
        torch.testing.assert_close(whole.sums, parts[0].sums + parts[1].sums)
        torch.testing.assert_close(whole.counts, parts[0].counts + parts[1].counts)

    def part(self, output: Any, rows: slice) -> Any:
        return NetworkOutput({self.kind: output.heads[self.kind][rows]}, features=output.features[rows])

    def test_its_scores_are_those_that_its_kind_promises(self) -> None:
        task = self.build()
        task.update(self.output(), self.batch())
        assert set(task.scores()) == set(TASK_KINDS[self.kind].scores)

    def test_scores_begin_again(self) -> None:
        task = self.build()
        task.update(self.output(1), self.batch())
        task.scores()
        task.update(self.output(2), self.batch())
        fresh = self.build()
        fresh.update(self.output(2), self.batch())
        np.testing.assert_equal(task.scores(), fresh.scores())

    def test_a_decoded_output_has_a_value_for_each_image(self) -> None:
        with torch.no_grad():
            (said,) = self.build().decode(self.output()).values()
        assert len(said) == 4

    def test_state_and_pickle_bring_it_back(self) -> None:
        task = self.build()
        for buffer in task.state().values():
            buffer.add_(1)
        again = self.build()
        again.load_state_dict(task.state())
        for other in (again, pickle.loads(pickle.dumps(task))):
            losses = [each.losses(self.output(), self.batch(), GROUP)[self.kind].value() for each in (task, other)]
            assert torch.equal(*losses)

    def test_it_asks_for_labels_that_there_are(self) -> None:
        assert self.build().fields(nn.Identity(), SIZE).labels <= set(self.labels())
