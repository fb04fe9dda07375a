"""Press Ctrl-C twice at random moments: a command must end with exit code 130 and no traceback or temporary file.

All processes of a command get the signal, as from a terminal, and once more up to half a second later. A traceback of
any process is a fault, even where the command was done already. A shell shows 130 for an end by SIGINT, too, as which
Python ends where an interrupt fell into the import of a C extension.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.campaigns.commands import COMMANDS, send, start, table

GAPS = (0, 0, 0.01, 0.05, 0.1, 0.2, 0.5)  # seconds


def run(arguments: argparse.Namespace) -> bool:
    """Run the campaign and return whether each command ended as it should."""
    counts = {name: Counter[str]() for name in arguments.names if name != "shards"}
    columns = ["exit code 130", "done before", "faults"]
    table(["command", *columns], ([name, *_campaign(name, arguments, counts[name], columns)] for name in counts))
    return not any(each["faults"] for each in counts.values())


def _campaign(name: str, arguments: argparse.Namespace, counts: Counter[str], columns: list[str]) -> list[int]:
    moments = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        ((command, _),) = COMMANDS[name](folder, arguments).steps
        began = time.monotonic()
        start(command, folder / "whole").wait()
        seconds = time.monotonic() - began
        for _ in range(arguments.times):
            counts[_press(command, folder / "pressed", moments, seconds)] += 1
            shutil.rmtree(folder / "pressed")
    return [counts[column] for column in columns]


def _press(command: list[str], folder: Path, moments: random.Random, seconds: float) -> str:
    """Start a command, press Ctrl-C twice, and return what came of it."""
    process = start(command, folder)
    time.sleep(moments.uniform(0.4, max(seconds, 0.5)))  # before that Python imports wsegs, and has nobody to ask
    for gap in (moments.choice(GAPS), 0):
        send(process, signal.SIGINT)
        time.sleep(gap)
    code = process.wait(120)
    said = (folder / "log.txt").read_text()
    left = [path.name for path in folder.glob(".*")]  # in a run's folder, --resume removes what is left
    if code not in (0, 130, -signal.SIGINT) or "Traceback" in said or left:
        print(f"    exit code {code}, left {left}, said {said}", flush=True)
        return "faults"
    return "done before" if code == 0 else "exit code 130"
