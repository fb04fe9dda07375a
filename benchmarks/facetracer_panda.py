"""FaceTracer and PANDA as LNets+ANet compares with them: the tables of docs/facetracer-panda.md.

    python benchmarks/facetracer_panda.py masks.h5 landmarks.h5 --lfw DATA/lfw lfw.h5 -o docs/facetracer-panda.md

``masks.h5`` and ``landmarks.h5`` are those of CelebA's aligned crops; ``--lfw`` names the data set LFWA and its
landmarks. Each table goes between its two markers in the file. Runs and what they say of the test faces are kept in
``--cache``, so an interrupted call goes on; ``--only`` names the tables to write. All is computed by the commands of
wsegs; intervals are over people, who are drawn anew.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from region_probe import write_section
from region_probe_scores import interval

from wsegs.datasets.index import FaceDataset
from wsegs.evaluation.evaluate import evaluate
from wsegs.evaluation.images import open_images
from wsegs.evaluation.leaning.bootstrap import PeopleBootstrap, rightness
from wsegs.evaluation.runs import load_run
from wsegs.landmarks.table import LandmarkTable, read_landmarks

COUNTS = (325, 1627, 9250)
BATCH = 64  # of PANDA's recipe
# Of LFWA+: attributes that are learnt on features of a network that never saw them. Every fourth of the forty.
HELD_OUT = (
    *("Attractive", "Big_Nose", "Brown_Hair", "Eyeglasses", "High_Cheekbones", "Mustache", "Oval_Face"),
    *("Rosy_Cheeks", "Straight_Hair", "Wearing_Hat"),
)
# Table 1 of the paper, means over the attributes, in percent: CelebA and LFWA.
PAPER = {"facetracer": (81, 74), "panda -w": (79, 71), "panda -l": (85, 81)}


class Method(NamedTuple):
    """A run of a recipe, and which of its weights are measured."""

    title: str
    recipe: str
    options: tuple[str, ...] = ()
    checkpoint: str = "best"

    def folder(self, count: int) -> str:
        """Return the name of its run on so many labelled images."""
        return "-".join(
            [self.recipe, *(option.strip("-") for option in self.options if option[:2] == "--"), str(count)]
        )


METHODS = (
    Method("`facetracer`", "facetracer"),
    Method("`panda`", "panda"),
    Method("`panda`, its sigmoid outputs", "panda", (), "trained"),
    Method("`region-probe`", "region-probe"),
)
HOLDING_OUT = Method("`panda` that never saw them", "panda", ("--hold-out-attributes", ",".join(HELD_OUT)))


@dataclass(frozen=True, eq=False)
class Said:
    """What a run said of a test set."""

    logits: NDArray[np.float32]
    labels: NDArray[np.int8]
    names: tuple[str, ...]
    people: PeopleBootstrap

    def of(self, attributes: Sequence[str]) -> Said:
        """Return what it said of some attributes."""
        columns = [self.names.index(name) for name in attributes]
        return Said(self.logits[:, columns], self.labels[:, columns], tuple(attributes), self.people)

    def cells(self) -> list[str]:
        """Return average precision, accuracy and balanced accuracy with their intervals."""
        right = np.where(self.labels >= 0, (self.logits >= 0) == (self.labels == 1), np.nan)
        balanced = [
            (
                self.people.means(np.where(labels == 1, own, np.nan))
                + self.people.means(np.where(labels == 0, own, np.nan))
            )
            / 2
            for labels, own in zip(self.labels.T, right.T, strict=True)
            if (labels == 1).any() and (labels == 0).any()
        ]
        scores = (
            self.people.average_precision(self.logits, self.labels),
            self.people.accuracy(rightness(self.logits, self.labels)),
            np.asarray(np.nanmean(balanced, axis=0)),
        )
        return [interval(samples) for samples in scores]


@dataclass(frozen=True)
class Benchmark:
    """Files, and where runs are kept."""

    masks: Path
    landmarks: Path
    lfw: tuple[Path, Path] | None
    cache: Path
    jobs: int
    passes: int | None

    def run(self, method: Method, count: int) -> Path:
        """Return the run of a method on so many labelled images, trained now if it is not there."""
        folder = self.cache / method.folder(count)
        if not (folder / "cost.json").exists():
            options = [*method.options, "--labels", str(count), "-o", str(folder), "--force"]
            if method.recipe == "panda" and self.passes is not None:
                options += ["--max-steps", str(max(1, self.passes * count // BATCH))]
            minutes = _wsegs("train", method.recipe, str(self.masks), *options)
            (folder / "cost.json").write_text(json.dumps({"minutes": minutes}))
            print(f"{folder}: {minutes:.1f} minutes of one core", flush=True)
        return folder

    def said(self, method: Method, count: int, test: str) -> Said:
        """Return what a method says of a test set; it is kept beside the run."""
        folder = self.run(method, count)
        file = folder / f"{test}-{method.checkpoint}.npz"
        if not file.exists():
            run = load_run(folder, method.checkpoint)  # type: ignore[arg-type]
            dataset, landmarks, split = self._test_set(folder, test)
            found = evaluate(run, dataset, split, landmarks=landmarks, jobs=self.jobs)
            shifted = found.logits if found.thresholds is None else found.logits - found.thresholds
            rows = [dataset.images.index(image) for image in found.images]
            with file.with_name(f".{file.name}").open("wb") as kept:
                known = {"logits": shifted.numpy(), "labels": found.labels.numpy(), "identity": dataset.identity[rows]}
                np.savez(kept, names=np.array(found.attribute_names), **known)
            file.with_name(f".{file.name}").rename(file)
        with np.load(file) as stored:
            names = tuple(stored["names"].tolist())
            return Said(stored["logits"], stored["labels"], names, PeopleBootstrap(stored["identity"]))

    def _test_set(self, folder: Path, test: str) -> tuple[FaceDataset, LandmarkTable, str]:
        if test == "lfwa":
            assert self.lfw is not None
            opened = open_images(load_run(folder), self.lfw[0], None, self.lfw[1], {})
            assert opened.landmarks is not None
            return opened.dataset, opened.landmarks, "all"
        opened = open_images(load_run(folder), None, None, None, {})
        return opened.dataset, read_landmarks(self.landmarks), "test"


def score_table(bench: Benchmark, counts: Sequence[int], test: str) -> Iterator[str]:
    """Yield a row for each number of labelled images and method."""
    yield "| labelled faces | method | average precision | accuracy | balanced accuracy | minutes of one core |"
    yield "|---|---|---|---|---|---|"
    for count in counts:
        for method in METHODS:
            said = bench.said(method, count, test)
            minutes = json.loads((bench.run(method, count) / "cost.json").read_text())["minutes"]
            cost = f"{minutes:.0f}" if method.checkpoint == "best" and test == "celeba" else ""
            yield f"| {count:,} | {method.title} | {' | '.join(said.cells())} | {cost} |"
    for method, accuracies in PAPER.items():
        yield f"| 160,000 | `{method}` of the paper | | {accuracies[test == 'lfwa']} | | |"
    said = bench.said(METHODS[0], counts[0], test)
    yield ""
    yield f"{len(said.logits):,} test faces of {said.people.count:,} people.{_passes(bench)}"


def held_out_table(bench: Benchmark, counts: Sequence[int]) -> Iterator[str]:
    """Yield scores of ten attributes, by networks that saw them and by one that did not."""
    yield "| labelled faces | method | average precision | accuracy | balanced accuracy |"
    yield "|---|---|---|---|---|"
    for count in counts:
        for method in (HOLDING_OUT, METHODS[1], METHODS[0]):
            said = bench.said(method, count, "celeba").of(HELD_OUT)
            yield f"| {count:,} | {method.title} | {' | '.join(said.cells())} |"
    yield ""
    yield f"Of {', '.join(HELD_OUT)}.{_passes(bench)}"


def _passes(bench: Benchmark) -> str:
    return (
        "" if bench.passes is None else f" PANDA was trained for {bench.passes} passes over them, not the recipe's 20."
    )


def _wsegs(*arguments: str) -> float:
    """Run a command of wsegs, and return the minutes of one core that all of its processes took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(["wsegs", *arguments, "--json"], stdout=subprocess.PIPE, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / 60


SECTIONS: Mapping[str, Callable[[Benchmark, argparse.Namespace], Iterator[str]]] = {
    "celeba": lambda bench, options: score_table(bench, options.counts, "celeba"),
    "lfwa": lambda bench, options: score_table(bench, options.counts, "lfwa"),
    "held-out": lambda bench, options: held_out_table(bench, options.held_out_counts or options.counts[-1:]),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("masks", type=Path)
    parser.add_argument("landmarks", type=Path)
    parser.add_argument("--lfw", type=Path, nargs=2, metavar=("DATA", "LANDMARKS"))
    parser.add_argument("--cache", type=Path, default=Path("facetracer-panda-cache"))
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/facetracer-panda.md"))
    parser.add_argument("-j", "--jobs", type=int, default=2)
    parser.add_argument("--passes", type=int, help="of PANDA's training over the labelled faces; the recipe's without")
    parser.add_argument("--counts", type=int, nargs="+", default=list(COUNTS), help="labelled faces")
    parser.add_argument("--held-out-counts", type=int, nargs="+", help="labelled faces of that table")
    parser.add_argument("--only", nargs="+", choices=list(SECTIONS), default=list(SECTIONS))
    options = parser.parse_args()
    lfw = None if options.lfw is None else (options.lfw[0], options.lfw[1])
    bench = Benchmark(options.masks, options.landmarks, lfw, options.cache, options.jobs, options.passes)
    for name in options.only:
        if name == "lfwa" and lfw is None:
            continue
        text = "\n".join(SECTIONS[name](bench, options))
        write_section(options.output, name, text, "facetracer_panda.py")


if __name__ == "__main__":
    main()
