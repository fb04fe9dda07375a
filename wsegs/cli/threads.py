"""One thread for each process, in commands that start a process for each core."""

from __future__ import annotations

import os

_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def use_one_thread() -> None:
    """Limit numerical libraries to one thread, in this process and in its workers.

    Call it before they are imported: they read these environment variables then. Variables that the user set stay.
    """
    for name in _VARIABLES:
        os.environ.setdefault(name, "1")
