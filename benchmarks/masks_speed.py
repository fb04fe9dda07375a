"""From landmarks to a closed mask store: time, size and memory of ``wsegs masks`` as the number of images grows.

    python benchmarks/masks_speed.py [LANDMARKS] [--images 1000 10000 100000 200000] [--rules celeba] [-j 2]

LANDMARKS is a landmarks.h5 of real faces; the average face, if not given. For each number of images a landmarks.h5 is
made whose faces are those, each moved by a few pixels (one shift a face, and half a pixel a point), with the labels
that belong to them. Then the real command runs on it. Beside it, in the same run:

- the bare filling: the polygons that the rules draw, by OpenCV's fillPoly alone, in one process;
- the straightforward way: forty masks an image, each filled by itself and written as an image file of its own, on
  ``--straightforward`` images; its total is extrapolated.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import psutil
from joblib import effective_n_jobs

from wsegs.landmarks.table import LandmarkTable, read_landmarks, write_landmarks
from wsegs.rules import RuleSet, load_rules
from wsegs.rules.drawing.outlines import region_outlines
from wsegs.schemes import IBUG68

SIZE = (218, 178)
_MEBIBYTE = 1 << 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("landmarks", type=Path, nargs="?", help="a landmarks.h5 of real faces, 68 points")
    parser.add_argument("--images", type=int, nargs="+", default=[1000], help="1000 10000 100000 200000 for the growth")
    parser.add_argument("--rules", default="celeba", help="name or path")
    parser.add_argument("-j", "--jobs", type=int, default=-1)
    parser.add_argument("--straightforward", type=int, default=200, help="images of the straightforward way")
    parser.add_argument("--folder", type=Path, help="where the big files are written; a temporary one, if not given")
    arguments = parser.parse_args()

    table, rules = real_or_made_up(arguments.landmarks), load_rules(arguments.rules)
    faces = jittered(table, 1000).landmarks
    bare = time_of_filling(faces, rules)
    jobs = effective_n_jobs(arguments.jobs)
    print(f"rules {rules.name}, {jobs} processes, {SIZE[0]}x{SIZE[1]}\n")
    print(
        "| images | seconds | ms an image and process | times the bare filling | processor ms an image"
        " | bytes an image | peak memory, MiB |"
    )
    print("|---|---|---|---|---|---|---|")
    if arguments.folder is not None:
        arguments.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for count in arguments.images:
            source, store = Path(folder, "landmarks.h5"), Path(folder, "masks.h5")
            write_landmarks(source, jittered(table, count), force=True)
            usage = run_masks(source, store, arguments.rules, arguments.jobs)
            each = usage.seconds * jobs / count
            size = store.stat().st_size / count
            print(
                f"| {count:,} | {usage.seconds:.1f} | {each * 1e3:.3f} | {each / bare:.1f} |"
                f" {usage.processor_seconds / count * 1e3:.3f} | {size:,.0f} | {usage.peak_memory / _MEBIBYTE:.0f} |",
                flush=True,
            )
            store.unlink()
        straightforward = time_of_straightforward(faces[: arguments.straightforward], rules, Path(folder))
    print(f"\nbare filling: {bare * 1e3:.3f} ms an image in one process")
    print(
        f"straightforward, forty fills and forty files: {straightforward * 1e3:.2f} ms an image in one process,"
        f" measured on {min(arguments.straightforward, len(faces))}; 202,599 images would take"
        f" {straightforward * 202_599 / 60:.0f} minutes"
    )


def real_or_made_up(path: Path | None) -> LandmarkTable:
    """Return the landmarks of a file; without one, a table of one face, the average of its scheme."""
    if path is not None:
        return read_landmarks(path)
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


def jittered(table: LandmarkTable, count: int) -> LandmarkTable:
    """Return a table of ``count`` images in SIZE whose faces are those of ``table``, moved by a few pixels."""
    rng = np.random.default_rng(0)
    rows = np.resize(np.flatnonzero(table.found), count)
    shift = rng.normal(0, 3, (count, 1, 2)) + rng.normal(0, 0.5, (count, table.scheme.count, 2))
    landmarks = np.rint(table.landmarks[rows] + shift).astype(np.float32)  # dlib's are integers
    return replace(
        table,
        images=tuple(f"{row + 1:06d}.jpg" for row in range(count)),
        landmarks=landmarks,
        status=table.status[rows],
        faces=table.faces[rows],
        boxes=table.boxes[rows],
        image_size=np.tile(np.array(SIZE[::-1], np.int32), (count, 1)),
        attributes=table.attributes[rows],
        identity=table.identity[rows],
        split=table.split[rows],
    )


@dataclass
class Usage:
    """What a process and all that it started used."""

    seconds: float = 0.0
    processor_seconds: float = 0.0  # of all processes; less than what they waited for on a busy machine
    peak_memory: int = 0  # bytes resident in all of them together at one moment; shared pages count in each


def run_masks(source: Path, store: Path, rules: str, jobs: int) -> Usage:
    """Run the command, and look every quarter of a second at what its processes use."""
    command = [sys.executable, "-m", "wsegs.cli.main", "masks", source, "--rules", rules, "-o", store, "-j", jobs]
    usage, processor = Usage(), {}
    started = time.perf_counter()
    process = psutil.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)
    while True:
        memory = 0
        try:
            for each in (process, *process.children(recursive=True)):
                memory += each.memory_info().rss
                times = each.cpu_times()
                processor[each.pid] = times.user + times.system
        except psutil.NoSuchProcess:
            pass  # it ended between two looks
        usage.peak_memory = max(usage.peak_memory, memory)
        try:
            code = process.wait(0.25)
            break
        except psutil.TimeoutExpired:
            continue
    usage.seconds, usage.processor_seconds = time.perf_counter() - started, sum(processor.values())
    if code:
        raise SystemExit(f"wsegs masks ended with {code}")
    return usage


def time_of_filling(faces: np.ndarray, rules: RuleSet, rounds: int = 5) -> float:
    """Return seconds a face of filling the rules' polygons by OpenCV alone; the best of some rounds."""
    outlines = region_outlines(rules.program, np.asarray(faces, np.float64), SIZE[0])
    polygons = [
        outline.polygons(face) for face in range(len(faces)) for one in outlines.values() for outline in one.outlines
    ]
    polygons = [polygon for polygon in polygons if polygon]
    picture = np.zeros(SIZE, np.uint8)
    best = float("inf")
    for _ in range(rounds):
        started = time.perf_counter()
        for polygon in polygons:
            cv2.fillPoly(picture, polygon, 1)
        best = min(best, time.perf_counter() - started)
    return best / len(faces)


def time_of_straightforward(faces: np.ndarray, rules: RuleSet, folder: Path) -> float:
    """Return seconds a face of filling every attribute's polygons in a picture of its own, and writing it as JPEG."""
    regions = region_outlines(rules.program, np.asarray(faces, np.float64), SIZE[0])
    bits = np.arange(len(rules.region_names), dtype=np.uint64)
    lookup = rules.lookup(rules.attribute_names)
    parts = [
        [bit for bit in bits.tolist() if lookup.evaluate(attribute, np.array([1 << bit], rules.dtype)).item()]
        for attribute in range(len(rules.attribute_names))
    ]
    started = time.perf_counter()
    for face in range(len(faces)):
        for name, members in zip(rules.attribute_names, parts, strict=True):
            picture = np.zeros(SIZE, np.uint8)
            for bit in members:
                for outline in regions[bit].outlines:
                    if polygons := outline.polygons(face):
                        cv2.fillPoly(picture, polygons, 255)
            cv2.imwrite(str(folder / f"{face:06d}_{name}.jpg"), picture)
    seconds = time.perf_counter() - started
    for path in folder.glob("*.jpg"):
        path.unlink()
    return seconds / len(faces)


if __name__ == "__main__":
    main()
