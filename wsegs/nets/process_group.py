"""Collective operations between the processes of one training.

One process trains on one device. Where there is one process only, every method returns what it was given.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed


class ProcessGroup:
    """The processes that share a mini-batch."""

    @property
    def size(self) -> int:
        """Number of processes that train together."""
        return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1

    @property
    def rank(self) -> int:
        """Number of this process; process 0 writes."""
        return distributed.get_rank() if self.size > 1 else 0

    def sum(self, values: Tensor) -> Tensor:
        """Return the sum of the tensors of all processes, all of one shape; no gradient passes."""
        if self.size == 1:
            return values
        total = values.detach().clone()
        distributed.all_reduce(total)
        return total

    def sum_with_gradient(self, values: Tensor) -> Tensor:
        """Return the sum of the tensors of all processes, through which gradients pass."""
        if self.size == 1:
            return values
        total: Tensor = _Sum.apply(values)  # type: ignore[no-untyped-call]
        return total

    def gather(self, rows: Tensor) -> Tensor:
        """Return the rows (B, ...) of all processes below each other, in the order of their ranks; gradients pass.

        Every process must give as many rows. A loss of the gathered batch is the same number in each process, and the
        mean of the processes' gradients, which distributed training takes, is its gradient.
        """
        if self.size == 1:
            return rows
        if not rows.requires_grad:
            return _gather(rows)
        gathered: Tensor = _Gather.apply(rows, self.rank)  # type: ignore[no-untyped-call]
        return gathered


def _gather(rows: Tensor) -> Tensor:
    parts = [torch.empty_like(rows) for _ in range(distributed.get_world_size())]
    distributed.all_gather(parts, rows.contiguous())
    return torch.cat(parts)


class _Sum(torch.autograd.Function):
    """Each process's share moves the losses of all, so their gradients are added up too."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        distributed.all_reduce(total)
        return total


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, rank: int) -> Tensor:
        ctx.part = slice(rank * len(rows), (rank + 1) * len(rows))
        return _gather(rows.detach())

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        total = gradient.contiguous().clone()
        distributed.all_reduce(total)
        return total[ctx.part], None
