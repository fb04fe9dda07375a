"""The trainings of ``is_it_true.py``: what each changes of ``attparsenet-small``, and the command that makes it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from wsegs.store import MaskStore
from wsegs.training.recipe import load_recipe, write_recipe

RECIPE = "attparsenet-small"
TURN, SCALE, SHIFT = 25, (0.75, 1.2), 11  # pixels of 109x89, half of the 22 of a whole image
MOVES = ("--rotate", str(TURN), "--scale", f"{SCALE[0]},{SCALE[1]}", "--shift", str(SHIFT))
NO_MASKS = ("--no-segmentation",)
FACES = (500, 2000, 8000)


@dataclass(frozen=True)
class Variant:
    """A training.

    Attributes
    ----------
    title
        In the tables.
    fields
        Of the recipe, by dotted name.
    flags
        Of ``wsegs train``.
    against
        The variant without masks that it is compared with; empty of those.
    store
        ``celeba``; one of :data:`RULES`; or ``loose`` and ``aligned``, crops of the same photos in the wild.
    faces
        So many training faces, whole people; 0 is all.
    """

    title: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    against: str = "none"
    store: str = "celeba"
    faces: int = 0


def _stages(*stages: tuple[int, dict[str, float]], fade: Mapping[str, float] | None = None) -> dict[str, Any]:
    """Return stages as (epochs, losses); the last fades."""
    found: list[dict[str, Any]] = [{"epochs": epochs, "losses": losses} for epochs, losses in stages]
    if fade:
        found[-1]["fade"] = dict(fade)
    return {"stages": found}


def _weighed(weight: float) -> dict[str, float]:
    return {"segmentation": weight, "attributes": 1}


VARIANTS: dict[str, Variant] = {
    "masks": Variant("masks"),
    "none": Variant("no masks", flags=NO_MASKS, against=""),
    # The experiments, smallest first.
    "one-stage": Variant("no stage of masks alone", _stages((8, _weighed(10)))),
    "short-stage": Variant("a stage of masks half as long", _stages((1, {"segmentation": 10}), (15, _weighed(10)))),
    "light": Variant("masks weigh 1", _stages((1, {"segmentation": 1}), (7, _weighed(1)))),
    "heavy": Variant("masks weigh 40", _stages((1, {"segmentation": 40}), (7, _weighed(40)))),
    "fade": Variant("masks fade from 20 to 0", _stages((8, _weighed(20)), fade={"segmentation": 0})),
    "where": Variant("masks of all attributes, absent or not", {"tasks.segmentation": {"targets": "all"}}),
    "beside": Variant("maps beside features", {"network.read": "features"}, against="beside-none"),
    "beside-none": Variant("features, no masks", {"network.read": "features"}, NO_MASKS, ""),
    "beside-one-stage": Variant(
        "maps beside features, no stage of masks alone",
        {"network.read": "features", **_stages((8, _weighed(10)))},
        against="beside-none",
    ),
    "moved": Variant("moved crops, masks", flags=MOVES, against="moved-none"),
    "moved-none": Variant("moved crops, no masks", flags=(*MOVES, *NO_MASKS), against=""),
}
# As many steps on fewer faces: the epochs leave room for them, and --max-steps ends the training.
_LONG = _stages((100, {"segmentation": 10}), (700, _weighed(10)))
for _count in FACES:
    VARIANTS[f"few-{_count}"] = Variant(f"{_count} faces, masks", _LONG, against=f"few-{_count}-none", faces=_count)
    VARIANTS[f"few-{_count}-none"] = Variant(f"{_count} faces, no masks", _LONG, NO_MASKS, "", faces=_count)
# The paper's own comparison and its other corners, on the same photos.
for _store, _crops in (("loose", "unaligned crops"), ("aligned", "aligned images")):
    for _moved, _flags in (("", ()), ("-moved", MOVES)):
        _none = f"{_store}{_moved}-none"
        _title = f"{_crops}, moved in training" if _moved else _crops
        VARIANTS[f"{_store}{_moved}"] = Variant(f"{_title}, masks", _LONG, _flags, _none, _store)
        VARIANTS[_none] = Variant(f"{_title}, no masks", _LONG, (*_flags, *NO_MASKS), "", _store)

LEVERS = tuple(name for name, each in VARIANTS.items() if each.store == "celeba" and name not in ("masks", "none"))
PAPER = tuple(name for name, each in VARIANTS.items() if each.store in ("loose", "aligned"))

# Other masks of the aligned images; the training without masks is the same for all.
RULES = {
    "refined": ("--rules", "celeba", "--refine"),
    "attparsenet-2020": ("--rules", "attparsenet-2020"),
}
VARIANTS["refined"] = Variant("masks refined by colour", store="refined")
VARIANTS["attparsenet-2020"] = Variant("the authors' masks", store="attparsenet-2020")


@dataclass(frozen=True)
class Settings:
    """Where data and runs are, and how large and long trainings are."""

    data: Path
    masks: Path
    landmarks: Path
    wild: Path
    lfw: Path
    cache: Path
    steps: int
    width: float
    size: str


def store_of(name: str, settings: Settings) -> Path:
    """Return a mask store; all but that of the aligned images by ``celeba`` are made in the cache.

    ``loose`` is what the paper trains AttParseNet on, crops about the face that keep its tilt; ``aligned`` the same
    photos turned upright and as small in the frame as CelebA's aligned images.
    """
    if name == "celeba":
        return settings.masks
    path = settings.cache / f"{name}.h5"
    if not path.exists() and name in RULES:
        data = ("--data", settings.data / "celeba") if "--refine" in RULES[name] else ()
        _wsegs("masks", settings.landmarks, *RULES[name], *data, "-o", path)
    elif not path.exists():
        frame = ("--frame", "face", "--size", "218x178")
        upright = ("--align-eyes", "--zoom", "1") if name == "aligned" else ()
        _wsegs("masks", settings.wild, *frame, *upright, "-o", path)
    return path


def make(name: str, seed: int, settings: Settings) -> Path:
    """Make a run, or what is missing of it; return its folder."""
    variant, run = VARIANTS[name], settings.cache / f"{name}-{seed}"
    done = run / "finished.json"
    if done.exists():
        return run
    masks = store_of(variant.store, settings)
    recipe = settings.cache / "recipes" / f"{name}.yaml"
    recipe.parent.mkdir(parents=True, exist_ok=True)
    write_recipe(
        recipe, load_recipe(RECIPE, {"network.width": settings.width, "size": settings.size, **variant.fields})
    )
    length = ("--max-steps", settings.steps, "--validate-every", max(1, settings.steps // 4))
    how = "--resume" if (run / "last.ckpt").exists() else "--force"
    flags = (*variant.flags, *_share(variant.faces, masks), "--data", settings.data / "celeba")
    made = _wsegs("train", recipe, masks, *flags, *length, "--seed", seed, "-o", run, how, "--json")
    done.write_text(json.dumps(json.loads(made), indent=2))
    print(run.name, flush=True)
    return run


def _share(faces: int, masks: Path) -> tuple[str, ...]:
    """Return the share of the people who have so many training faces, about."""
    if not faces:
        return ()
    there = int(np.count_nonzero(MaskStore(masks).split == 0))
    return ("--people", f"0-{min(1.0, faces / there):.4f}")


def _wsegs(*arguments: object) -> str:
    """Run a command of wsegs and return what it prints."""
    program = (sys.executable, "-c", "from wsegs.cli.main import main; main()")
    done = subprocess.run(
        [*program, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    if done.returncode:
        sys.exit(f"wsegs {' '.join(map(str, arguments))}: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout
