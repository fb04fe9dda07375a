"""Read the rank of this process from the environment, before torch is imported.

``torchrun`` starts all processes of a machine; without it Lightning starts the same command again for each further
device. SLURM starts one process a task.
"""

from __future__ import annotations

import os


def is_main_process() -> bool:
    """Tell whether this is the process that writes."""
    ranks = (os.environ[name] for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID") if name in os.environ)
    return next(ranks, "0") == "0" and os.environ.get("NODE_RANK", "0") == "0"


def launched_by_torchrun() -> bool:
    """Tell whether ``torchrun`` started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def torchrun_devices_and_nodes() -> tuple[int, int]:
    """Return how many processes torchrun started on this machine, and on how many machines."""
    here = int(os.environ["LOCAL_WORLD_SIZE"])
    return here, int(os.environ["WORLD_SIZE"]) // here
