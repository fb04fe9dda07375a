"""Kill ``wsegs masks`` at random moments, again and again: it must go on, and give what an undisturbed run gives.

    python benchmarks/kill_masks.py [LANDMARKS] [--kills 50] [--images 5000] [--shards 2] [-j 2]

LANDMARKS is a landmarks.h5 of real faces, jittered to ``--images`` as benchmarks/masks_speed.py does; a made-up face,
if not given. The command runs once undisturbed. Then it is started again and again and killed with SIGKILL, with all
its workers, after a random share of the time that it took, until it has been killed ``--kills`` times; whenever it
ends by itself, its store is compared with the first byte for byte, and it begins anew. Then the same with shards, one
after the other, which are merged and compared.
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

import numpy as np
import psutil
from masks_speed import SIZE, jittered

from wsegs.landmarks.table import LandmarkTable, read_landmarks, write_landmarks
from wsegs.rules import load_rules
from wsegs.schemes import IBUG68


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("landmarks", type=Path, nargs="?", help="a landmarks.h5 of real faces, 68 points")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--shards", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-j", "--jobs", type=int, default=2)
    arguments = parser.parse_args()

    moments = random.Random(arguments.seed)
    table = made_up() if arguments.landmarks is None else read_landmarks(arguments.landmarks)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_landmarks(folder / "landmarks.h5", jittered(table, arguments.images))
        started = time.perf_counter()
        run(folder, "whole.h5", arguments.jobs).wait()
        seconds = time.perf_counter() - started
        whole = (folder / "whole.h5").read_bytes()
        print(f"{arguments.images} images, {seconds:.1f} s undisturbed, {len(whole) / 1e6:.1f} MB\n")
        print("| run | kills | while it started | while it drew | while it wrote | went on | results | all the same |")
        print("|---|---|---|---|---|---|---|---|")
        for shards in (1, arguments.shards):
            counts, same = campaign(folder, arguments, shards, seconds / shards, whole, moments)
            kills = counts["starting"] + counts["drawing"] + counts["writing"]
            print(
                f"| {'plain' if shards == 1 else f'{shards} shards'} | {kills} | {counts['starting']} |"
                f" {counts['drawing']} | {counts['writing']} | {counts['went on']} | {counts['results']} |"
                f" {'yes' if same else 'NO'} |",
                flush=True,
            )


def campaign(
    folder: Path, arguments: argparse.Namespace, shards: int, seconds: float, whole: bytes, moments: random.Random
) -> tuple[Counter[str], bool]:
    """Kill runs until there were enough kills and a result; return what was counted, and whether all was the same."""
    counts: Counter[str] = Counter()
    same = True
    while counts["killed"] < arguments.kills or not counts["results"]:
        names = [f"masks.{number}-of-{shards}.h5" for number in range(1, shards + 1)]
        for number, name in enumerate(names, 1):
            shard = [] if shards == 1 else ["--shard", f"{number}/{shards}"]
            while not (folder / name).exists():
                last = counts["killed"] >= arguments.kills
                kill_once(folder, name, arguments.jobs, shard, None if last else moments.uniform(0, seconds), counts)
        result = folder / "merged.h5" if shards > 1 else folder / names[0]
        if shards > 1:
            command = [sys.executable, "-m", "wsegs.cli.main", "store", "merge", *names, "-o", result.name]
            subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        same &= result.read_bytes() == whole
        counts["results"] += 1
        for name in {*names, result.name}:
            (folder / name).unlink(missing_ok=True)
    return counts, same


def kill_once(folder: Path, name: str, jobs: int, shard: list[str], after: float | None, counts: Counter[str]) -> None:
    """Start the command and kill it after some seconds, or let it end; count what happened."""
    partial = folder / f"{name}.partial"
    before = partial.stat().st_size if partial.exists() else 0
    process = run(folder, name, jobs, shard)
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
    writing = list(folder.glob(f".{Path(name).stem}.*.writing.h5"))
    for leftover in writing:
        leftover.unlink()
    counts["writing" if writing else "drawing" if partial.exists() else "starting"] += 1


def run(folder: Path, name: str, jobs: int, shard: list[str] | None = None) -> subprocess.Popen:
    command = [sys.executable, "-m", "wsegs.cli.main", "masks", "-o", name, "-j", str(jobs), *(shard or [])]
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


def made_up() -> LandmarkTable:
    """Return a table of one face, the average of its scheme."""
    points = np.array(IBUG68.average, np.float32) * 55 + np.array([89, 100], np.float32)
    names = load_rules("celeba").attribute_names
    return LandmarkTable(
        scheme=IBUG68,
        images=("face.jpg",),
        landmarks=points[None],
        status=np.array([1], np.uint8),
        status_names=("none", "dlib"),
        faces=np.ones(1, np.int16),
        boxes=np.full((1, 4), np.nan, np.float32),
        image_size=np.array([SIZE[::-1]], np.int32),
        attribute_names=names,
        attributes=np.zeros((1, len(names)), np.int8),
        identity=np.full(1, -1, np.int32),
        split=np.zeros(1, np.int8),
        provenance={},
    )


if __name__ == "__main__":
    main()
