"""Ctrl-C is one line and exit code 130, also when it is pressed again."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs signals")

# The command is replaced by what happens to it; main() is the real one.
PROGRAM = """
import os, signal, time
from wsegs.cli import main

def ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)

def command(*_, **__):
    {command}

handler = main._Interrupt
main._Interrupt = lambda: handler({seconds})
main.cli.main = command
try:
    main.main()
finally:
    ctrl_c()
"""

TIDIES = """
    try:
        ctrl_c()
        time.sleep(10)
    finally:
        ctrl_c()
        print("tidied up")
"""

HANGS = """
    try:
        ctrl_c()
        time.sleep(10)
    except KeyboardInterrupt:
        time.sleep(0.3)
        ctrl_c()
        time.sleep(10)
        print("went on")
"""


WRAPPED = """
    try:
        ctrl_c()
        time.sleep(10)
    except KeyboardInterrupt as error:
        raise ValueError("what a library makes of it") from error
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "seconds", "output"),
    [(TIDIES, 5, "tidied up\n"), (HANGS, 0.1, ""), (WRAPPED, 5, "")],
    ids=["tidies", "hangs", "wrapped"],
)
def test_ctrl_c_is_one_line(command, seconds, output):
    """Further presses do not disturb the tidying up, but end one that hangs, and say nothing at the very end."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    program = PROGRAM.format(command=command.strip(), seconds=seconds)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False, env=environment
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, output, "interrupted\n")
