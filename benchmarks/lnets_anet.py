"""ANet measured: the tables of docs/anet.md (Liu, Luo, Wang & Tang, table 1, on a smaller sample).

    python benchmarks/lnets_anet.py DATA -o docs/anet.md --run "FaceTracer=runs/facetracer" --run "PANDA-w=runs/panda"

DATA holds ``celeba`` (aligned crops) and ``lfw``. Every run is made by the command that a user would type, two at a
time, and kept in ``--cache``, as are the decisions about the test faces: an interrupted call goes on. ``--steps`` and
``--identity-steps`` shorten the trainings.

Nothing is chosen by the test faces. Intervals are over people; the networks are trained once a seed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from lnets_anet_scores import SCORES, Decisions, compared, measured, saved_decisions
from region_probe_scores import interval
from sections import write_section

from wsegs.evaluation.leaning.bootstrap import PeopleBootstrap

TRUNKS = {"people": "people first", "nothing": "from nothing"}
HEADS = {"sigmoid": "sigmoid", "svm1": "SVM, one view", "svm5": "SVM, five views", "lfwa5": "SVM of LFWA, five views"}
PAPER = (
    ("LNets+ANet", "87", "84"),
    ("without pre-training", "83", "79"),
    ("FaceTracer", "81", "74"),
    ("PANDA-w", "79", "71"),
    ("PANDA-l", "85", "81"),
)


class Command(NamedTuple):
    """A run of the benchmark: its name in the cache, and the arguments of ``wsegs train`` that make it."""

    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class Options:
    """Where data and runs are, and how long trainings are."""

    data: Path
    cache: Path
    limit: int | None
    identity_steps: int | None
    steps: int | None


def commands_of(seed: int, options: Options) -> Iterator[Command]:
    """Yield the runs of a seed, each after those that it begins with."""
    celeba, lfw = (("--data", str(options.data / name)) for name in ("celeba", "lfw"))
    common = ("--seed", str(seed), *(() if options.limit is None else ("--limit", str(options.limit))))
    identity = options.cache / f"identity-{seed}"
    yield Command(identity.name, ("anet-identity", *celeba, *common, *_steps(options.identity_steps)))
    for trunk in TRUNKS:
        anet = options.cache / f"sigmoid-{trunk}-{seed}"
        begun = ("--trunk", str(identity)) if trunk == "people" else ("--no-trunks",)
        yield Command(anet.name, ("anet", *begun, *celeba, *common, *_steps(options.steps)))
        for views in (1, 5):
            fit = ("anet-svm", "--trunk", str(anet), "--views", str(views))
            yield Command(f"svm{views}-{trunk}-{seed}", (*fit, *celeba, *common))
        yield Command(f"lfwa5-{trunk}-{seed}", ("anet-svm", "--trunk", str(anet), *lfw, *common, "--people", "0-1"))


def _steps(count: int | None) -> tuple[str, ...]:
    return () if count is None else ("--max-steps", str(count), "--validate-every", str(max(1, count // 4)))


def make(command: Command, options: Options) -> None:
    """Make a run, or what is missing of it."""
    output, done = options.cache / command.name, options.cache / "done" / command.name
    if done.exists():
        return
    resumed = ("--resume",) if (output / "last.ckpt").exists() and command.arguments[0] != "anet-svm" else ("--force",)
    program = (sys.executable, "-c", "from wsegs.cli.main import main; main()", "train")
    log = options.cache / f"{command.name}.log"
    with log.open("w") as file:
        ended = subprocess.run(
            [*program, *command.arguments, "-o", str(output), *resumed],
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
    if ended.returncode:
        sys.exit(f"{command.name}: {log.read_text().strip().splitlines()[-1]}")
    done.parent.mkdir(exist_ok=True)
    done.touch()
    print(command.name, flush=True)


def make_all(seeds: int, jobs: int, options: Options) -> None:
    """Make the runs of all seeds, several seeds at a time."""

    def of_seed(seed: int) -> None:
        for command in commands_of(seed, options):
            make(command, options)

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(of_seed, range(seeds)))


class Row(NamedTuple):
    """A row of the tables: its title, and the decisions of each seed about CelebA's test faces and LFWA's faces."""

    title: str
    celeba: Sequence[Decisions]
    lfwa: Sequence[Decisions]


def rows_of(seeds: int, options: Options, runs: Mapping[str, Path], landmarks: Mapping[str, Path | None]) -> list[Row]:
    """Return what all runs decide about the test faces."""
    rows = []
    for trunk, trunk_title in TRUNKS.items():
        for head, title in HEADS.items():
            names = [f"{head}-{trunk}-{seed}" for seed in range(seeds)]
            of_lfwa = head == "lfwa5"
            celeba = [] if of_lfwa else [_decisions(name, "celeba", "test", options) for name in names]
            lfwa = [_decisions(name, "lfw", "test" if of_lfwa else "all", options) for name in names]
            rows.append(Row(f"ANet, {trunk_title}; {title}", celeba, lfwa))
    for title, run in runs.items():
        found = [
            saved_decisions(run, options.data / name, split, options.cache / "decisions", landmarks[name])
            for name, split in (("celeba", "test"), ("lfw", "all"))
        ]
        rows.append(Row(title, found[:1], found[1:]))
    return rows


def _decisions(name: str, data: str, split: str, options: Options) -> Decisions:
    return saved_decisions(options.cache / name, options.data / data, split, options.cache / "decisions")


def table(rows: Sequence[Row], which: str, half: bool) -> Iterator[str]:
    """Yield the Markdown of scores on CelebA, on LFWA, or on LFWA's test half."""
    chosen = [(row.title, getattr(row, which)) for row in rows if getattr(row, which)]
    chosen = [(title, [each.test_half() if half else each for each in found]) for title, found in chosen]
    chosen = [(title, found) for title, found in chosen if half or len(found[0]) == len(chosen[0][1][0])]
    people = PeopleBootstrap(chosen[0][1][0].identity)
    faces = f"{len(chosen[0][1][0]):,} faces of {people.count:,} people"
    yield f"| {faces} | {' | '.join(SCORES)} | accuracy of each seed |"
    yield "|---" * (len(SCORES) + 2) + "|"
    for title, found in chosen:
        samples = measured(found, people)
        alone = ", ".join(f"{100 * measured([each], people)['accuracy'][0]:.1f}" for each in found)
        yield f"| {title} | {' | '.join(interval(samples[score]) for score in SCORES)} | {alone} |"
    yield ""


def comparisons(rows: Sequence[Row]) -> Iterator[str]:
    """Yield whether the order of the paper is met: differences of accuracy on CelebA's test faces."""
    by_title = {row.title: row.celeba for row in rows}
    first, nothing = (f"ANet, {title}; " for title in TRUNKS.values())
    pairs = [
        ("Pre-training on people, SVM of five views", first + HEADS["svm5"], nothing + HEADS["svm5"], "+4"),
        ("Pre-training on people, sigmoid", first + HEADS["sigmoid"], nothing + HEADS["sigmoid"], "not given"),
        ("Five views beside one", first + HEADS["svm5"], first + HEADS["svm1"], "not given; it takes several"),
        ("SVM beside sigmoid, one view", first + HEADS["svm1"], first + HEADS["sigmoid"], "not given; it takes SVMs"),
    ]
    pairs += [
        (f"ANet beside {row.title}", first + HEADS["svm5"], row.title, "LNets+ANet is ahead of all others")
        for row in rows
        if not row.title.startswith("ANet, ")
    ]
    yield "| difference of accuracy | points | of average precision | the paper | order |"
    yield "|---|---|---|---|---|"
    for title, one, other, paper in pairs:
        people = PeopleBootstrap(by_title[one][0].identity)
        gains = {score: compared(by_title[one], by_title[other], people, score) for score in SCORES[:2]}
        low, high = np.percentile(gains["accuracy"][1:], [2.5, 97.5])
        order = "met" if low > 0 else "not met" if high < 0 else "open"
        yield f"| {title} | {' | '.join(interval(gain, 2, sign=True) for gain in gains.values())} | {paper} | {order} |"
    yield ""


def scores_section(rows: Sequence[Row], seeds: int) -> Iterator[str]:
    """Yield the section of scores."""
    yield f"CelebA's aligned test crops; percent, seeds trained: {seeds}, 95 % interval over people:"
    yield ""
    yield from table(rows, "celeba", half=False)
    yield "LFWA, all faces; nothing of it was trained on:"
    yield ""
    yield from table(rows, "lfwa", half=False)
    yield "LFWA, its test half; the SVMs of LFWA are trained on the other half, as the paper's are:"
    yield ""
    yield from table(rows, "lfwa", half=True)
    yield "The paper's mean accuracies, on 19,962 images of CelebA and on LFWA's test half (6,880 images):"
    yield ""
    yield "| method | CelebA | LFWA |"
    yield "|---|---|---|"
    yield from (f"| {' | '.join(line)} |" for line in PAPER)
    yield ""
    yield from comparisons(rows)
    yield (
        "Order: `met` where the interval of the difference of accuracy is above 0, `not met` where it is below, `open`"
        " where 0 lies in it."
    )


def named_run(text: str) -> tuple[str, Path]:
    """Return title and folder of ``NAME=RUN``."""
    name, _, run = text.partition("=")
    if not name or not Path(run).is_dir():
        raise argparse.ArgumentTypeError(f"expected NAME=RUN with a folder that wsegs train made, got {text!r}")
    return name, Path(run)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--run", type=named_run, action="append", default=[], help="NAME=RUN: a further row")
    parser.add_argument("--landmarks", type=Path, help="of CelebA's aligned crops, for the runs of --run")
    parser.add_argument("--lfw", type=Path, help="landmarks of LFW, for the runs of --run")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--identity-steps", type=int, help="of anet-identity; the recipe's epochs by default")
    parser.add_argument("--steps", type=int, help="of anet; the recipe's epochs by default")
    parser.add_argument("--limit", type=int, help="images of each data set that are trained on")
    parser.add_argument("--cache", type=Path, default=Path("lnets-anet-cache"))
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/anet.md"))
    parser.add_argument("-j", "--jobs", type=int, default=2, help="seeds at a time, a thread each")
    arguments = parser.parse_args()
    arguments.cache.mkdir(parents=True, exist_ok=True)
    options = Options(
        arguments.data.absolute(),
        arguments.cache.absolute(),
        arguments.limit,
        arguments.identity_steps,
        arguments.steps,
    )
    make_all(arguments.seeds, arguments.jobs, options)
    landmarks = {"celeba": arguments.landmarks, "lfw": arguments.lfw}
    rows = rows_of(arguments.seeds, options, dict(arguments.run), landmarks)
    text = "\n".join(scores_section(rows, arguments.seeds))
    write_section(arguments.output, "scores", text, "benchmarks/lnets_anet.py")


if __name__ == "__main__":
    main()
