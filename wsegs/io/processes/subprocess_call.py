"""Run a reader in a subprocess with time and memory limits.

SciPy crashes on some damaged MATLAB files, and libhdf5 reads some damaged HDF5 files without end; both were found by
fuzzing.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys

from wsegs.errors import WsegsError

MEMORY = 4 << 30  # bytes of address space

# The import path is this process's, so that no module is taken from the working directory.
_PROGRAM = """
import sys
sys.path[:] = sys.argv[1].splitlines()
from wsegs.io.processes.subprocess_call import _serve
_serve(int(sys.argv[2]), *sys.argv[3:])
"""


class SubprocessError(WsegsError):
    """Why a call in a subprocess has no result; the message does not name the file."""


def call_in_subprocess(entry: str, *arguments: str, seconds: float) -> bytes:
    """Call a function in a new process.

    Parameters
    ----------
    entry
        ``package.module:function``; it takes strings and returns bytes.
    arguments
        Its arguments.
    seconds
        Time limit.

    Raises
    ------
    SubprocessError
        If the process dies, takes too long or too much memory, or the function raises.
    """
    limit = str(math.ceil(seconds) + 1)
    command = [sys.executable, "-c", _PROGRAM, "\n".join(sys.path), limit, entry, *arguments]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise SubprocessError(f"it could not be read within {seconds:.0f} s") from None
    if done.returncode < 0:
        raise SubprocessError("it is damaged: the library that reads it crashes")
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise SubprocessError(lines[-1] if lines else f"reading it ended with code {done.returncode}")
    return done.stdout


def _serve(seconds: int, entry: str, *arguments: str) -> None:
    """Call a function in the new process, which ends after ``seconds`` even if its caller was killed."""
    import faulthandler
    import signal
    from importlib import import_module

    faulthandler.disable()
    if hasattr(signal, "alarm"):  # not on Windows
        signal.alarm(seconds)  # ends the process even within a library
    module, name = entry.split(":")
    function = getattr(import_module(module), name)
    _limit_memory()
    try:
        result: bytes = function(*arguments)
    except MemoryError:
        sys.exit("it says that it needs more memory than there is")
    except Exception as error:
        sys.exit(" ".join(str(error).split()) or type(error).__name__)
    sys.stdout.buffer.write(result)
    sys.stdout.flush()
    os._exit(0)  # a library with damaged data may crash while it cleans up


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
