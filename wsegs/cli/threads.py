"""Commands that start a process a core keep each to one thread."""

from __future__ import annotations

import os

_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def use_one_thread() -> None:
    """Keep numerical libraries from starting threads of their own, here and in the workers that this process starts.

    They read these variables when they are imported, which must come later. What the user has set stays.
    """
    for name in _VARIABLES:
        os.environ.setdefault(name, "1")
