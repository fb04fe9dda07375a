"""Faces for benchmarks without a data set: the average face, jittered, with random labels and a photo in noise."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from wsegs.landmarks.table import STATUS_NAMES, LandmarkTable
from wsegs.rules import load_rules
from wsegs.schemes import IBUG68

SIZE = (218, 178)


def synthetic_table(count: int, seed: int = 0) -> LandmarkTable:
    """Return landmarks and labels of ``count`` aligned faces; a third of the attributes are present."""
    rng = np.random.default_rng(seed)
    average = np.array(IBUG68.average)
    average = (average - average.mean(axis=0)) / (average.max(axis=0) - average.min(axis=0))
    points = average * (95, 95) + (89, 125)  # where aligned CelebA faces lie
    landmarks = points + rng.normal(0, 3, (count, 1, 2)) + rng.normal(0, 1, (count, len(points), 2))
    names = load_rules("celeba").attribute_names
    return LandmarkTable(
        scheme=IBUG68,
        images=tuple(f"{row // 1000:03}/{row:06}.jpg" for row in range(count)),
        landmarks=landmarks.astype(np.float32),
        status=np.ones(count, np.uint8),
        status_names=STATUS_NAMES,
        faces=np.ones(count, np.int16),
        boxes=np.full((count, 4), np.nan, np.float32),
        image_size=np.tile(np.array(SIZE[::-1], np.int32), (count, 1)),
        attribute_names=names,
        attributes=(rng.random((count, len(names))) < 0.3).astype(np.int8),
        identity=np.arange(count, dtype=np.int32),
        split=np.zeros(count, np.int8),
        provenance={"data": {"name": "folder"}, "detectors": []},
    )


def write_photos(table: LandmarkTable, root: Path, photo: Path) -> None:
    """Write an aligned JPEG for every image of a table: one photo, brighter or darker, in a little noise."""
    rng = np.random.default_rng(0)
    face = cv2.resize(cv2.imread(str(photo)), SIZE[::-1], interpolation=cv2.INTER_AREA)
    for name in table.images:
        image = np.clip(face * rng.uniform(0.7, 1.2) + rng.normal(0, 4, face.shape), 0, 255).astype(np.uint8)
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(root / name), image, [cv2.IMWRITE_JPEG_QUALITY, 90])
