"""What reading features by region gains: the tables of docs/region-probe.md.

    python benchmarks/region_probe.py DATA landmarks.h5 masks.h5 --wild wild.h5 --lfw lfw.h5 -o docs/region-probe.md

DATA holds ``celeba`` and ``lfw``. ``landmarks.h5`` and ``masks.h5`` are those of CelebA's aligned crops, ``wild.h5``
and ``lfw.h5`` landmarks of its images in the wild and of LFW. ``--refined`` names masks of ``wsegs masks --refine``,
``--mesh`` those of ``celeba-478points``, ``--parser`` a run of ``wsegs train parser``.
Each table goes between its two markers in the file. Features, logits and samples are kept in ``--cache``, so an
interrupted call goes on; ``--only`` names the tables to write.

Everything is chosen by folds of people among the labelled faces: penalty, thresholds. The test faces are used once.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from region_probe_features import (
    WHOLE,
    Faces,
    aligned_faces,
    brought_faces,
    moved_faces,
    read_features,
    strides_of,
    wild_faces,
)
from region_probe_networks import network_table, write_subset
from region_probe_scores import (
    Blocks,
    Fitted,
    fit_heads,
    flat,
    interval,
    load_fitted,
    own_regions,
    save_fitted,
)
from region_probe_speed import speed_section

from wsegs.evaluation.leaning.bootstrap import PeopleBootstrap, rightness
from wsegs.evaluation.leaning.reliance import correlations, pair_accuracy, rare_side, related_pairs
from wsegs.heads.thresholds import choose_thresholds
from wsegs.store import MaskStore

COUNTS = (100, 325, 843, 1627, 3255, 9250)
SEEDS = {100: 3, 325: 3, 843: 3, 1627: 3}  # of random labelled faces; 1 of other numbers
PRIOR = "own + prior"
PRIOR_FACTOR = 10.0  # the recipe's
KINDS = (WHOLE, "grid", "mean face", "another face", "own", PRIOR)
TITLES = {"grid": "3x3 grid", "mean face": "mean face's", "another face": "another face's"}
MESH = "celeba-478points"  # rules of MediaPipe's points, whose regions come from a store
PRIORS = (1.0, 3.0, 10.0, 100.0)
PAIRS = 20
CALIBRATED, DRAWS = 100, 20


class Fit(NamedTuple):
    """What is fitted: on which faces, by which regions, with how many labels, by which prior, of which seed."""

    faces: str
    kind: str
    labelled: int
    prior: float
    seed: int

    @property
    def file(self) -> str:
        """Name of its file in the cache."""
        return f"{self.faces}-{self.kind.replace(' ', '_')}-{self.labelled}-{self.prior:g}-{self.seed}.npz"


@dataclass(frozen=True, eq=False)
class Benchmark:
    """Data sets by name, and what was computed of them."""

    sets: Mapping[str, Faces]
    attributes: tuple[str, ...]
    cache: Path
    jobs: int
    _features: dict[tuple[str, str], Blocks] = field(default_factory=dict)
    _people: dict[str, PeopleBootstrap] = field(default_factory=dict)

    def features(self, name: str, kind: str) -> Blocks:
        """Return the features of a data set by a kind of regions."""
        if (name, kind) not in self._features:
            self._features[name, kind] = read_features(self.sets[name], kind, self.cache, self.jobs)
        return self._features[name, kind]

    def tested(self, name: str) -> NDArray[np.intp]:
        """Return the rows of a data set that are tested on."""
        faces = self.sets[name]
        return np.arange(len(faces.files)) if name == "lfwa" else np.flatnonzero(faces.split == 2)

    def people(self, name: str) -> PeopleBootstrap:
        """Return the bootstrap over the people who are tested on."""
        if name not in self._people:
            self._people[name] = PeopleBootstrap(self.sets[name].identity[self.tested(name)])
        return self._people[name]

    def labels(self, name: str) -> NDArray[np.int8]:
        """Return the labels that are tested on."""
        return self.sets[name].labels[self.tested(name)]

    def fitted(self, fit: Fit) -> Fitted:
        """Return a fit that is in the cache or made now."""
        path = self.cache / "fits" / fit.file
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            save_fitted(path, self._fit(fit))
            print(fit.file, flush=True)
        return load_fitted(path, self.attributes)

    def _fit(self, fit: Fit) -> Fitted:
        faces = self.sets[fit.faces]
        rows = labelled_rows(faces, fit.labelled, fit.seed)
        blocks = self.features(fit.faces, fit.kind)
        own = None
        if fit.kind in ("own", *faces.stores, *faces.rules):
            rules = fit.kind if fit.kind == MESH else faces.rules.get(fit.kind, "celeba")
            own = own_regions(rules, self.attributes)
        channels = [(stride, block.shape[2]) for stride, block in zip(strides_of(fit.kind), blocks, strict=True)]
        known = flat(blocks, rows)
        return fit_heads(known, faces.labels[rows], faces.identity[rows], self.attributes, channels, own, fit.prior)

    def logits(self, fit: Fit, test: str) -> NDArray[np.float32]:
        """Return the logits of the faces that are tested on."""
        return self.fitted(fit).head.logits(flat(self.features(test, fit.kind), self.tested(test)))

    def samples(self, fit: Fit, test: str, score: str) -> NDArray[np.float64]:
        """Return a score of a fit on a test set: itself, then of each sample of people."""
        path = self.cache / "scores" / f"{test}-{score.replace(' ', '_')}-{Path(fit.file).stem}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            np.save(path, self._score(fit, test, score))
        return np.asarray(np.load(path))

    def _score(self, fit: Fit, test: str, score: str) -> NDArray[np.float64]:
        labels, people, logits = self.labels(test), self.people(test), self.logits(fit, test)
        if score == "average precision":
            return people.average_precision(logits, labels)
        margins = logits - self.fitted(fit).head.thresholds * (score == "accuracy, chosen")
        return people.accuracy(rightness(margins, labels))

    def mean(self, faces: str, kind: str, count: int, prior: float, test: str, score: str) -> NDArray[np.float64]:
        """Return a score's mean over the seeds of the labelled faces."""
        return np.asarray(
            np.mean([self.samples(fit, test, score) for fit in seeded(faces, kind, count, prior)], axis=0)
        )


def labelled_rows(faces: Faces, count: int, seed: int) -> NDArray[np.intp]:
    """Return so many rows of training faces by chance; those of fewer labels are among those of more."""
    rows = np.flatnonzero(faces.split == 0)
    if faces.name != "moved":  # they are in an order of chance
        rows = rows[np.random.default_rng(seed).permutation(len(rows))]
    return rows[:count]


def seeded(faces: str, kind: str, count: int, prior: float = 1.0) -> list[Fit]:
    """Return the fits of all seeds."""
    seeds = SEEDS.get(count, 1) if faces == "aligned" else 1
    return [Fit(faces, "own" if kind == PRIOR else kind, count, prior, seed) for seed in range(seeds)]


def prior_of(kind: str) -> float:
    """Return the recipe's prior factor where a kind has one."""
    return PRIOR_FACTOR if kind == PRIOR else 1.0


def label_tables(bench: Benchmark, counts: Sequence[int], faces: str, tests: Sequence[str]) -> Iterator[str]:
    """Yield the Markdown of scores by number of labels and kind of regions."""
    for test, score in itertools.product(tests, SCORES):
        if test != faces and score == "accuracy":
            continue
        people = bench.people(test)
        title = {
            "accuracy": "accuracy at a probability of one half",
            "accuracy, chosen": "accuracy at thresholds chosen",
        }
        yield f"{NAMES[test]}, {title.get(score, score)}; {len(bench.tested(test)):,} faces of {people.count:,} people:"
        yield ""
        titles = " | ".join(TITLES.get(kind, kind) for kind in KINDS)
        yield f"| labelled faces | seeds | {titles} | own + prior beside whole image |"
        yield "|---" * (len(KINDS) + 3) + "|"
        for count in counts:
            found = [bench.mean(faces, kind, count, prior_of(kind), test, score) for kind in KINDS]
            cells = [interval(samples) for samples in found]
            seeds = len(seeded(faces, WHOLE, count))
            gain = interval(found[-1] - found[0], sign=True)
            yield f"| {count:,} | {seeds} | {' | '.join(cells)} | {gain} |"
        yield ""


SCORES = {
    "average precision": "average precision",
    "accuracy, chosen": "accuracy at the thresholds chosen",
    "accuracy": "accuracy at a probability of one half",
}
NAMES = {
    "aligned": "CelebA aligned",
    "lfwa": "LFWA, nothing of it trained on",
    "wild-brought": "CelebA in the wild, brought to the aligned faces by landmarks, trained on aligned crops",
    "moved": "Crops moved at random, in training and test",
    "wild": "CelebA in the wild, crops about the face, trained on such crops",
}


def calibration_table(bench: Benchmark, counts: Sequence[int]) -> Iterator[str]:
    """Yield accuracy on LFWA with thresholds from a hundred labelled faces of it, against the majority class."""
    labels, identity = bench.labels("lfwa"), bench.sets["lfwa"].identity
    people = bench.people("lfwa")
    title = f"thresholds of {CALIBRATED} LFW faces"
    yield f"| labelled faces | seeds | regions | accuracy | {title} | majority class | gain |"
    yield "|---|---|---|---|---|---|---|"
    for count, kind in itertools.product(counts, (WHOLE, PRIOR)):
        ours: list[NDArray[np.float64]] = []
        majority: list[NDArray[np.float64]] = []
        for fit in seeded("aligned", kind, count, prior_of(kind)):
            logits = bench.logits(fit, "lfwa")
            for draw in range(DRAWS):
                chosen = np.random.default_rng(draw).permutation(len(labels))[:CALIBRATED]
                rest = ~np.isin(identity, identity[chosen])
                thresholds = choose_thresholds(logits[chosen], labels[chosen], "accuracy")
                right = ((logits >= thresholds) == (labels == 1)).mean(axis=1)
                usual = (labels[rest] == 1).mean(axis=0) >= 0.5
                always = ((labels == 1) == usual).mean(axis=1)
                ours.append(np.where(rest, right, np.nan))
                majority.append(np.where(rest, always, np.nan))
        accuracy = np.mean([people.means(values) for values in ours], axis=0)
        rate = np.mean([people.means(values) for values in majority], axis=0)
        plain = bench.mean("aligned", kind, count, prior_of(kind), "lfwa", "accuracy, chosen")
        cells = (interval(plain), interval(accuracy), interval(rate), interval(accuracy - rate, sign=True))
        yield f"| {count:,} | {len(seeded('aligned', kind, count))} | {kind} | {' | '.join(cells)} |"
    yield ""
    yield f"Thresholds of LFW faces: {DRAWS} draws of {CALIBRATED}, whose people are not measured."


def region_table(bench: Benchmark, count: int = 1627) -> Iterator[str]:
    """Yield the scores by regions of several sources."""
    faces = bench.sets["aligned"]
    yield "| regions | average precision | accuracy | average precision beside `celeba` |"
    yield "|---|---|---|---|"
    kinds = ("own", *faces.stores, *faces.rules)
    first = bench.mean("aligned", "own", count, PRIOR_FACTOR, "aligned", "average precision")
    for kind in kinds:
        precision = bench.mean("aligned", kind, count, PRIOR_FACTOR, "aligned", "average precision")
        accuracy = bench.mean("aligned", kind, count, PRIOR_FACTOR, "aligned", "accuracy, chosen")
        gain = "" if kind == "own" else interval(precision - first, sign=True)
        yield f"| `{'celeba' if kind == 'own' else kind}` | {interval(precision)} | {interval(accuracy)} | {gain} |"
    yield ""
    tested = bench.tested("aligned")
    seeds = len(seeded("aligned", "own", count))
    yield f"{count:,} labelled faces, seeds: {seeds}, prior {PRIOR_FACTOR:g}, {len(tested):,} test faces."


def prior_table(bench: Benchmark, counts: Sequence[int]) -> Iterator[str]:
    """Yield what the prior does: scores, shares, and accuracy where related attributes disagree."""
    faces = bench.sets["aligned"]
    trained = faces.labels[faces.split == 0]
    related = correlations(trained == 1, trained >= 0)
    pairs = related_pairs(trained, PAIRS)
    labels, people = bench.labels("aligned"), bench.people("aligned")
    yield "| labelled faces | seeds | prior | average precision | share in own regions | rare side | beside prior 1 |"
    yield "|---|---|---|---|---|---|---|"
    for count in counts:
        first: NDArray[np.float64] | None = None
        for prior in PRIORS:
            fits = seeded("aligned", "own", count, prior)
            rare = []
            for fit in fits:
                right = rightness(bench.logits(fit, "aligned") - bench.fitted(fit).head.thresholds, labels)
                for one, other in pairs:
                    disagree = rare_side(labels, one, other, related[one, other])
                    rare.append(people.means(pair_accuracy(right, one, other, disagree)))
            mean = np.mean(rare, axis=0)
            first = mean if first is None else first
            share = np.mean([bench.fitted(fit).own_share for fit in fits])
            precision = bench.mean("aligned", "own", count, prior, "aligned", "average precision")
            gain = "" if prior == 1 else interval(mean - first, sign=True)
            cells = (interval(precision), f"{100 * share:.0f} %", interval(mean), gain)
            yield f"| {count:,} | {len(fits)} | {prior:g} | {' | '.join(cells)} |"
    yield ""
    least = min(abs(related[pair]) for pair in pairs)
    yield (
        f"Rare side: test faces whose two labels disagree with the sign of the correlation, over the {PAIRS} pairs of"
        f" attributes that are related most in training (phi of {least:.2f} or more, or less than its negative); mean"
        " accuracy on both attributes."
    )


def network_section(bench: Benchmark, landmarks: Path, parser: Path | None, count: int = 1627) -> Iterator[str]:
    """Yield the scores and costs of networks that are trained on the faces of the fit of seed 0."""
    faces = bench.sets["aligned"]
    chosen = np.array([faces.files[row].name for row in labelled_rows(faces, count, 0)])
    folder = bench.cache / "networks"
    yield from network_table(write_subset(landmarks, chosen, folder), count, folder, parser)
    yield ""
    yield (
        f"{count:,} labelled faces, of which the networks hold out a tenth of the people to choose their best weights;"
        f" {len(bench.tested('aligned')):,} test faces; one seed. Sizes and filters are those of"
        " `benchmarks/kalayeh_table.py`."
    )


def write_section(path: Path, name: str, text: str, script: str = "region_probe.py") -> None:
    """Put text between the markers of a section, which are added at the end where they are not there."""
    begin, end = f"<!-- {name}: written by benchmarks/{script} -->", f"<!-- end of {name} -->"
    whole = path.read_text() if path.exists() else ""
    if begin not in whole:
        whole = f"{whole.rstrip()}\n\n{begin}\n{end}\n".lstrip()
    head, _, rest = whole.partition(begin)
    _, _, tail = rest.partition(end)
    path.write_text(f"{head}{begin}\n\n{text.strip()}\n\n{end}{tail}")


def open_benchmark(arguments: argparse.Namespace) -> Benchmark:
    """Open the data sets."""
    data = arguments.data
    stores = {"celeba --refine": arguments.refined, MESH: arguments.mesh}
    further = {"attparsenet-2020": "attparsenet-2020", "celeba-5points": "celeba-5points"}
    aligned = aligned_faces(
        data / "celeba",
        arguments.landmarks,
        stores={name: path for name, path in stores.items() if path},
        rules=further,
    )
    sets = {"aligned": aligned, "moved": moved_faces(aligned, arguments.moved)}
    if arguments.lfw:
        sets["lfwa"] = brought_faces("lfwa", data / "lfw", arguments.lfw, aligned)
    if arguments.wild:
        sets["wild"] = wild_faces(data / "celeba", arguments.wild)
        sets["wild-brought"] = brought_faces("wild-brought", data / "celeba", arguments.wild, aligned, "wild")
    return Benchmark(sets, MaskStore(arguments.masks).attribute_names, arguments.cache, arguments.jobs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("landmarks", type=Path)
    parser.add_argument("masks", type=Path)
    parser.add_argument("--refined", type=Path, help="masks of wsegs masks --refine")
    parser.add_argument("--mesh", type=Path, help="masks of rules/celeba-478points.yaml, from MediaPipe's points")
    parser.add_argument("--parser", type=Path, help="a parser's run, whose regions are read in section networks")
    parser.add_argument("--wild", type=Path, help="landmarks of CelebA in the wild")
    parser.add_argument("--lfw", type=Path, help="landmarks of LFW")
    parser.add_argument("--moved", type=int, default=9250, help="training faces that are moved")
    parser.add_argument("--cache", type=Path, default=Path("region-probe-cache"))
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/region-probe.md"))
    parser.add_argument("-j", "--jobs", type=int, default=2)
    parser.add_argument("--counts", type=int, nargs="+", default=list(COUNTS), help="labelled faces")
    parser.add_argument("--repeats", type=int, default=6, help="turns of the measurement of speed")
    parser.add_argument("--only", nargs="+", choices=list(SECTIONS), default=list(SECTIONS))
    arguments = parser.parse_args()
    bench = open_benchmark(arguments)
    for name in arguments.only:
        write_section(arguments.output, name, "\n".join(SECTIONS[name](bench, arguments)))


def _large(counts: Sequence[int]) -> list[int]:
    return [count for count in counts if count in (1627, 9250)]


SECTIONS: dict[str, Callable[[Benchmark, argparse.Namespace], Iterator[str]]] = {
    "speed": lambda bench, options: iter([speed_section(options.masks, bench.cache, options.repeats)]),
    "labels": lambda bench, options: label_tables(bench, options.counts, "aligned", ("aligned", "lfwa")),
    "lfwa-thresholds": lambda bench, options: calibration_table(bench, _large(options.counts)),
    "moved": lambda bench, options: label_tables(
        bench, [count for count in _large(options.counts) if count <= options.moved], "moved", ("moved",)
    ),
    "wild": lambda bench, options: itertools.chain(
        label_tables(bench, (1100,), "wild", ("wild",)),
        label_tables(bench, _large(options.counts), "aligned", ("wild-brought",)),
    ),
    "prior": lambda bench, options: prior_table(bench, _large(options.counts)),
    "regions": lambda bench, options: region_table(bench),
    "networks": lambda bench, options: network_section(bench, options.landmarks, options.parser),
}


if __name__ == "__main__":
    main()
