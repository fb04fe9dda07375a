"""A folder of real faces and of files that go wrong, and landmark tables."""

from __future__ import annotations

from pathlib import Path

import cv2
import matplotlib.cbook
import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray

from wsegs.datasets import open_dataset
from wsegs.datasets.index import FaceDataset
from wsegs.datasets.typed_labels import Categories
from wsegs.landmarks.table import STATUS_NAMES, LandmarkTable
from wsegs.schemes import IBUG68


@pytest.fixture(scope="session")
def astronaut() -> NDArray[np.uint8]:
    return skimage.data.astronaut()


@pytest.fixture(scope="session")
def hopper() -> NDArray[np.uint8]:
    with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
        data = np.frombuffer(file.read(), np.uint8)
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def save(path: Path, image: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image[..., ::-1])


@pytest.fixture(scope="session")
def faces(tmp_path_factory, astronaut, hopper) -> FaceDataset:
    """Five images with a face in them, one without, and three files that are no images."""
    folder = tmp_path_factory.mktemp("faces")
    save(folder / "one" / "astronaut.png", astronaut[:256, 100:356])
    save(folder / "one" / "flipped.png", astronaut[:256, 355:99:-1])
    save(folder / "hopper.jpg", hopper[:400, 50:450])
    save(folder / "größer, with blanks.png", cv2.resize(astronaut[:256, 100:356], None, fx=1.5, fy=1.5))
    save(folder / "pair.png", np.hstack([astronaut[:256, 100:356], cv2.resize(hopper[:400, 50:450], (256, 256))]))
    save(folder / "texture.png", skimage.data.brick()[:256, :256, None].repeat(3, axis=2))
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.png").write_text("no image at all")
    data = (folder / "hopper.jpg").read_bytes()
    (folder / "truncated.jpg").write_bytes(data[: len(data) // 2])
    return open_dataset(folder)


@pytest.fixture
def table(astronaut_landmarks) -> LandmarkTable:
    """Four rows: found, no face, unreadable, imported."""
    landmarks = np.stack([astronaut_landmarks, astronaut_landmarks, astronaut_landmarks, astronaut_landmarks + 0.125])
    landmarks[1:3] = np.nan
    return LandmarkTable(
        scheme=IBUG68,
        images=("a.jpg", "b/ü, x.jpg", 'c "quoted"\n.jpg', "d.jpg"),
        landmarks=landmarks,
        status=np.array([1, 0, 255, 4], np.uint8),
        status_names=STATUS_NAMES,
        faces=np.array([1, 0, -1, -1], np.int16),
        boxes=np.full((4, 4), np.nan, np.float32),
        image_size=np.array([[512, 512], [10, 20], [0, 0], [512, 512]], np.int32),
        attribute_names=("Smiling", "Young"),
        attributes=np.array([[1, 0], [0, 1], [-1, -1], [1, 1]], np.int8),
        identity=np.array([1, -1, 2, 3], np.int32),
        split=np.array([0, 1, 2, 0], np.int8),
        provenance={"data": {"name": "test", "root": "/x"}},
        numbers={"age": np.array([31.5, np.nan, 0, 7], np.float32), "BMI": np.array([1, 2, 3, 4], np.float32)},
        categories={"race": Categories(("a", "ü \udcff"), np.array([1, -1, 0, 1]))},
    )
