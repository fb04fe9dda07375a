"""Reading what may be damaged in a process of its own: a library that crashes or never ends takes nothing with it.

SciPy crashes on some damaged MATLAB files, libhdf5 reads some damaged HDF5 files for ever; ``benchmarks/fuzz.py`` finds
both within a thousand cases.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys

from wsegs.errors import WsegsError

MEMORY = 4 << 30  # bytes of address space

# The path of imports is this process's, so that no module is taken from the working directory.
_PROGRAM = """
import sys
sys.path[:] = sys.argv[1].splitlines()
from wsegs.io.subprocess_call import _serve
_serve(int(sys.argv[2]), *sys.argv[3:])
"""


class AsideError(WsegsError):
    """What a process that was to read something ended with; a reason without the file's name."""


def run_aside(entry: str, *arguments: str, seconds: float) -> bytes:
    """Call a function in a new process, with a limit of time and memory.

    Parameters
    ----------
    entry
        ``package.module:function``; it takes texts and returns bytes.
    arguments
        What it is given.
    seconds
        After how long to give up.

    Raises
    ------
    AsideError
        If the process dies, takes too long or too much memory, or the function raises.
    """
    limit = str(math.ceil(seconds) + 1)
    command = [sys.executable, "-c", _PROGRAM, "\n".join(sys.path), limit, entry, *arguments]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise AsideError(f"it could not be read within {seconds:.0f} s") from None
    if done.returncode < 0:
        raise AsideError("it is damaged so that the library that reads it fails")
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise AsideError(lines[-1] if lines else f"reading it ended with code {done.returncode}")
    return done.stdout


def _serve(seconds: int, entry: str, *arguments: str) -> None:
    """Call a function, in the new process, which ends after so long even if nobody waits for it any more."""
    import faulthandler
    import signal
    from importlib import import_module

    faulthandler.disable()
    if hasattr(signal, "alarm"):  # not on Windows
        signal.alarm(seconds)  # ends the process within a library, too
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
    os._exit(0)  # a library whose data are damaged need not clean up


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
