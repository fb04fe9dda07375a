"""Is it true that masks help? The tables of docs/is-it-true.md (Thom & Hand, section 4).

    python benchmarks/is_it_true.py DATA --masks masks.h5 --landmarks landmarks.h5 --wild wild.h5 --lfw lfw.h5

DATA holds ``celeba`` (aligned images and ``img_celeba``) and ``lfw``; ``masks.h5`` has the masks of the aligned images
by ``celeba``, ``landmarks.h5`` their landmarks, ``wild.h5`` and ``lfw.h5`` those of the photos in the wild and of LFW.
Sections, by ``--only``:

    budget   attparsenet-small and its baseline, the same steps: CelebA's test faces, LFWA, photos in the wild
    levers   each experiment beside the same training without masks, on the validation faces, by which one chooses
    rules    masks of celeba, of celeba refined by colour, and the authors': do better masks teach better?
    paper    unaligned crops with masks against aligned images without, and all four corners; with moved crops, too

Every run is made by the command that a user would type and kept in ``--cache``, as are the decisions about the faces:
an interrupted call goes on. Intervals are over people; differences are of the same samples of people. ``--steps``,
``--width`` and ``--seeds`` make it small; ``--variants`` takes some of the experiments.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from is_it_true_runs import LEVERS, MOVES, PAPER, RULES, SCALE, SHIFT, TURN, VARIANTS, Settings, make
from lnets_anet_scores import SCORES, Decisions, compared, measured
from region_probe_scores import People, interval
from sections import write_section

from wsegs.datasets import open_dataset
from wsegs.evaluation.evaluate import evaluate
from wsegs.evaluation.runs import load_run
from wsegs.geometry.moves import MoveRanges, SeededMoves
from wsegs.landmarks.table import read_landmarks

SCRIPT = "benchmarks/is_it_true.py"
SECTIONS = ("budget", "levers", "rules", "paper")


@dataclass(frozen=True)
class Test:
    """Faces to measure on: their title, data set, kind of images, split, landmarks, and whether crops are moved."""

    title: str
    data: str
    images: str | None
    split: str
    landmarks: Path | None
    moved: bool = False

    @property
    def name(self) -> str:
        """For files of the cache."""
        return "-".join([self.data, self.images or "all", self.split, *(["moved"] if self.moved else [])])


def tests_of(settings: Settings) -> dict[str, Test]:
    """Return the sets of faces by name."""
    return {
        "celeba": Test("CelebA, aligned", "celeba", "aligned", "test", None),
        "moved": Test("CelebA, moved", "celeba", "aligned", "test", None, moved=True),
        "lfwa": Test("LFWA", "lfw", None, "all", settings.lfw),
        "wild": Test("CelebA, in the wild", "celeba", "wild", "test", settings.wild),
        "validation": Test("CelebA, aligned, validation", "celeba", "aligned", "validation", None),
    }


def decided(run: Path, test: Test, settings: Settings, limit: int | None) -> Decisions:
    """Return what a run decides about faces, from the cache where it is there."""
    known = hashlib.sha256((run / "finished.json").read_bytes()).hexdigest()[:12]
    file = settings.cache / "decisions" / f"{run.name}-{test.name}-{limit or 'all'}-{known}.npz"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        dataset = open_dataset(settings.data / test.data, images=test.images)
        table = None if test.landmarks is None else read_landmarks(test.landmarks)
        moves = SeededMoves(MoveRanges(TURN, SCALE, SHIFT), 0) if test.moved else None
        found = evaluate(load_run(run), dataset, test.split, landmarks=table, limit=limit, moves=moves)
        row = {name: number for number, name in enumerate(dataset.images)}
        rows = np.array([row[name] for name in found.images])
        temporary = file.with_name(f".{file.name}")
        np.savez(
            temporary,
            logits=found.logits.numpy().astype(np.float32),
            labels=found.labels.numpy().astype(np.int8),
            identity=dataset.identity[rows],
            test=dataset.split[rows] == 2,
        )
        temporary.rename(file)
    with np.load(file) as stored:
        return Decisions(**{name: stored[name] for name in ("logits", "labels", "identity", "test")})


class Tables:
    """Decisions of all seeds of the variants, and their rows; each variant is trained when its row is written."""

    def __init__(self, settings: Settings, seeds: int, limit: int | None) -> None:
        self._settings = settings
        self._seeds = seeds
        self._limit = limit
        self._people: dict[str, People] = {}
        self.tests = tests_of(settings)

    def of(self, name: str, test: str) -> Sequence[Decisions]:
        """Return the decisions of each seed of a variant."""
        runs = [make(name, seed, self._settings) for seed in range(self._seeds)]
        return [decided(run, self.tests[test], self._settings, self._limit) for run in runs]

    def people(self, test: str, found: Sequence[Decisions]) -> People:
        """Return the bootstrap over the people of a test set."""
        return self._people.setdefault(test, People(found[0].identity))

    def row(self, name: str, test: str) -> str:
        """Return the row of a variant: its scores with intervals, and what it gains over that without masks."""
        found, variant = self.of(name, test), VARIANTS[name]
        people = self.people(test, found)
        scores = measured(found, people)
        cells = [interval(scores[score]) for score in SCORES]
        for score in SCORES[:2]:
            cells.append(
                interval(compared(found, self.of(variant.against, test), people, score), sign=True)
                if variant.against
                else ""
            )
        count = f"{len(found[0])} of {people.count}"
        return f"| {self.tests[test].title} | {count} | {variant.title} | {' | '.join(cells)} |"

    def table(self, names: Sequence[str], tests: Sequence[str]) -> str:
        """Return the rows of variants, each test set by itself."""
        head = "| faces | number, of people | trained on | " + " | ".join(SCORES)
        lines = [f"{head} | masks gain: accuracy | average precision |", "|---" * (3 + len(SCORES) + 2) + "|"]
        return "\n".join([*lines, *(self.row(name, test) for test in tests for name in names)])

    def own_comparison(self) -> str:
        """Return the paper's sentence: masks on unaligned crops less no masks on aligned images, the same photos."""
        ours, theirs = self.of("loose", "wild"), self.of("aligned-none", "wild")
        people = self.people("wild", ours)
        gains = [interval(compared(ours, theirs, people, score), sign=True) for score in SCORES]
        named = ", ".join(f"{score} {gain}" for score, gain in zip(SCORES, gains, strict=True))
        return f"The paper's own: unaligned crops with masks less aligned images without, the same photos: {named}."


def about(settings: Settings, seeds: int) -> str:
    """Return what the trainings of a table have in common."""
    size = f"width {settings.width:g}, {settings.size}, {settings.steps} steps of 32"
    return (
        f"`attparsenet-small`, {size}, seeds 0 to {seeds - 1}, their mean. In percent, with 95 % intervals over people;"
        " gains are over the same training without masks."
    )


def main() -> None:
    """Train what is missing, write the sections."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--masks", type=Path, default=Path("masks.h5"), help="masks of the aligned images")
    parser.add_argument("--landmarks", type=Path, default=Path("landmarks.h5"), help="landmarks of the same")
    parser.add_argument("--wild", type=Path, default=Path("wild.h5"), help="landmarks of the photos in the wild")
    parser.add_argument("--lfw", type=Path, default=Path("lfw.h5"), help="landmarks of LFW")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS)
    parser.add_argument("--variants", nargs="+", choices=[*LEVERS, *PAPER], help="some of the experiments")
    parser.add_argument("--steps", type=int, default=1156, help="batches of 32 of each training: four passes of 9,250")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--width", type=float, default=0.125)
    parser.add_argument("--size", default="109x89")
    parser.add_argument("--limit", type=int, help="a sample of so many faces of each test set")
    parser.add_argument("--cache", type=Path, default=Path("runs/is-it-true"))
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/is-it-true.md"))
    options = parser.parse_args()

    settings = Settings(
        options.data.absolute(),
        options.masks.absolute(),
        options.landmarks.absolute(),
        options.wild.absolute(),
        options.lfw.absolute(),
        options.cache.absolute(),
        options.steps,
        options.width,
        options.size,
    )
    check_cache(settings)
    tables, common = Tables(settings, options.seeds, options.limit), about(settings, options.seeds)

    def chosen(names: Sequence[str]) -> list[str]:
        return [name for name in names if options.variants is None or name in options.variants]

    def write(section: str, *parts: str) -> None:
        write_section(options.output, section, "\n\n".join([common, *parts]), SCRIPT)

    if "budget" in options.only:
        write("budget", tables.table(("masks", "none"), ("celeba", "lfwa", "wild")))
    if "levers" in options.only and chosen(LEVERS):
        write("levers", tables.table(["masks", "none", *chosen(LEVERS)], ("validation",)))
    if "rules" in options.only:
        write("rules", tables.table(("masks", *RULES, "none"), ("celeba", "lfwa", "wild")))
    if "paper" in options.only and chosen(PAPER):
        own = [tables.own_comparison()] if {"loose", "aligned-none"} <= {*chosen(PAPER)} else []
        moved = tables.table(("masks", "none", "moved", "moved-none"), ("celeba", "moved"))
        moves = f"The aligned images; tested as they are and moved: `{' '.join(MOVES)} --moved 0`."
        write("paper", tables.table(chosen(PAPER), ("wild", "celeba")), *own, moves, moved)


def check_cache(settings: Settings) -> None:
    """End if the cache is of trainings of another length or size, which would stand in one table with these."""
    file = settings.cache / "settings.json"
    now = {"steps": settings.steps, "width": settings.width, "size": settings.size, "masks": str(settings.masks)}
    if file.exists() and (before := json.loads(file.read_text())) != now:
        sys.exit(f"--cache {settings.cache}: its runs are of {before}, and now it is {now}; expected another folder")
    settings.cache.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(now))


if __name__ == "__main__":
    main()
