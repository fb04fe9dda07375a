"""Weak attribute segments of faces: landmarks -> rules -> a mask store -> networks.

What a notebook or a script needs is here, and loads on first use: ``import wsegs`` imports no other package.

>>> import wsegs
>>> rules = wsegs.load_rules("celeba")
>>> "mouth" in rules.region_names
True
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsegs.api.faces import build_store, draw, draw_overlay, find_landmarks
    from wsegs.api.mask_dataset import MaskDataset
    from wsegs.api.networks import evaluate, predict, train
    from wsegs.datasets import open_dataset
    from wsegs.errors import WsegsError
    from wsegs.evaluation.runs import load_run
    from wsegs.features.reader import FeatureStore
    from wsegs.landmarks.table import read_landmarks
    from wsegs.rules.ruleset import load_rules
    from wsegs.store.reader import MaskStore

__version__ = "0.1.0"

__all__ = [
    "FeatureStore",
    "MaskDataset",
    "MaskStore",
    "WsegsError",
    "build_store",
    "draw",
    "draw_overlay",
    "evaluate",
    "find_landmarks",
    "load_rules",
    "load_run",
    "open_dataset",
    "predict",
    "read_landmarks",
    "train",
]

_MODULES = {
    "FeatureStore": "wsegs.features.reader",
    "MaskDataset": "wsegs.api.mask_dataset",
    "MaskStore": "wsegs.store.reader",
    "WsegsError": "wsegs.errors",
    "build_store": "wsegs.api.faces",
    "draw": "wsegs.api.faces",
    "draw_overlay": "wsegs.api.faces",
    "evaluate": "wsegs.api.networks",
    "find_landmarks": "wsegs.api.faces",
    "load_rules": "wsegs.rules.ruleset",
    "load_run": "wsegs.evaluation.runs",
    "open_dataset": "wsegs.datasets",
    "predict": "wsegs.api.networks",
    "read_landmarks": "wsegs.landmarks.table",
    "train": "wsegs.api.networks",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from wsegs.io.extras import needs_extras

    with needs_extras(f"wsegs.{name}"):
        value = getattr(importlib.import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
