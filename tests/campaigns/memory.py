"""Measure whether a command's memory grows with the work that it has done.

The resident memory of all its processes together is read five times a second; pages that processes share count once a
process, those of a training's mapped files do not count. The median just after a tenth of the time is compared with the
median at the end, which may be a twentieth more. Give masks 200,000 images: a tenth of the time must hold the start.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.campaigns.commands import COMMANDS, table

MOST_GROWTH = 0.05


def run(arguments: argparse.Namespace) -> bool:
    """Run the campaign and return whether no command's memory grew by more than :data:`MOST_GROWTH`."""
    grown: list[float] = []
    columns = ["seconds", "MB after a tenth", "MB at the end", "growth", "MB at most"]
    names = [name for name in arguments.names if name != "shards"]
    table(["command", *columns], (_measure(name, arguments, grown) for name in names))
    return max(grown) <= MOST_GROWTH


def _measure(name: str, arguments: argparse.Namespace, grown: list[float]) -> list[object]:
    with tempfile.TemporaryDirectory() as temporary:
        ((command, _),) = COMMANDS[name](Path(temporary), arguments).steps
        samples = list(_samples(command, Path(temporary)))
    seconds = samples[-1][0]
    just_after = [size for at, size in samples if 0.1 * seconds <= at <= 0.15 * seconds]
    early = statistics.median(just_after or [min(samples, key=lambda sample: abs(sample[0] - 0.1 * seconds))[1]])
    late = statistics.median(size for at, size in samples if at >= 0.95 * seconds)
    grown.append(late / early - 1)
    sizes = (f"{size / 1e6:.0f}" for size in (early, late, max(size for _, size in samples)))
    return [name, f"{seconds:.0f}", next(sizes), next(sizes), f"{grown[-1]:+.1%}", next(sizes)]


def _samples(command: list[str], folder: Path) -> Iterator[tuple[float, int]]:
    """Run a command; yield seconds since its start and bytes that its processes hold, five times a second."""
    began = time.monotonic()
    command = [sys.executable, "-m", "wsegs.cli.main", *command]
    process = psutil.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        size = 0
        for each in (process, *process.children(recursive=True)):
            try:
                memory = each.memory_info()
            except psutil.Error:  # it has just ended
                continue
            size += memory.rss - (memory.shared if command[3] == "train" else 0)
        if size:
            yield time.monotonic() - began, size
        time.sleep(0.2)
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}")
