"""Kill ``wsegs masks`` at random moments, again and again: it must go on, and give what an undisturbed run gives.

    python benchmarks/kill_masks.py [LANDMARKS] [--kills 50] [--images 5000] [--shards 2] [-j 2] [-- OPTION ...]

LANDMARKS is a landmarks.h5 of real faces, jittered to ``--images`` as benchmarks/masks_speed.py does; a made-up face,
if not given. The command runs once undisturbed. Then it is started again and again and killed with SIGKILL, with all
its workers, after a random share of the time that it took, every fifth time while it writes the store, until it has
been killed ``--kills`` times; whenever it ends by itself, its store is compared with the first byte for byte, and it
begins anew. Then the same with shards, one after the other, which are merged and compared.

What follows ``--`` are options of ``wsegs masks``. For those that read images (``--refine``, ``--with-images``),
``--images 0`` takes LANDMARKS as they are.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil
from masks_speed import jittered, real_or_made_up

from wsegs.landmarks.table import write_landmarks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("landmarks", type=Path, nargs="?", help="a landmarks.h5 of real faces, 68 points")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--shards", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-j", "--jobs", type=int, default=2)
    ours, options = sys.argv[1:], []
    if "--" in ours:
        ours, options = ours[: ours.index("--")], ours[ours.index("--") + 1 :]
    arguments = parser.parse_args(ours)

    moments = random.Random(arguments.seed)
    table = real_or_made_up(arguments.landmarks)
    if arguments.images:
        table = jittered(table, arguments.images)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_landmarks(folder / "landmarks.h5", table)
        started = time.perf_counter()
        options += ["-j", str(arguments.jobs)]
        if run(folder, "whole.h5", options).wait():
            sys.exit("the undisturbed run failed")
        seconds = time.perf_counter() - started
        whole = (folder / "whole.h5").read_bytes()
        print(f"{len(table.images)} images, {seconds:.1f} s undisturbed, {len(whole) / 1e6:.1f} MB\n")
        print("| run | kills | while it started | while it drew | while it wrote | went on | results | all the same |")
        print("|---|---|---|---|---|---|---|---|")
        for shards in (1, arguments.shards):
            counts, same = campaign(folder, arguments.kills, options, shards, seconds, whole, moments)
            kills = counts["starting"] + counts["drawing"] + counts["writing"]
            print(
                f"| {'plain' if shards == 1 else f'{shards} shards'} | {kills} | {counts['starting']} |"
                f" {counts['drawing']} | {counts['writing']} | {counts['went on']} | {counts['results']} |"
                f" {'yes' if same else 'NO'} |",
                flush=True,
            )


def campaign(
    folder: Path, enough: int, options: list[str], shards: int, seconds: float, whole: bytes, moments: random.Random
) -> tuple[Counter[str], bool]:
    """Kill runs until there were enough kills and a result; return what was counted, and whether all was the same."""
    counts: Counter[str] = Counter()
    same = True
    while counts["killed"] < enough or not counts["results"]:
        names = [f"masks.{number}-of-{shards}.h5" for number in range(1, shards + 1)]
        for number, name in enumerate(names, 1):
            share = options if shards == 1 else [*options, "--shard", f"{number}/{shards}"]
            while not (folder / name).exists():
                after = None if counts["killed"] >= enough else moments.uniform(0, seconds)
                # Writing is short: every fifth run is killed while it lasts, up to a tenth of a second after it began.
                aimed = after is not None and moments.random() < 0.2
                kill_once(folder, name, share, moments.uniform(0, 0.1) if aimed else after, aimed, counts)
        result = folder / "merged.h5" if shards > 1 else folder / names[0]
        if shards > 1:
            command = [sys.executable, "-m", "wsegs.cli.main", "store", "merge", *names, "-o", result.name]
            subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        same &= result.read_bytes() == whole
        counts["results"] += 1
        for name in {*names, result.name}:
            (folder / name).unlink(missing_ok=True)
    return counts, same


def kill_once(
    folder: Path, name: str, options: list[str], after: float | None, aimed: bool, counts: Counter[str]
) -> None:
    """Start the command and kill it after some seconds, of its writing if aimed, or let it end; count what happened."""
    partial = folder / f"{name}.partial"
    before = partial.stat().st_size if partial.exists() else 0
    process = run(folder, name, options)
    temporary = f".{Path(name).stem}.*.writing.h5"
    while aimed and process.poll() is None and not list(folder.glob(temporary)):
        time.sleep(0.001)
    try:
        code = process.wait(after)
    except subprocess.TimeoutExpired:
        kill_tree(process)
        code = process.wait()
    if code == 0:
        counts["went on"] += before > 0
        return
    if code != -9:
        raise SystemExit(f"wsegs masks ended with {code}")
    counts["killed"] += 1
    counts["went on"] += before > 0
    writing = list(folder.glob(temporary))
    for leftover in writing:
        leftover.unlink()
    counts["writing" if writing else "drawing" if partial.exists() else "starting"] += 1


def run(folder: Path, name: str, options: list[str]) -> subprocess.Popen:
    command = [sys.executable, "-m", "wsegs.cli.main", "masks", "-o", name, *options]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kill_tree(process: subprocess.Popen) -> None:
    """Kill a process and all that it started."""
    try:
        children = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        children = []
    process.kill()
    for child in children:
        try:
            child.kill()
        except psutil.NoSuchProcess:
            continue


if __name__ == "__main__":
    main()
