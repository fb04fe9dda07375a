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
    def __del__(self):
        ctrl_c()
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


@pytest.mark.parametrize(
    ("command", "seconds", "output"),
    [(DROPPED, 5, ""), (TIDIES, 5, "tidied up\n"), (HANGS, 0.1, "")],
    ids=["dropped", "tidies", "hangs"],
)
def test_ctrl_c_is_one_line(command, seconds, output):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    program = PROGRAM.format(command=command.strip(), seconds=seconds)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False, env=environment
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, output, "interrupted\n")


def test_what_else_python_drops_is_told_as_ever():
    program = PROGRAM.format(command="Deleted()", seconds=5).replace("ctrl_c()\n        time", "1 / 0\n        time")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert "ZeroDivisionError" in done.stderr
