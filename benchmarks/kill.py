"""Kill a command at random moments, and see whether the next run ends with the same bytes.

    python benchmarks/kill.py landmarks [--times 50] [--images FOLDER] [--count 200] [--jobs 2] [--seed 0]

One run is left alone; what it wrote is the truth, and how long it took is the span from which moments are drawn. Then,
as often as told, the command is started anew, its processes are killed with SIGKILL all at once, and what lies under a
final name must be the truth already; the same command is run again to its end, and every output must be the truth, bit
for bit. A run that had ended before it was to be killed counts as such. Exit code 1 if anything differs.

To add a command, write a function that prepares a folder and returns a :class:`Victim`, and name it in ``VICTIMS``.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from memory import FACES, link_images

import wsegs


@dataclass(frozen=True)
class Victim:
    """A command that is to be killed.

    Attributes
    ----------
    command
        Its arguments; it runs in a folder of its own, which is empty but for what a killed run has left.
    outputs
        Names of the files that it writes there, under their final names; the last is there when all are.
    """

    command: list[str]
    outputs: tuple[str, ...]


def landmarks(folder: Path, arguments: argparse.Namespace) -> Victim:
    link_images(arguments.images, folder / "images", arguments.count)
    command = ["landmarks", "--data", str(folder / "images"), "-j", str(arguments.jobs), "--export", "csv"]
    return Victim(command, ("landmarks.csv", "landmarks.missing.csv", "landmarks.unmatched.csv", "landmarks.h5"))


VICTIMS = {"landmarks": landmarks}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=VICTIMS)
    parser.add_argument("--times", type=int, default=50, help="how often it is killed")
    parser.add_argument("--images", type=Path, default=FACES, help="a folder of images with faces")
    parser.add_argument("--count", type=int, default=200, help="images to work on (links)")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    arguments = parser.parse_args()

    moments = random.Random(arguments.seed)
    seen: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        victim = VICTIMS[arguments.command](folder, arguments)
        alone = folder / "alone"
        start = time.perf_counter()
        run(victim, alone)
        span = time.perf_counter() - start
        for _ in range(arguments.times):
            killed = folder / "killed"
            moment = moments.uniform(0, span)
            seen["killed" if run(victim, killed, moment) else "ended before"] += 1
            left = [output for output in victim.outputs if (killed / output).exists()]
            seen["half-written"] += sum(not same(alone / output, killed / output) for output in left)
            seen["left a journal"] += any(killed.glob("*.partial"))
            seen["left a temporary file"] += any(killed.glob(".*.writing*"))
            if victim.outputs[-1] not in left:
                run(victim, killed)
            differ = [output for output in victim.outputs if not same(alone / output, killed / output)]
            if differ:
                print(f"after {moment:.3f} s: {', '.join(differ)} differ", file=sys.stderr)
            seen["differs at the end"] += bool(differ)
            shutil.rmtree(killed)
    columns = (
        "killed",
        "ended before",
        "left a journal",
        "left a temporary file",
        "half-written",
        "differs in the end",
    )
    print(f"| command | seconds undisturbed | {' | '.join(columns)} |")
    print("|---" * (len(columns) + 2) + "|")
    print(f"| {arguments.command} | {span:.1f} | {' | '.join(str(seen[column]) for column in columns)} |")
    sys.exit(1 if seen["half-written"] or seen["differs at the end"] else 0)


def run(victim: Victim, folder: Path, moment: float | None = None) -> bool:
    """Run the command in ``folder``; kill it after ``moment`` seconds, and say whether that came before its end."""
    folder.mkdir(exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "wsegs.cli.main", *victim.command],
        cwd=folder,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(wsegs.__file__).parents[1])},
    )
    if moment is None:
        _, words = process.communicate()
        if process.returncode:
            sys.exit(f"{' '.join(victim.command)} ended with {process.returncode}: {words.decode()}")
        return False
    try:
        process.communicate(timeout=moment)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return process.returncode == -signal.SIGKILL
    return False


def same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.read_bytes() == other.read_bytes()


if __name__ == "__main__":
    main()
