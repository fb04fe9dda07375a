"""What the processes of one training tell each other: sums, nothing else.

One process trains on one device. Where there is one process only, every function here returns what it was given.
"""

from __future__ import annotations

import os

from torch import Tensor, distributed


def process_count() -> int:
    """Return how many processes train together."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def sum_over_processes(values: Tensor) -> Tensor:
    """Return the sum of the tensors that the processes give, all of one shape; no gradient passes."""
    if process_count() == 1:
        return values
    total = values.detach().clone()
    distributed.all_reduce(total)
    return total


def launched_by_torchrun() -> bool:
    """Tell whether ``torchrun`` started this process and says by environment variables which one of how many it is."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def torchrun_devices_and_nodes() -> tuple[int, int]:
    """Return how many processes torchrun started on this machine, and on how many machines."""
    here = int(os.environ["LOCAL_WORLD_SIZE"])
    return here, int(os.environ["WORLD_SIZE"]) // here

