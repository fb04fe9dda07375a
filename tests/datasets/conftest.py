"""Tiny data sets in the layouts in which the real ones travel; the images are crops of one real face."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

NAMES = ("000001.jpg", "000002.jpg", "000003.jpg", "000004.jpg")
ATTRIBUTES = ("Bangs", "Male", "Smiling")
LABELS = ((1, -1, 1), (-1, -1, 1), (-1, 1, -1), (1, 1, 1))
PARTITION = (0, 0, 1, 2)
IDENTITY = (7, 9, 7, 2880)
BOXES = ((95, 71, 226, 313), (72, 94, 221, 306), (0, 0, 0, 0), (622, 257, 564, 781))
POINTS = tuple(tuple(range(10 * row + 60, 10 * row + 70)) for row in range(4))
POINT_COLUMNS = tuple(
    f"{point}_{axis}" for point in ("lefteye", "righteye", "nose", "leftmouth", "rightmouth") for axis in "xy"
)


def write_image(path: Path, size: tuple[int, int] = (20, 16)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    face = cv2.cvtColor(astronaut()[0:200, 130:290], cv2.COLOR_RGB2BGR)
    encoded = cv2.imencode(path.suffix, cv2.resize(face, size[::-1]))[1]
    path.write_bytes(encoded.tobytes())


def write_celeba(
    data: Path,
    layout: str = "official",
    *,
    folder: str | None = None,
    names: tuple[str, ...] = NAMES,
    suffix: str = ".jpg",
    order: tuple[int, ...] = (0, 1, 2, 3),
) -> Path:
    """Write CelebA's tables, rows in ``order``, and the images ``names``, as the official files are written."""
    tables = {
        "list_attr_celeba": (ATTRIBUTES, LABELS),
        "list_eval_partition": (("partition",), tuple((value,) for value in PARTITION)),
        "identity_CelebA": (("identity",), tuple((value,) for value in IDENTITY)),
        "list_bbox_celeba": (("x_1", "y_1", "width", "height"), BOXES),
        "list_landmarks_align_celeba": (POINT_COLUMNS, POINTS),
        "list_landmarks_celeba": (POINT_COLUMNS, tuple(tuple(2 * x for x in row) for row in POINTS)),
    }
    for name, (columns, values) in tables.items():
        rows = [(NAMES[row], *map(str, values[row])) for row in order]
        if layout == "kaggle":
            if name in ("identity_CelebA", "list_landmarks_celeba"):
                continue  # not in that distribution
            lines = [",".join(("image_id", *columns)), *map(",".join, rows)]
            path = data / f"{name}.csv"
        else:
            lines = [f"{row[0]}  {' '.join(value.rjust(2) for value in row[1:])}" for row in rows]
            if name == "list_bbox_celeba":
                columns = ("image_id", *columns)
            if name.startswith("list_") and name != "list_eval_partition":
                lines = [str(len(rows)), " ".join(columns) + " ", *lines]
            inner = {"official": "Eval" if name == "list_eval_partition" else "Anno", "torchvision": ""}[layout]
            path = data / inner / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        # The official table of attributes has Windows line ends.
        end = "\r\n" if name == "list_attr_celeba" else "\n"
        path.write_bytes("".join(line + end for line in lines).encode())
    images = {"official": "Img/", "torchvision": "", "kaggle": "img_align_celeba/"}[layout]
    for name in names:
        write_image((data / images / (folder or "img_align_celeba") / name).with_suffix(suffix))
    return data


@pytest.fixture
def celeba(tmp_path: Path) -> Callable[..., Path]:
    def write(layout: str = "official", **options: object) -> Path:
        return write_celeba(tmp_path / "celeba", layout, **options)  # type: ignore[arg-type]

    return write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three images, one of them deeper, and no table."""
    for name in ("a.jpg", "b.PNG", "deep/er/c.jpeg"):
        write_image(tmp_path / "faces" / name)
    return tmp_path / "faces"


@pytest.fixture
def image_file() -> Callable[[Path], None]:
    return write_image


@pytest.fixture
def expected() -> dict[str, np.ndarray]:
    """What the tables of :func:`write_celeba` say, in the convention of wsegs."""
    boxes = np.array(BOXES, np.float32)
    boxes[2] = np.nan
    return {
        "attributes": (np.array(LABELS) == 1).astype(np.int8),
        "split": np.array(PARTITION, np.int8),
        "identity": np.array(IDENTITY, np.int32),
        "boxes": boxes,
        "points": np.array(POINTS, np.float32).reshape(4, 5, 2),
    }
