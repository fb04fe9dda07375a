"""Ctrl-C where Python drops it, again and again, and while the program tidies up."""

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

class Deleted:
    def __init__(self, happens=ctrl_c):
        self.happens = happens

    def __del__(self):
        self.happens()
        time.sleep(0)  # where the signal is heard

def command(**_):
    {command}

main._CtrlC.SECONDS = {seconds}
main.cli.main = command
main.main()
"""

DROPPED = """
    Deleted()
    time.sleep(10)
    print("went on")
"""

FAILS = "Deleted(lambda: 1 / 0)"

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


def _run(command: str, seconds: float) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    program = PROGRAM.format(command=command.strip(), seconds=seconds)
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False, env=environment
    )


@pytest.mark.parametrize(
    ("command", "seconds", "output"),
    [(DROPPED, 5, ""), (TIDIES, 5, "tidied up\n"), (HANGS, 0.1, "")],
    ids=["dropped", "tidies", "hangs"],
)
def test_ctrl_c_is_one_line(command, seconds, output):
    done = _run(command, seconds)
    assert (done.returncode, done.stdout, done.stderr) == (130, output, "interrupted\n")


def test_what_else_python_drops_is_told_as_ever():
    done = _run(FAILS, 5)
    assert done.returncode == 0
    assert "ZeroDivisionError" in done.stderr
