"""Resident memory of `wsegs train` over a long run: how much it grows after the first tenth of the steps.

    python benchmarks/training_memory.py masks.h5 -- --width 0.03 --size 32x28 --batch-size 4
    python benchmarks/training_memory.py masks.h5 --steps 2000 -- -j 2 --cache

What follows `--` are options of `wsegs train`. Memory is that of the training process and of the processes that read
for it, less the pages of mapped files (the system takes those back when others need them).
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def resident(process: int) -> int:
    """Return the bytes of a process and its children that no file backs, 0 if it is gone."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        return 0
    lines = dict(line.split(":", 1) for line in status.splitlines())
    own = int(lines.get("RssAnon", "0 kB").split()[0]) * 1024
    return own + sum(resident(int(child)) for child in children)


def steps_done(table: Path) -> int:
    """Return the step of the last row of a run's metrics."""
    if not table.is_file():
        return 0
    with table.open(newline="") as file:
        return max((int(row["step"]) for row in csv.DictReader(file)), default=0)


def main() -> None:
    """Train, look, print the table."""
    ours, theirs = sys.argv[1:], []
    if "--" in ours:
        ours, theirs = ours[: ours.index("--")], ours[ours.index("--") + 1 :]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("masks", type=Path)
    parser.add_argument("--recipe", default="attparsenet")
    parser.add_argument("--steps", type=int, default=2000)
    arguments = parser.parse_args(ours)
    every = arguments.steps // 20
    samples: list[tuple[int, int]] = []
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        schedule = ["--max-steps", str(arguments.steps), "--validate-every", str(every)]
        command = ["wsegs", "train", arguments.recipe, str(arguments.masks), "-o", str(run), *schedule, *theirs]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=os.environ)
        while process.poll() is None:
            time.sleep(0.1)
            step, size = steps_done(run / "metrics.csv"), resident(process.pid)
            if step and size and process.poll() is None:
                samples.append((step, size))
        if process.returncode:
            sys.exit(process.returncode)
        done = steps_done(run / "metrics.csv")
        if done < 0.9 * arguments.steps:
            sys.exit(f"--steps: the images and epochs of the recipe make {done} steps, expected {arguments.steps}")
    print("| after steps | resident, MB | against a tenth of the steps |\n|---|---|---|")
    peaks = {step: max(size for at, size in samples if at == step) for step in sorted({at for at, _ in samples})}
    tenth = peaks[min(step for step in peaks if step >= arguments.steps // 10)]
    for step, size in peaks.items():
        print(f"| {step} | {size / 1e6:.1f} | {size / tenth - 1:+.1%} |")


if __name__ == "__main__":
    main()
