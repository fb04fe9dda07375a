"""Press Ctrl-C twice at random moments, again and again: a command must end in one line, with exit code 130.

    python benchmarks/ctrl_c.py [LANDMARKS] [--presses 50] [--images 30000] [-j 2]

``wsegs masks`` on LANDMARKS jittered to ``--images`` (a made-up face, if not given), and ``wsegs landmarks`` on the
faces in ``examples/``. All processes of a command get the signal, as from a terminal, after a random time and once more
up to half a second later. Whatever a command writes is counted: a traceback of any process is a failure, also where the
command was done already, and so is a file that is left beside the landmarks and the journal.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from masks_speed import jittered, real_or_made_up

from wsegs.landmarks.table import write_landmarks

FACES = Path(__file__).parents[1] / "examples" / "faces"
GAPS = (0, 0, 0.01, 0.05, 0.1, 0.2, 0.5)  # seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("landmarks", type=Path, nargs="?", help="a landmarks.h5 of real faces, 68 points")
    parser.add_argument("--presses", type=int, default=50)
    parser.add_argument("--images", type=int, default=30_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-j", "--jobs", type=int, default=2)
    arguments = parser.parse_args()

    moments = random.Random(arguments.seed)
    wrong = 0
    print("| command | pressed twice | exit code 130 | done before | anything else |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_landmarks(folder / "l.h5", jittered(real_or_made_up(arguments.landmarks), arguments.images))
        commands = {
            "masks": ["masks", "l.h5", "--rules", "celeba", "-o", "m.h5"],
            "landmarks": ["landmarks", "--data", str(FACES), "-o", "found.h5"],
        }
        for command, options in commands.items():
            run = [sys.executable, "-m", "wsegs.cli.main", *options, "-j", str(arguments.jobs)]
            started = time.perf_counter()
            subprocess.run(run, cwd=folder, check=True, capture_output=True)
            seconds = time.perf_counter() - started
            outcomes = Counter(press(run, folder, moments, seconds) for _ in range(arguments.presses))
            others = outcomes.total() - outcomes["interrupted"] - outcomes["done"]
            wrong += others
            print(
                f"| {command} | {arguments.presses} | {outcomes['interrupted']} | {outcomes['done']} | {others} |",
                flush=True,
            )
    sys.exit(1 if wrong else 0)


def press(run: list[str], folder: Path, moments: random.Random, seconds: float) -> str:
    """Start a command, press Ctrl-C twice, and return what came of it; anew each time."""
    for file in folder.iterdir():
        if file.name != "l.h5":
            file.unlink()
    process = subprocess.Popen(
        run, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    # Before that Python imports wsegs itself, and has nobody to ask.
    time.sleep(moments.uniform(0.4, max(seconds, 0.5)))
    for gap in (moments.choice(GAPS), 0):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        time.sleep(gap)
    said, _ = process.communicate(timeout=120)
    left = [file.name for file in folder.iterdir() if file.name.startswith(".")]
    if "Traceback" in said or left or process.returncode not in (0, 130):
        print(f"exit code {process.returncode}, left {left}, said {said}", file=sys.stderr)
        return "something else"
    return "done" if process.returncode == 0 else "interrupted"


if __name__ == "__main__":
    main()
