"""A small landmark table, and a store made from it."""

from __future__ import annotations

import numpy as np
import pytest

from wsegs.geometry.frame import Frame
from wsegs.landmarks.table import LandmarkTable
from wsegs.rules import load_rules
from wsegs.schemes import IBUG68
from wsegs.store import MaskStore
from wsegs.store.writing.build import build_store

SIZE = (218, 178)


@pytest.fixture
def table(astronaut_landmarks) -> LandmarkTable:
    """Seven faces about one real one, the fifth without a face; images are 178 wide, 218 high."""
    rng = np.random.default_rng(0)
    # The astronaut's face, moved to the middle of a small image and jittered.
    landmarks = np.stack([astronaut_landmarks - [136, 20] + rng.normal(0, 2, (68, 2)) for _ in range(7)])
    landmarks[4] = np.nan
    rules = load_rules("attparsenet-2020")
    return LandmarkTable(
        scheme=IBUG68,
        images=tuple(f"folder/face {i}.jpg" for i in range(7)),
        landmarks=landmarks.astype(np.float32),
        status=np.array([1, 1, 2, 1, 0, 4, 1], np.uint8),
        status_names=("none", "dlib", "mtcnn", "face-alignment", "imported", "data set"),
        faces=np.array([1, 1, 2, 1, 0, -1, 1], np.int16),
        boxes=np.full((7, 4), np.nan, np.float32),
        image_size=np.tile(np.array([178, 218], np.int32), (7, 1)),
        attribute_names=rules.attribute_names,
        attributes=rng.integers(-1, 2, (7, len(rules.attribute_names))).astype(np.int8),
        identity=np.arange(7, dtype=np.int32),
        split=np.array([0, 0, 0, 0, 1, 2, 2], np.int8),
        provenance={"data": {"name": "folder", "root": "faces"}, "detectors": []},
    )


@pytest.fixture
def store(table, tmp_path) -> MaskStore:
    """A store of the table in the image frame."""
    build_store(table, load_rules("attparsenet-2020"), Frame("image", SIZE), tmp_path / "masks.h5", jobs=1)
    return MaskStore(tmp_path / "masks.h5")
