"""Networks that are trained from nothing on the faces of a fit, for ``region_probe.py``: scores, and what they cost."""

from __future__ import annotations

import json
import resource
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wsegs.landmarks.table import read_landmarks, write_landmarks

PASSES = {"region-probe": (1,), "attparsenet-small": (8,), "ssp": (8,)}  # over the labelled faces
_PASSES = (8, 32)  # of the others; attparsenet-small's are the recipe's
BATCH = 32
TESTED = "tested.h5"  # a mask store that keeps its images
# As benchmarks/kalayeh_table.py scales them: the paper's AdaGrad needs its 40,000 steps.
_SCALED = ["--width", "0.125", "--size", "109x89", "--optimizer", "adam", "--weight-decay", "0"]
_SCALED += ["--schedule", "one-cycle"]
NETWORKS: dict[str, tuple[str, list[str]]] = {
    "region-probe": ("region-probe", []),
    "attparsenet-small": ("attparsenet-small", []),
    "attparsenet-small, no masks": ("attparsenet-small", ["--no-segmentation"]),
    "basic": ("basic", _SCALED),
    "ssp, a parser of the same regions": ("ssp", [*_SCALED, "--parser", "PARSER"]),
}


class Cost(NamedTuple):
    """What a command took."""

    summary: dict[str, Any]
    minutes: float  # of one core


def write_subset(landmarks: Path, chosen: NDArray[np.str_], folder: Path) -> Path:
    """Write a mask store of the chosen training images and all test images."""
    folder.mkdir(parents=True, exist_ok=True)
    masks = folder / "masks.h5"
    if not masks.exists():
        table = read_landmarks(landmarks)
        names = np.array([Path(name).name for name in table.images])
        some = table.select(np.isin(names, chosen) | (table.split == 2))
        write_landmarks(folder / "landmarks.h5", some, force=True)
        _wsegs("masks", str(folder / "landmarks.h5"), "-o", str(masks))
    if not masks.with_name(TESTED).exists():  # with images: a network may read the regions of the store
        _wsegs("masks", str(folder / "landmarks.h5"), "--with-images", "-o", str(masks.with_name(TESTED)))
    return masks


def network_table(masks: Path, labelled: int, folder: Path, parser: Path | None) -> Iterator[str]:
    """Yield a row for each network and number of passes; finished runs are kept."""
    yield "| network | passes | average precision | accuracy | minutes of one core | of which features |"
    yield "|---|---|---|---|---|---|"
    further = {"region-probe, regions of a parser": ("region-probe", ["--parser", str(parser)])} if parser else {}
    for title, (recipe, options) in (NETWORKS | further).items():
        for passes in PASSES.get(recipe, _PASSES):
            given, drawn = options, 0.0
            if "PARSER" in options:  # it learns to draw what the rules drew
                drawing = folder / f"parser-{passes}"
                steps = passes * -(-labelled // BATCH)
                drawn = _trained(drawing, "parser", masks, steps, [*_SCALED, "--from-store"])["minutes"]
                given = [str(drawing) if option == "PARSER" else option for option in options]
            run = folder / f"{title.replace(', ', '-').replace(' ', '-')}-{passes}"
            trained = _trained(run, recipe, masks, passes * -(-labelled // BATCH), given)
            known = ["--masks", str(masks.with_name(TESTED)), "--split", "test"]
            _wsegs("evaluate", str(run), *known, "-o", str(run / "test"), "--force")
            mean = json.loads((run / "test" / "metrics.json").read_text())["mean"]
            cells = (f"{100 * mean[name]:.1f}" for name in ("average_precision", "accuracy"))
            shown = "" if recipe == "region-probe" else passes
            features = f"{trained['features']:.1f}" if "features" in trained else ""
            yield f"| `{title}` | {shown} | {' | '.join(cells)} | {trained['minutes'] + drawn:.1f} | {features} |"


def _trained(run: Path, recipe: str, masks: Path, steps: int, options: Sequence[str]) -> dict[str, float]:
    kept = run / "cost.json"
    if not kept.exists():
        found: dict[str, float] = {}
        if recipe == "region-probe":
            features = str(run.with_name(f"{run.name}.features.h5"))
            found["features"] = _wsegs("features", str(masks), *options, "-o", features, "--force").minutes
            options = [*options, "--features", features]
        else:
            options = [*options, "--max-steps", str(steps)]
        found["minutes"] = _wsegs("train", recipe, str(masks), "-o", str(run), "--force", *options).minutes
        found["minutes"] += found.get("features", 0.0)
        kept.write_text(json.dumps(found))
    costs: dict[str, float] = json.loads(kept.read_text())
    return costs


def _wsegs(*arguments: str) -> Cost:
    """Run a command of wsegs; its minutes are those of the processor, of all its processes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(["wsegs", *arguments, "--json"], stdout=subprocess.PIPE, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(json.loads(done.stdout), seconds / 60)
