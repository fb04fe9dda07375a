"""Kill commands at random moments (kill -9) until they are done, and compare with an undisturbed run.

After each kill every file that has its final name must be whole; in the end each must have the same bytes, checkpoints
the same weights.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.campaigns.commands import COMMANDS, Work, send, start, table
from wsegs.io.lock import lock_path


def run(arguments: argparse.Namespace) -> bool:
    """Run the campaign and return whether nothing was lost."""
    counts = {name: Counter[str]() for name in arguments.names}
    columns = ["killed before any result", "killed later", "work done in the end", "faults"]
    table(["command", *columns], ([name, *_campaign(name, arguments, counts[name], columns)] for name in counts))
    return not any(each["faults"] for each in counts.values())


def _campaign(name: str, arguments: argparse.Namespace, counts: Counter[str], columns: list[str]) -> list[int]:
    moments = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        work = COMMANDS[name](folder, arguments)
        began = time.monotonic()
        _finish(work, folder / "undisturbed", [], random.Random(0), Counter())
        seconds = (time.monotonic() - began) / len(work.steps)
        while counts["killed"] < arguments.times:
            spans = [seconds for _ in range(arguments.times - counts["killed"])]
            _finish(work, folder / "killed", spans, moments, counts, folder / "undisturbed")
            shutil.rmtree(folder / "killed")
    return [counts[column] for column in columns]


def _finish(
    work: Work,
    folder: Path,
    spans: list[float],
    moments: random.Random,
    counts: Counter[str],
    undisturbed: Path | None = None,
) -> None:
    """Do all steps, each again and again until it is done; kill it within the next of ``spans`` seconds, if any."""
    for step, output in work.steps:
        while work.again or not (folder / output).exists():
            process = start([*step, *(work.again if (folder / output).exists() else ())], folder)
            try:
                code = process.wait(moments.uniform(0, spans.pop()) if spans else None)
            except subprocess.TimeoutExpired:
                send(process, signal.SIGKILL)
                code = process.wait()
                begun = (folder / output).exists() or any(folder.glob("*.partial"))
                counts["killed"] += 1
                counts["killed later" if begun else "killed before any result"] += 1
                _compare(work, folder, undisturbed, counts, at_the_end=False)
                if (folder / output).exists():  # killed as the last thing to do was to remove its lock, which stays
                    lock_path(folder / output).unlink(missing_ok=True)
            if code == 0:
                break
            if code != -signal.SIGKILL:
                raise SystemExit(f"{' '.join(step)}: {code}: {(folder / 'log.txt').read_text()}")
    if undisturbed is not None:
        _compare(work, folder, undisturbed, counts, at_the_end=True)
        counts["work done in the end"] += 1


def _compare(work: Work, folder: Path, undisturbed: Path | None, counts: Counter[str], *, at_the_end: bool) -> None:
    """Count files that differ from the undisturbed run's; before the end, those of a training need only be whole."""
    assert undisturbed is not None
    for name in work.outputs:
        path = folder / name
        if not path.exists() and not at_the_end:
            continue
        fault = _fault(path, undisturbed / name, at_the_end=at_the_end or not work.again)
        if fault:
            counts["faults"] += 1
            print(f"    {path.name}: {fault}", flush=True)
    left = [path.name for path in folder.rglob(".*")] if at_the_end else []
    if left or (at_the_end and any(folder.glob("*.partial*"))):
        counts["faults"] += 1
        print(f"    left over: {left}", flush=True)


def _fault(path: Path, expected: Path, *, at_the_end: bool) -> str:
    if path.suffix == ".ckpt":
        import torch

        from wsegs.training.weights import read_checkpoint

        ours, theirs = (read_checkpoint(file)["state_dict"] for file in (path, expected))
        same = ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours)
        return "other weights" if at_the_end and not same else ""
    if path.name == "run.json":
        from wsegs.training.runs import read_run

        read_run(path.parent)
        return ""
    content = path.read_bytes()
    if not at_the_end:
        return "" if path.suffix != ".csv" or content.endswith(b"\n") else "cut short"
    return "" if content == expected.read_bytes() else "other bytes"
