"""The commands that are killed, interrupted and measured, each with a folder of small inputs."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tests.training.tiny import make_store, write_faces
from wsegs.landmarks.table import LandmarkTable, write_landmarks
from wsegs.rules import load_rules

FACES = Path(__file__).parents[2] / "examples" / "faces"


@dataclass(frozen=True)
class Work:
    """A piece of work on a folder of inputs.

    Attributes
    ----------
    steps
        Commands of wsegs, one after the other, each with the name of its output.
    outputs
        Names of all files that are compared; the last is there when all are.
    again
        Options that let a command go on with an output that is there already.
    """

    steps: list[tuple[list[str], str]]
    outputs: tuple[str, ...]
    again: tuple[str, ...] = ()


def landmarks(folder: Path, arguments: argparse.Namespace) -> Work:
    """Find the landmarks of links to the shipped faces."""
    files = sorted(FACES.glob("*.jpg"))
    (folder / "images").mkdir()
    for i in range(min(arguments.images, 500)):
        (folder / "images" / f"{i:06d}.jpg").symlink_to(files[i % len(files)].absolute())
    command = ["landmarks", "--data", str(folder / "images"), "--export", "csv", "-o", "l.h5", f"-j{arguments.jobs}"]
    return Work([([*command, *arguments.options], "l.h5")], ("l.csv", "l.missing.csv", "l.unmatched.csv", "l.h5"))


def masks(folder: Path, arguments: argparse.Namespace) -> Work:
    """Draw the masks of jittered faces."""
    return Work([(_masks(folder, arguments), "m.h5")], ("m.h5",))


def shards(folder: Path, arguments: argparse.Namespace) -> Work:
    """Draw the masks of jittered faces in two shards, and merge them."""
    command = _masks(folder, arguments)
    steps = [([*command[:-1], name, "--shard", f"{n}/2"], name) for n, name in ((1, "1.h5"), (2, "2.h5"))]
    return Work([*steps, (["store", "merge", "1.h5", "2.h5", "-o", "m.h5"], "m.h5")], ("m.h5",))


def features(folder: Path, arguments: argparse.Namespace) -> Work:
    """Read the features of a few faces."""
    table = write_faces(folder, _face(), count=arguments.images)
    make_store(folder, table).close()
    command = ["features", str(folder / "masks.h5"), "-o", "f.h5", f"-j{arguments.jobs}"]
    return Work([([*command, *arguments.options], "f.h5")], ("f.h5",))


def train(folder: Path, arguments: argparse.Namespace) -> Work:
    """Train a network of a few filters on a few faces."""
    table = write_faces(folder, _face())
    make_store(folder, table).close()
    command = ["train", "attparsenet", str(folder / "masks.h5"), "-o", "run", "--width", "0.03", "--size", "32x28"]
    command += ["--batch-size", "4", *(arguments.options or ["--max-steps", "16", "--validate-every", "2"])]
    return Work(
        [(command, "run")], ("run/run.json", "run/best.ckpt", "run/last.ckpt", "run/metrics.csv"), ("--resume",)
    )


COMMANDS: dict[str, Callable[[Path, argparse.Namespace], Work]] = {
    "landmarks": landmarks,
    "masks": masks,
    "shards": shards,
    "features": features,
    "train": train,
}


def _face() -> np.ndarray:
    from tests.conftest import _ASTRONAUT

    return np.array(_ASTRONAUT, np.float32)


def _masks(folder: Path, arguments: argparse.Namespace) -> list[str]:
    table = write_faces(folder, _face())
    write_landmarks(folder / "l.h5", jittered(table, arguments.images))
    command = ["masks", str(folder / "l.h5"), "--rules", "celeba", f"-j{arguments.jobs}"]
    return [*command, *arguments.options, "-o", "m.h5"]


def jittered(table: LandmarkTable, count: int) -> LandmarkTable:
    """Return a table of ``count`` images, whose faces are the first of ``table`` moved by about a pixel."""
    rows = np.zeros(count, int)
    names = load_rules("celeba").attribute_names
    arrays = ("landmarks", "status", "faces", "boxes", "image_size", "identity", "split", "score", "doubt")
    fields = {name: getattr(table, name)[rows] for name in arrays}
    fields["landmarks"] = fields["landmarks"] + np.random.default_rng(0).normal(0, 1, (count, 1, 2)).astype(np.float32)
    fields |= {"attribute_names": names, "attributes": np.zeros((count, len(names)), np.int8)}
    return replace(table, images=tuple(f"{row:06d}.jpg" for row in range(count)), **fields)


def start(command: list[str], folder: Path) -> subprocess.Popen[str]:
    """Start a command of wsegs in a folder and a process group of its own; its words go to ``log.txt`` there."""
    folder.mkdir(exist_ok=True)
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "OMP_NUM_THREADS": "1",
    }
    with (folder / "log.txt").open("w") as log:
        words = [sys.executable, "-m", "wsegs.cli.main", *command]
        return subprocess.Popen(words, cwd=folder, stdout=log, stderr=log, env=environment, start_new_session=True)


def send(process: subprocess.Popen[str], number: int) -> None:
    """Send a signal to a command and all processes that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def table(columns: list[str], rows: Iterator[list[object]]) -> None:
    """Print a Markdown table, row by row."""
    print(f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|", flush=True)
    for row in rows:
        print(f"| {' | '.join(map(str, row))} |", flush=True)
