"""Losses as sums and counts, so that what is not known counts for nothing.

Where several processes share a mini-batch, its mean is the quotient of their sums, and not the mean of their means.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from wsegs.nets.process_group import ProcessGroup


class LossTerms(NamedTuple):
    """A loss as one or several means that are added up.

    Attributes
    ----------
    sums
        float (K,): the errors of what is known, added up.
    counts
        float (K,): how many they are.
    """

    sums: Tensor
    counts: Tensor

    def value(self) -> Tensor:
        """Return the loss, a scalar; a mean of nothing counts as 0."""
        return (self.sums / self.counts.clamp(min=1)).sum()


def over_known(error: Tensor, known: Tensor) -> LossTerms:
    """Return the mean of the errors that are known, both of one shape; with none known, the loss is 0."""
    return LossTerms((error * known).sum().view(1), known.sum().float().view(1))


def of_whole_batch(value: Tensor) -> LossTerms:
    """Return a loss that is the same number in all processes, as one of gathered rows is."""
    return LossTerms(value.view(1), value.new_ones(1))


def shares_of_step(terms: dict[str, LossTerms], group: ProcessGroup) -> dict[str, Tensor]:
    """Return this process's share of each loss of a step: the mean of the shares is the loss of the whole mini-batch.

    Processes know different numbers of labels, so that a share is this process's sum over the count of all. As the
    gradients of the processes are averaged, a share is multiplied by their number.
    """
    if group.size == 1:
        return {name: loss.value() for name, loss in terms.items()}
    counts = group.sum(torch.cat([loss.counts for loss in terms.values()]))
    of_each = torch.split(counts, [len(loss.counts) for loss in terms.values()])
    return {
        name: group.size * LossTerms(loss.sums, count).value()
        for (name, loss), count in zip(terms.items(), of_each, strict=True)
    }
