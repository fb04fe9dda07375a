"""Wang, Su & Zhao's tables at a small scale: what fusing networks gains, and what the relation of attributes does.

    wsegs landmarks --data DATA/celeba -o celeba.h5
    wsegs masks celeba.h5 --rules celeba -o masks.h5
    wsegs landmarks --data DATA/lfw -o lfw.h5
    python benchmarks/attributenet.py DATA masks.h5 --landmarks celeba.h5 --lfw lfw.h5 -o docs/attributenet.md

DATA holds ``celeba``, ``lfw``, ``utkface``, ``objects`` and ``scenes``. Each table goes between its two markers in the
file. Small copies of the pictures and all trainings are kept in ``--cache``, so an interrupted call goes on; a cache is
of one set of ``--side``, ``--width``, ``--steps``, ``--batch`` and ``--limit``. ``--only`` names the tables to write.

All trainings have the same budget, Adam with one cycle, and as many seeds: nothing is repeated for what came out of it.
The weights of a run are those of its best validation; the test faces are used once.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from attributenet_runs import Job, Settings, do_all, scores_of

# Table II: networks of the fusion (Net_1 identity, Net_2 age, Net_3 race), and the paper's accuracy in percent on
# CelebA without and with the relation loss, then on LFWA.
FUSIONS: dict[str, tuple[float, float, float, float]] = {
    "0": (89.21, 90.51, 84.17, 85.37),
    "1": (89.89, 90.97, 84.72, 85.69),
    "2": (89.56, 91.08, 85.02, 85.81),
    "3": (89.73, 91.24, 84.94, 85.90),
    "1+2": (90.09, 91.12, 85.23, 86.27),
    "1+3": (89.42, 91.26, 85.32, 86.19),
    "2+3": (89.54, 90.55, 85.43, 86.28),
    "1+2+3": (90.38, 91.47, 85.97, 86.51),
}
CONTROL = "0+0+0"  # three Net_0 of different seeds: as wide as the full fusion, and nothing more was learnt
WHOLE = "1+2+3"
TITLES = {"0": "face or not", "1": "identity", "2": "age", "3": "race"}
NETWORKS = {"0": "facenet0", "1": "identitynet", "2": "agenet", "3": "racenet"}
ALPHA = 0.5
ALPHAS = (0.25, 0.5, 0.75, 1.0)
SCALES = ("sum", "mean")
THRESHOLDS = (0.2, -0.2)
ELSEWHERE = {"attparsenet-small": "AttParseNet", "ssp": "SSP"}
PRETRAINED = {"objects": 1.0, "faces": 0.5, "own": 1.0}  # steps of each step, as shares


def pretraining(seed: int) -> list[Job]:
    """Return the three steps of the four networks of a seed."""
    objects, faces = f"objectnet-{seed}", f"facenet0-{seed}"

    def own(recipe: str, data: str, scored: str) -> Job:
        return Job(f"{recipe}-{seed}", recipe, seed, data, (), (faces,), scored=scored, steps=PRETRAINED["own"])

    return [
        Job(objects, "objectnet", seed, "objects", (), None, scored="class", steps=PRETRAINED["objects"]),
        Job(faces, "facenet0", seed, "faces", (), (objects,), scored="faces", steps=PRETRAINED["faces"]),
        own("identitynet", "celeba", "verification"),
        own("agenet", "utkface", "age"),
        own("racenet", "utkface", "race"),
    ]


def fusion(networks: str, seed: int, relation: float = 0.0, scale: str = "sum", negative: float = 0.2) -> Job:
    """Return a training of attributes on the convolutions of some networks; ``0+0+0`` are Net_0 of three seeds."""
    if networks == CONTROL:
        trunks = tuple(f"facenet0-{other}" for other in range(3))
    else:
        trunks = tuple(f"{NETWORKS[number]}-{seed}" for number in networks.split("+"))
    name = f"fusion-{networks.replace('+', '')}{_suffix(relation, scale, negative)}-{seed}"
    fields = _relation_fields(scale, negative)
    return Job(name, "attributenet", seed, "celeba", fields, trunks, relation)


def elsewhere(recipe: str, seed: int, relation: float = 0.0, scale: str = "sum", negative: float = 0.2) -> Job:
    """Return a training of another network, on CelebA's mask store."""
    fields = _relation_fields(scale, negative)
    if recipe == "ssp":
        fields += (("regions.from", "rules"), ("network.pooling", {}))
    name = f"{recipe}{_suffix(relation, scale, negative)}-{seed}"
    return Job(name, recipe, seed, "masks", fields, None, relation)


def _relation_fields(scale: str, negative: float) -> tuple[tuple[str, object], ...]:
    return (("tasks.relation.scale", scale), ("tasks.relation.negative_threshold", negative))


def _suffix(relation: float, scale: str, negative: float) -> str:
    return f"-alpha{relation:g}-{scale}-{negative:g}" if relation else ""


def variants() -> list[tuple[float, str, float]]:
    """Return alpha, scale and r_n of the comparison beyond table II: without, then both scales with both r_n."""
    return [(0.0, "sum", 0.2), *((ALPHA, scale, negative) for scale in SCALES for negative in THRESHOLDS)]


def jobs_of(section: str, seeds: Sequence[int]) -> list[Job]:
    """Return the trainings that a table is made of."""
    jobs: list[Job] = []
    for seed in seeds:
        if section in ("fusion", "steps", "alpha", "elsewhere", "comparison"):
            jobs += pretraining(seed)
        if section in ("fusion", "comparison"):
            jobs += [fusion(networks, seed, alpha) for networks in FUSIONS for alpha in (0.0, ALPHA)]
        if section == "fusion":
            jobs += [fusion(CONTROL, seed, alpha) for alpha in (0.0, ALPHA)]
        if section == "alpha":
            jobs += [fusion(WHOLE, seed, alpha, scale) for alpha in (0.0, *ALPHAS) for scale in SCALES]
        if section == "elsewhere":
            jobs += [fusion(WHOLE, seed, *variant) for variant in variants()]
        if section in ("elsewhere", "comparison"):
            jobs += [elsewhere(recipe, seed, *variant) for recipe in ELSEWHERE for variant in variants()]
    if section == "fusion":  # the control takes three seeds of Net_0, however many are asked for
        jobs += [job for seed in range(3) for job in pretraining(seed)[:2]]
    return list({job.name: job for job in jobs}.values())


class Table:
    """The scores of the jobs that a table is made of.

    Parameters
    ----------
    settings, seeds
        Of the call.
    """

    def __init__(self, settings: Settings, seeds: Sequence[int]) -> None:
        self.settings = settings
        self.seeds = seeds

    def values(self, job: Callable[[int], Job], score: str) -> list[float]:
        """Return a score of each seed."""
        return [scores_of(job(seed).name, self.settings)[score] for seed in self.seeds]

    def cell(self, job: Callable[[int], Job], score: str, *, percent: bool = True, digits: int = 2) -> str:
        """Return mean and standard deviation over the seeds."""
        values = [value * (100 if percent else 1) for value in self.values(job, score)]
        spread = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
        return f"{statistics.fmean(values):.{digits}f}{spread}"

    def one(self, job: Callable[[int], Job], score: str) -> float:
        """Return a score that is the same in all seeds."""
        return self.values(job, score)[0]

    def budget(self, job: Callable[[int], Job]) -> str:
        """Return size, width, steps, faces and seeds of a job in words."""
        settings = self.settings
        steps, images = int(self.one(job, "steps")), int(self.one(job, "images"))
        return (
            f"{settings.side}x{settings.side} images, width {settings.width:g}, {steps:,} steps of {settings.batch} on"
            f" {images:,} images, seeds: {len(self.seeds)}"
        )


def fusion_table(table: Table) -> Iterator[str]:
    """Yield table II: CelebA beside the paper's, then LFWA by itself."""

    def plain(networks: str) -> Callable[[int], Job]:
        return lambda seed: fusion(networks, seed)

    def related(networks: str) -> Callable[[int], Job]:
        return lambda seed: fusion(networks, seed, ALPHA)

    faces = int(table.one(plain("0"), "celeba_faces"))
    yield f"CelebA, {faces:,} test faces; {table.budget(plain('0'))}. Accuracy and average precision (AP), percent:"
    yield ""
    yield "| fused | accuracy | with relation | AP | with relation | paper: accuracy | with relation |"
    yield "|---" * 7 + "|"
    for networks in (*FUSIONS, CONTROL):
        cells = [table.cell(job(networks), f"celeba_{score}") for score in SCORES for job in (plain, related)]
        paper = FUSIONS.get(networks)
        theirs = [f"{value:.2f}" for value in paper[:2]] if paper else ["", ""]
        yield f"| {_named(networks)} | {' | '.join([*cells, *theirs])} |"
    majority = 100 * table.one(plain("0"), "celeba_majority_rate")
    yield f"| always the majority | {majority:.2f} | | | | | |"
    yield ""
    faces = int(table.one(plain("0"), "lfw_faces"))
    yield f"LFWA, {faces:,} faces, nothing of it trained on:"
    yield ""
    yield "| fused | accuracy | with relation | AP | with relation |"
    yield "|---" * 5 + "|"
    for networks in (*FUSIONS, CONTROL):
        cells = [table.cell(job(networks), f"lfw_{score}") for score in SCORES for job in (plain, related)]
        yield f"| {_named(networks)} | {' | '.join(cells)} |"
    yield f"| always the majority | {100 * table.one(plain('0'), 'lfw_majority_rate'):.2f} | | | |"
    yield ""
    theirs = ", ".join(f"{networks} {paper[2]:.2f} and {paper[3]:.2f}" for networks, paper in FUSIONS.items())
    yield (
        f"The paper's LFWA, without and with the relation: {theirs}. It does not say whether it trains there; such"
        " figures are not reached without, so they do not stand beside ours."
    )
    yield ""
    yield from _gains(table)


SCORES = ("accuracy", "average_precision")


def _gains(table: Table) -> Iterator[str]:
    """Yield what the seven fusions and the control gain over Net_0, and the relation over none, with the paper's."""
    base, others = FUSIONS["0"], [paper for networks, paper in FUSIONS.items() if networks != "0"]
    for number, alpha in enumerate((0.0, ALPHA)):
        zero = np.array(table.values(lambda seed, a=alpha: fusion("0", seed, a), "celeba_accuracy"))
        gains = [
            np.array(table.values(lambda seed, n=networks, a=alpha: fusion(n, seed, a), "celeba_accuracy")) - zero
            for networks in (*list(FUSIONS)[1:], CONTROL)
        ]
        theirs = statistics.fmean(paper[number] - base[number] for paper in others)
        how = "with the relation" if alpha else "without the relation"
        full = others[-1][number] - base[number]
        yield (
            f"- {how}, the seven fusions gain {100 * np.mean(gains[:-1]):+.2f} over Net_0 on average on CelebA (paper:"
            f" {theirs:+.2f}), the full one {100 * np.mean(gains[-2]):+.2f} (paper: {full:+.2f}), three Net_0"
            f" {100 * np.mean(gains[-1]):+.2f};"
        )
    plain, related = (
        np.array([table.values(lambda s, n=n, a=alpha: fusion(n, s, a), "celeba_accuracy") for n in FUSIONS])
        for alpha in (0.0, ALPHA)
    )
    theirs = statistics.fmean(paper[1] - paper[0] for paper in FUSIONS.values())
    spread = 100 * (related - plain).std(ddof=1) if related.size > 1 else float("nan")
    yield (
        f"- the relation gains {100 * (related - plain).mean():+.2f} on average (paper: {theirs:+.2f}), with a standard"
        f" deviation of {spread:.2f} over fusions and seeds."
    )


def _named(networks: str) -> str:
    if networks == CONTROL:
        return "three Net_0 of other seeds"
    numbers = networks.split("+")
    names = " + ".join(TITLES[number] for number in numbers)
    return f"{' + '.join(f'Net_{number}' for number in numbers)} ({names})"


def alpha_table(table: Table) -> Iterator[str]:
    """Yield figure 2: accuracy by alpha, in the paper's scale and beside wsegs' own mean."""
    yield f"Full fusion; {table.budget(lambda seed: fusion(WHOLE, seed))}:"
    yield ""
    yield "| alpha | scale | in the paper's scale | CelebA accuracy | AP | LFWA accuracy | AP |"
    yield "|---" * 7 + "|"
    for alpha, scale in ((0.0, "sum"), *((alpha, scale) for scale in SCALES for alpha in ALPHAS)):

        def job(seed: int, alpha: float = alpha, scale: str = scale) -> Job:
            return fusion(WHOLE, seed, alpha, scale)

        cells = [table.cell(job, f"{data}_{score}") for data in ("celeba", "lfw") for score in SCORES]
        named = scale if alpha else ""
        yield f"| {alpha:g} | {named} | {alpha * (1 if scale == 'sum' else 40):g} | {' | '.join(cells)} |"


def steps_table(table: Table) -> Iterator[str]:
    """Yield what the networks that are fused have learnt, on people and faces that were held out."""

    def job(name: str) -> Callable[[int], Job]:
        return lambda seed: next(each for each in pretraining(seed) if each.name == f"{name}-{seed}")

    identity, age, race = job("identitynet"), job("agenet"), job("racenet")
    yield "| network | trained | measure | on | ours | guess |"
    yield "|---" * 6 + "|"
    pairs = f"{int(table.one(identity, 'pairs')):,} pairs of {int(table.one(identity, 'people')):,} people"
    for title, name in (("IdentityNet", "identitynet"), ("Net_0, for comparison", "facenet0")):
        trained = f"{int(table.one(job(name), 'steps')):,} steps, {int(table.one(job(name), 'images')):,} images"
        cell = table.cell(job(name), "verification")
        yield f"| {title} | {trained} | verification accuracy, % | {pairs}, half of one person | {cell} | 50.00 |"
    for title, network, score, percent in (
        ("AgeNet", age, "mae", False),
        ("RaceNet", race, "balanced_accuracy", True),
    ):
        measure = "balanced accuracy, %" if percent else "mean absolute error, years"
        trained = f"{int(table.one(network, 'steps')):,} steps, {int(table.one(network, 'images')):,} images"
        guess = table.one(network, "guess") * (100 if percent else 1)
        cell = table.cell(network, score, percent=percent)
        faces = f"{int(table.one(network, 'faces')):,} faces of UTKFace"
        yield f"| {title} | {trained} | {measure} | {faces} | {cell} | {guess:.2f} |"
    for title, name in (("objects, step 1", "objectnet"), ("face or not, step 2", "facenet0")):
        trained = f"{int(table.one(job(name), 'steps')):,} steps, {int(table.one(job(name), 'images')):,} images"
        guess = "50.00" if name == "facenet0" else "2.50"
        yield f"| {title} | {trained} | accuracy, % | validation | {table.cell(job(name), 'accuracy')} | {guess} |"
    yield ""
    yield (
        f"{table.settings.side}x{table.settings.side} images, width {table.settings.width:g}, mini-batches of"
        f" {table.settings.batch}, seeds: {len(table.seeds)}. Verification: cosine of the features of the last fully"
        " connected layer, threshold of validation people. Guesses: either answer; the mean age of the training faces;"
        " one race of five; one of 40 categories."
    )


def elsewhere_table(table: Table) -> Iterator[str]:
    """Yield what the relation does in other networks, with r_n as printed and below 0, and which pairs it touches."""
    networks: list[tuple[str, Callable[..., Job]]] = [
        ("attributenet, full fusion", lambda seed, *variant: fusion(WHOLE, seed, *variant)),
        *((title, lambda seed, *v, r=recipe: elsewhere(r, seed, *v)) for recipe, title in ELSEWHERE.items()),
    ]
    yield (
        "| network | scale | r_n | CelebA accuracy | AP | LFWA accuracy | AP | pairs alike | in steps | pairs unlike |"
        " learnt against true |"
    )
    yield "|---" * 11 + "|"
    for title, make in networks:
        for variant in variants():

            def job(seed: int, make: Callable[..., Job] = make, variant: tuple[float, str, float] = variant) -> Job:
                return make(seed, *variant)

            cells = [table.cell(job, f"{data}_{score}") for data in ("celeba", "lfw") for score in SCORES]
            touched = ["", "", ""]
            if variant[0]:
                touched = [table.cell(job, "positive_pairs", percent=False)]
                touched += [f"{100 * statistics.fmean(table.values(job, 'positive_on')):.0f} %"]
                touched += [table.cell(job, "negative_pairs", percent=False, digits=0)]
            named = (variant[1], f"{variant[2]:g}") if variant[0] else ("no relation", "")
            distance = table.cell(job, "celeba_relation_distance", percent=False, digits=3)
            yield f"| {title} | {' | '.join([*named, *cells, *touched, distance])} |"
    yield ""
    yield (
        f"Of 780 pairs. {table.budget(lambda seed: elsewhere('ssp', seed))}; alpha {ALPHA:g}. Pairs are means over the"
        " steps; *in steps*: the share of steps in which any pair is to be alike. *Learnt against true*: mean absolute"
        " difference of the correlations of probabilities and of labels on CelebA's test faces."
    )


# Table III: the paper's accuracy in percent on CelebA and LFWA.
COMPARED = {
    "FaceTracer": (81.13, 73.93),
    "PANDA": (85.43, 81.03),
    "LNets + ANet": (87.3, 83.5),
    "AttParseNet": (None, None),
    "SSP": (None, None),
    "attributenet without the relation": (90.38, 85.97),
    "attributenet": (91.47, 86.51),
}


def comparison_table(table: Table) -> Iterator[str]:
    """Yield table III: what this script measured at one budget; other networks have their rows, yet without figures."""
    measured: dict[str, Callable[[int], Job]] = {
        "AttParseNet": lambda seed: elsewhere("attparsenet-small", seed),
        "SSP": lambda seed: elsewhere("ssp", seed),
        "attributenet without the relation": lambda seed: fusion(WHOLE, seed),
        "attributenet": lambda seed: fusion(WHOLE, seed, ALPHA),
    }
    yield f"{table.budget(measured['attributenet'])}; CelebA's and LFWA's accuracy and AP, percent:"
    yield ""
    yield "| network | CelebA accuracy | AP | LFWA accuracy | AP | paper: CelebA | LFWA, see above |"
    yield "|---" * 7 + "|"
    for title, paper in COMPARED.items():
        cells = ["not at this budget", "", "", ""]
        if title in measured:
            cells = [table.cell(measured[title], f"{data}_{score}") for data in ("celeba", "lfw") for score in SCORES]
        theirs = ["" if value is None else f"{value:.2f}" for value in paper]
        yield f"| {title} | {' | '.join([*cells, *theirs])} |"


SECTIONS: dict[str, Callable[[Table], Iterator[str]]] = {
    "steps": steps_table,
    "fusion": fusion_table,
    "alpha": alpha_table,
    "elsewhere": elsewhere_table,
    "comparison": comparison_table,
}


def write_section(path: Path, name: str, text: str) -> None:
    """Put text between the markers of a section, which are added at the end where they are not there."""
    begin, end = f"<!-- {name}: written by benchmarks/attributenet.py -->", f"<!-- end of {name} -->"
    whole = path.read_text() if path.exists() else ""
    if begin not in whole:
        whole = f"{whole.rstrip()}\n\n{begin}\n{end}\n".lstrip()
    head, _, rest = whole.partition(begin)
    _, _, tail = rest.partition(end)
    path.write_text(f"{head}{begin}\n\n{text.strip()}\n\n{end}{tail}")


def check_cache(settings: Settings) -> None:
    """Refuse a cache of other settings."""
    file = settings.cache / "settings.json"
    ours = {name: getattr(settings, name) for name in ("side", "width", "steps", "batch", "limit")}
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(ours))
    theirs = json.loads(file.read_text())
    if theirs != ours:
        raise SystemExit(f"{settings.cache}: expected a cache of {ours}, got one of {theirs}; --cache names another")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("masks", type=Path, help="mask store of CelebA's aligned crops")
    parser.add_argument("--landmarks", type=Path, required=True, help="landmarks of CelebA's aligned crops")
    parser.add_argument("--lfw", type=Path, required=True, help="landmarks of LFW")
    parser.add_argument("--side", type=int, default=64, help="of the images, in pixels")
    parser.add_argument("--width", type=float, default=0.125, help="share of the filters")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--limit", type=int, default=0, help="faces that are trained on; 0: all")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--cache", type=Path, default=Path("attributenet-cache"))
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/attributenet.md"))
    parser.add_argument("-j", "--jobs", type=int, default=2, help="trainings at once, each on one core")
    parser.add_argument("--only", nargs="+", choices=list(SECTIONS), default=list(SECTIONS))
    options = parser.parse_args()
    settings = Settings(
        data=options.data.absolute(),
        masks=options.masks.absolute(),
        landmarks=options.landmarks.absolute(),
        lfw_landmarks=options.lfw.absolute(),
        cache=options.cache.absolute(),
        side=options.side,
        width=options.width,
        steps=options.steps,
        batch=options.batch,
        limit=options.limit,
    )
    check_cache(settings)
    seeds = range(options.seeds)
    for name in options.only:
        do_all(jobs_of(name, seeds), settings, options.jobs)
        write_section(options.output, name, "\n".join(SECTIONS[name](Table(settings, seeds))))


if __name__ == "__main__":
    main()
