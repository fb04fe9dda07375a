"""Kills `wsegs train` (SIGKILL) at random moments and goes on with `--resume`, until so many kills are done.

    python benchmarks/kill_train.py masks.h5 --kills 50 -- --width 0.03 --size 32x28 --max-steps 60 --validate-every 2

What follows `--` are options of `wsegs train`. A training that nothing disturbs is made first. After each kill every
file with a final name must be whole; each training that came to its end through kills must have the same metrics.csv,
byte for byte, and the same weights. Each training is a fork of this process, which has imported torch already, so
that kills fall into the training and not into imports. Exit code 1 if anything differs.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import torch
from PIL import Image

import wsegs.training.train
from wsegs.cli.main import main as wsegs
from wsegs.errors import WsegsError
from wsegs.training.run_folder import BEST, CURVE, INFO, LAST, METRICS, RECIPE
from wsegs.training.runs import read_run
from wsegs.training.weights import read_checkpoint


def start(options: list[str], run: Path, log: Path) -> multiprocessing.process.BaseProcess:
    """Start a training: anew, or on from where it is."""
    again = ["--resume"] if run.exists() else []
    process = multiprocessing.get_context("fork").Process(
        target=train, args=(["train", *options, "-o", str(run), *again], log)
    )
    process.start()
    return process


def train(arguments: list[str], log: Path) -> None:
    """Run a command; its words go to ``log``."""
    with log.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.argv = ["wsegs", *arguments]
    wsegs()


def faults(run: Path) -> list[str]:
    """Return what is not whole among the files with final names."""
    if not run.exists():
        return []
    found = []
    try:
        read_run(run)
        for name in (BEST, LAST):
            if (run / name).exists():
                read_checkpoint(run / name)
    except (WsegsError, OSError) as error:
        found.append(str(error))
    if (run / METRICS).exists():
        rows = list(csv.reader((run / METRICS).open(newline="")))
        if len({len(row) for row in rows}) != 1 or not (run / METRICS).read_text().endswith("\n"):
            found.append(f"{run / METRICS}: cut short")
    if (run / CURVE).exists():
        try:
            Image.open(run / CURVE).load()
        except OSError as error:
            found.append(f"{run / CURVE}: {error}")
    return found


def differences(run: Path, reference: Path) -> list[str]:
    """Return in what a finished run is not the undisturbed one."""
    found = [] if (run / METRICS).read_bytes() == (reference / METRICS).read_bytes() else [METRICS]
    for name in (BEST, LAST):
        ours, theirs = (read_checkpoint(folder / name)["state_dict"] for folder in (run, reference))
        if ours.keys() != theirs.keys() or not all(torch.equal(ours[key], theirs[key]) for key in ours):
            found.append(f"weights of {name}")
    known = {RECIPE, INFO, BEST, LAST, METRICS, CURVE, "tensorboard"}
    left = {file.name for file in run.iterdir()} - known
    return found + ([f"left over: {sorted(left)}"] if left else [])


def main() -> None:
    """Kill, compare, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("masks", type=Path)
    parser.add_argument("--recipe", default="attparsenet")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--folder", type=Path, help="for the runs; kept")
    ours, theirs = sys.argv[1:], []
    if "--" in ours:  # argparse would let MASKS take them
        ours, theirs = ours[: ours.index("--")], ours[ours.index("--") + 1 :]
    arguments = parser.parse_args(ours)
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="wsegs-kills-"))
    folder.mkdir(parents=True, exist_ok=True)
    options = [arguments.recipe, str(arguments.masks), *theirs]
    moments = random.Random(arguments.seed)
    log = folder / "log.txt"

    reference = folder / "undisturbed"
    started = time.monotonic()
    process = start(options, reference, log)
    process.join()
    seconds = time.monotonic() - started
    if process.exitcode:
        sys.exit(f"the undisturbed training failed: {log.read_text()}")

    killed: Counter[str] = Counter()
    finished, problems = 0, []
    run = folder / "killed"
    while sum(killed.values()) < arguments.kills or run.exists():
        process = start(options, run, log)
        enough = sum(killed.values()) >= arguments.kills
        # Half of them early: in the first moments a folder and a first checkpoint come to be.
        latest = seconds * moments.choice((0.1, 1))
        process.join(None if enough else moments.uniform(0, latest))
        if process.is_alive():
            process.kill()
            process.join()
            killed[how_far(run)] += 1
            problems += faults(run)
            continue
        if process.exitcode:
            problems.append(f"after {sum(killed.values())} kills: {log.read_text().strip()}")
        else:
            finished += 1
            problems += differences(run, reference)
        shutil.rmtree(run)
    print("| killed | before there was a folder | before the first checkpoint | later | trainings finished | faults |")
    print("|---|---|---|---|---|---|")
    places = (killed["no folder"], killed["no checkpoint"], killed["checkpoint"])
    print(f"| {sum(killed.values())} | {' | '.join(map(str, places))} | {finished} | {len(problems)} |")
    for problem in problems:
        print(problem)
    left = [path.name for path in folder.iterdir() if path.name.startswith(".")]
    if left:
        print(f"unfinished folders of trainings that were killed as they began: {len(left)}")
    if arguments.folder is None:
        shutil.rmtree(folder)
    sys.exit(1 if problems else 0)


def how_far(run: Path) -> str:
    """Return what a killed training had come to."""
    if not run.exists():
        return "no folder"
    return "checkpoint" if (run / LAST).exists() else "no checkpoint"


if __name__ == "__main__":
    main()
