"""What the processes of one training tell each other: sums, nothing else.

One process trains on one device. Where there is one process only, every function here returns what it was given.
"""

from __future__ import annotations

from torch import Tensor, distributed


def process_count() -> int:
    """Return how many processes train together."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def process_number() -> int:
    """Return which of them this is, from 0; that one writes."""
    return distributed.get_rank() if process_count() > 1 else 0


def sum_over_processes(values: Tensor) -> Tensor:
    """Return the sum of the tensors that the processes give, all of one shape; no gradient passes."""
    if process_count() == 1:
        return values
    total = values.detach().clone()
    distributed.all_reduce(total)
    return total
