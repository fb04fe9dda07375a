"""The protocol of a task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from torch import Tensor, nn

from wsegs.nets import NetworkOutput
from wsegs.nets.process_group import ProcessGroup
from wsegs.tasks.batch import Batch, SampleFields
from wsegs.tasks.losses import LossTerms

if TYPE_CHECKING:
    from wsegs.tasks.labelled import Labelled


class Task(nn.Module):
    """Something that a network learns: its loss, its scores, its decoding.

    A module, so that what it keeps (class weights, centres) follows it to the device; buffers that are persistent are
    part of every checkpoint, and a resumed training goes on with them.

    Parameters
    ----------
    name
        Of its head and of its loss.
    outputs
        What the numbers of its head mean.

    Attributes
    ----------
    reads
        The method of the network that it reads: ``forward``, which gives a :class:`wsegs.nets.NetworkOutput`, or
        ``parse``, which gives class scores at several scales.
    """

    reads: ClassVar[Literal["forward", "parse"]] = "forward"

    def __init__(self, name: str, outputs: tuple[str, ...]) -> None:
        super().__init__()
        self.name = name
        self.outputs = outputs

    def begin(self, labelled: Labelled, rows: Any) -> None:
        """Learn what the labels of the training rows say before the first step: rates, means, rules.

        Parameters
        ----------
        labelled
            A mask store or a data set.
        rows
            (N,) the training rows.
        """

    def attach(self, network: nn.Module) -> None:
        """Take from the network what its own buffers depend on.

        Raises
        ------
        OptionError
            If the network has nothing of the kind.
        """

    def fields(self, network: nn.Module, size: tuple[int, int]) -> SampleFields:
        """Return what it needs of a sample, for a network that sees images of ``size`` (H, W)."""
        raise NotImplementedError

    def head_size(self) -> int | None:
        """Return how many outputs it asks of the network; None if it needs no head of its own."""
        return len(self.outputs)

    def losses(self, output: Any, batch: Batch, group: ProcessGroup) -> dict[str, LossTerms]:
        """Return its losses of a mini-batch by name; that of its own name is the one that recipes weigh.

        A loss that is a function of the mini-batch of all processes takes ``group.gather``.
        """
        raise NotImplementedError

    def update(self, output: Any, batch: Batch) -> None:
        """Add a mini-batch to the scores."""

    def scores(self) -> dict[str, float]:
        """Return the scores of all mini-batches of all processes since the last call, and begin again."""
        return {}

    def decode(self, output: NetworkOutput) -> dict[str, Any]:
        """Return what a network says of images in plain values, a list of B of them by name."""
        raise NotImplementedError

    def trace(self) -> dict[str, Tensor]:
        """Return what a table of the steps says of it, scalars by name; empty for a task whose losses say all."""
        return {}

    def state(self) -> dict[str, Tensor]:
        """Return what a checkpoint keeps."""
        return dict(self.state_dict())
