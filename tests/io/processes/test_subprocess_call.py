"""Processes of their own for what may be damaged."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from wsegs.io.processes.subprocess_call import SubprocessError, call_in_subprocess

# A pattern that takes for ever, inside a library that does not look up.
FOR_EVER = ("re:fullmatch", "(a+)+b", "a" * 60)


@pytest.mark.slow
def test_what_takes_too_long_is_ended() -> None:
    before = set(psutil.Process().children())
    with pytest.raises(SubprocessError, match="it could not be read within 1 s"):
        call_in_subprocess(*FOR_EVER, seconds=1)
    assert set(psutil.Process().children()) <= before


@pytest.mark.slow
def test_what_nobody_waits_for_ends_by_itself() -> None:
    """libhdf5 went on for ever where the command that had asked was killed."""
    program = "from wsegs.io.processes.subprocess_call import call_in_subprocess"
    program += f"; call_in_subprocess(*{FOR_EVER!r}, seconds=2)"
    caller = subprocess.Popen([sys.executable, "-c", program])
    while not (reading := psutil.Process(caller.pid).children()):
        time.sleep(0.01)
    os.kill(caller.pid, signal.SIGKILL)
    caller.wait()
    (process,) = reading
    assert process.is_running()
    gone, _ = psutil.wait_procs([process], timeout=20)
    assert gone


def test_a_fault_is_its_reason() -> None:
    with pytest.raises(SubprocessError, match="unterminated"):
        call_in_subprocess("re:compile", "(", seconds=20)
    with pytest.raises(SubprocessError, match="the library that reads it crashes"):
        call_in_subprocess("os:abort", seconds=20)
