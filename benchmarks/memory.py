"""Whether a command's memory grows with the work that it has done.

    python benchmarks/memory.py landmarks [--images FOLDER] [--count 20000] [--jobs 2]
    python benchmarks/memory.py masks [--landmarks FILE] [--count 200000] [--jobs 2]

Runs the command on COUNT images (links to a few; for masks, faces moved by a few pixels) and reads the resident memory
of its processes, all together, five times a second. Printed are the medians just after the first tenth of the time and
at its end, and the largest value. Pages that processes share count once a process.

To add a command, write a function that takes the folder to work in and the arguments and returns the command's own, and
name it in ``COMMANDS``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from masks_speed import jittered, real_or_made_up

from wsegs.landmarks.table import write_landmarks

SUFFIXES = (".jpg", ".jpeg", ".png")
FACES = Path(__file__).parents[1] / "examples" / "faces"
PAGE = os.sysconf("SC_PAGE_SIZE")


def landmarks(folder: Path, arguments: argparse.Namespace) -> list[str]:
    link_images(arguments.images, folder / "images", arguments.count)
    return ["landmarks", "--data", str(folder / "images"), "-o", str(folder / "landmarks.h5")]


def masks(folder: Path, arguments: argparse.Namespace) -> list[str]:
    table = folder / "landmarks.h5"
    write_landmarks(table, jittered(real_or_made_up(arguments.landmarks), arguments.count))
    return ["masks", str(table), "-o", str(folder / "masks.h5")]


COMMANDS = {"landmarks": landmarks, "masks": masks}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--images", type=Path, default=FACES, help="a folder of images with faces")
    parser.add_argument("--landmarks", type=Path, help="a landmarks.h5 of real faces, 68 points, for masks")
    parser.add_argument("--count", type=int, default=20_000, help="images to work on")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        command = COMMANDS[arguments.command](Path(name), arguments)
        samples = sampled([sys.executable, "-m", "wsegs.cli.main", *command, "-j", str(arguments.jobs)])
    seconds = samples[-1][0]
    early = statistics.median(size for at, size in samples if 0.1 * seconds <= at <= 0.15 * seconds)
    late = statistics.median(size for at, size in samples if at >= 0.95 * seconds)
    peak = max(size for _, size in samples)
    print("| command | images | processes | seconds | MB after a tenth | MB at the end | growth | MB at most |")
    print("|---|---|---|---|---|---|---|---|")
    print(
        f"| {arguments.command} | {arguments.count} | {arguments.jobs} | {seconds:.0f} | {early / 1e6:.0f}"
        f" | {late / 1e6:.0f} | {late / early - 1:+.1%} | {peak / 1e6:.0f} |"
    )


def link_images(source: Path, folder: Path, count: int) -> None:
    """Fill a folder with links to the images of another, over and over."""
    files = sorted(file.absolute() for file in source.iterdir() if file.suffix.lower() in SUFFIXES)
    folder.mkdir()
    for i in range(count):
        file = files[i % len(files)]
        (folder / f"{i:06d}{file.suffix}").symlink_to(file)


def sampled(command: list[str]) -> list[tuple[float, int]]:
    """Run a command and return (seconds since its start, bytes that its processes hold) five times a second."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    samples = []
    while process.poll() is None:
        samples.append((time.perf_counter() - start, sum(map(resident, tree(process.pid)))))
        time.sleep(0.2)
    if process.returncode:
        sys.exit(f"{command} ended with {process.returncode}")
    return samples


def tree(pid: int) -> Iterator[int]:
    """Yield a process and all that descend from it."""
    yield pid
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from tree(int(child))
    except OSError:  # it has just ended
        return


def resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except OSError:
        return 0


if __name__ == "__main__":
    main()
