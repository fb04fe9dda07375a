"""A data set, a mask store and a recipe so small that a training takes a second."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray

from wsegs.geometry.frame import Frame
from wsegs.landmarks.table import STATUS_NAMES, LandmarkTable
from wsegs.rules import compile_rules
from wsegs.schemes import IBUG68
from wsegs.store import MaskStore
from wsegs.store.writing.build import build_store
from wsegs.tasks.batch import SampleFields
from wsegs.training.recipe import Recipe, load_recipe
from wsegs.training.samples.opening import OpenStore, rows_of
from wsegs.training.samples.sampler import BatchPlan, Moves
from wsegs.training.samples.sources import SampleDataset
from wsegs.training.samples.split import Split
from wsegs.training.samples.store_source import StoreSource

SIZE = (64, 56)
NAMES = ("Smiling", "Eyeglasses", "Male")

RULES = """
version: 1
scheme: ibug68
description: three attributes
space: image
landmarks: integer
regions:
  mouth:
    polygon: 48..59
  eyes:
    - polygon: 36..41
    - polygon: 42..47
attributes:
  Smiling: mouth
  Eyeglasses: eyes
  Male: all
"""


def write_faces(
    folder: Path, landmarks: NDArray[np.float32], count: int = 26, size: tuple[int, int] = SIZE
) -> LandmarkTable:
    """Write ``count`` pictures of the astronaut, with labels that can be seen, and return their landmarks.

    The last four are of the test split. Image 3 has no face; Smiling is unknown for image 5; two images show each
    person.
    """
    rng = np.random.default_rng(0)
    top, left = 126 - 3 * size[0] // 2, 226 - 3 * size[1] // 2
    whole = skimage.data.astronaut()[top : top + 3 * size[0], left : left + 3 * size[1]]
    face = cv2.resize(whole, size[::-1], interpolation=cv2.INTER_AREA)
    points = (landmarks - [left, top] + 0.5) / 3 - 0.5
    attributes = rng.integers(0, 2, (count, len(NAMES))).astype(np.int8)
    (folder / "faces").mkdir(parents=True)
    images = []
    for i in range(count):
        image = np.clip(face.astype(int) + rng.integers(-20, 20), 0, 255).astype(np.uint8)
        top = 40 * int(attributes[i, 0])
        image[top : top + 6] = (255, 0, 0)
        image[20:24] = 255 * int(attributes[i, 1])
        image[:, :4] = 255 * int(attributes[i, 2])
        images.append(f"faces/{i:03}.png")
        cv2.imwrite(str(folder / images[-1]), image[..., ::-1])
    attributes[5, 0] = -1
    all_points = np.stack([points + rng.normal(0, 0.3, points.shape) for _ in range(count)]).astype(np.float32)
    status = np.ones(count, np.uint8)
    all_points[3], status[3] = np.nan, 0
    split = np.zeros(count, np.int8)
    split[-4:] = 2
    return LandmarkTable(
        scheme=IBUG68,
        images=tuple(images),
        landmarks=all_points,
        status=status,
        status_names=STATUS_NAMES,
        faces=status.astype(np.int16),
        boxes=np.full((count, 4), np.nan, np.float32),
        image_size=np.tile(np.array(size[::-1], np.int32), (count, 1)),
        attribute_names=NAMES,
        attributes=attributes,
        identity=np.arange(count, dtype=np.int32) // 2,
        split=split,
        provenance={"data": {"name": "folder", "root": str(folder), "images": count}, "detectors": []},
    )


def write_labels(folder: Path, table: LandmarkTable) -> None:
    """Write ``labels.csv``, which makes the folder a data set."""
    splits = ("train", "validation", "test")
    lines = ["image," + ",".join(table.attribute_names) + ",split,identity"]
    for i, image in enumerate(table.images):
        labels = ",".join("" if label < 0 else str(label) for label in table.attributes[i])
        lines.append(f"{image},{labels},{splits[table.split[i]]},{table.identity[i]}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")


def make_store(folder: Path, table: LandmarkTable, frame: Frame | None = None, rules: str = RULES) -> MaskStore:
    """Draw the masks of a table."""
    build_store(table, compile_rules(rules, "tiny.yaml"), frame or Frame("image", SIZE), folder / "masks.h5", jobs=1)
    return MaskStore(folder / "masks.h5")


def tiny_recipe(**overrides) -> Recipe:
    """Return AttParseNet's recipe with a network of a few filters; 4 + 8 epochs of what fits into them."""
    fields = {"network.width": 0.03, "size": (32, 28), "batch_size": 4, "precision": "32-true", "max_steps": 8}
    return load_recipe("attparsenet", {**fields, **overrides})


def write_truth(folder: Path, table: LandmarkTable) -> None:
    """Write a human mask for every image: 0 is background, 7 the eyes, 300 the mouth."""
    rules = compile_rules(RULES, "tiny.yaml")
    bits = rules.draw(np.nan_to_num(table.landmarks), SIZE)
    (folder / "masks" / "faces").mkdir(parents=True)
    for image, regions in zip(table.images, bits, strict=True):
        classes = np.where(regions & 2, 7, np.where(regions & 1, 300, 0)).astype(np.uint16)
        cv2.imwrite(str(folder / "masks" / Path(image).with_suffix(".png")), classes)


def recipe_of(name: str, **overrides) -> Recipe:
    """Return a shipped recipe of Kalayeh et al., with a network of a few filters and a few steps."""
    fields = {"network.width": 0.05, "size": (32, 28), "batch_size": 4, "precision": "32-true", "max_steps": 4}
    return load_recipe(name, {**fields, "validate_every": 2, "optimizer.learning_rate": 0.01, **overrides})


def store_samples(
    store: MaskStore, root: Path, size: tuple[int, int], map_size: tuple[int, int] | None = None
) -> SampleDataset:
    """Return the mini-batches of a store: attributes, and regions where ``map_size`` is given."""
    source = StoreSource(OpenStore(store, root), size)
    return SampleDataset(source, SampleFields(frozenset({"attributes"}), regions=map_size))


def batch_plan(*rows: int) -> BatchPlan:
    """Return the plan of a mini-batch of some rows, none of them mirrored."""
    return BatchPlan(np.array(rows), Moves(np.zeros(len(rows), bool)))


def store_split(store: MaskStore, fraction: float = 0.2) -> Split:
    """Return the rows of a store for training and validation."""
    return rows_of(OpenStore(store, store.data_root), fraction=fraction, hold_out="people", limit=0)
