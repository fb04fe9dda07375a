"""How a process gives memory back."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from functools import cache

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3  # of glibc's mallopt


@cache
def keep_freed_memory() -> None:
    """Keep the memory of maps for the next images, where the C library is glibc.

    It gives large blocks back to the system as soon as they are freed, and up to half of the time of a network on a
    CPU goes into having their pages cleared again.
    """
    with suppress(AttributeError, OSError, TypeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        for parameter, value in ((_MMAP_THRESHOLD, 1 << 30), (_TRIM_THRESHOLD, (1 << 31) - 1), (_TOP_PAD, 1 << 26)):
            mallopt(parameter, ctypes.c_int(value))
