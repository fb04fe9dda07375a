"""``wsegs landmarks`` takes landmarks of other tools, and says what it understood."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from wsegs.landmarks.table import read_landmarks
from wsegs.schemes import IBUG68

WIDTH, HEIGHT = 106, 130
FACES = np.stack([np.array(IBUG68.average) * 25 + [51 + 2 * i, 55 + i] for i in range(4)]).round(2)
COLUMNS = ["image", *(f"{axis}_{i}" for axis in "xy" for i in range(68))]


@pytest.fixture
def landmarks(run, tmp_path):
    """Return a function that writes images, labels and a table of points, and runs the command on them."""

    def run_landmarks(*arguments, images, names, labels=(), points=FACES):
        folder = tmp_path / "faces"
        folder.mkdir(exist_ok=True)
        for name in images:
            (folder / name).write_bytes(cv2.imencode(".jpg", np.full((HEIGHT, WIDTH, 3), 90, np.uint8))[1].tobytes())
        if labels:
            (folder / "labels.csv").write_text("file,Smiling\n" + "".join(f"{name},1\n" for name in labels))
        rows = [[name, *face[:, 0], *face[:, 1]] for name, face in zip(names, points, strict=False)]
        (tmp_path / "points.csv").write_text("\n".join(",".join(map(str, row)) for row in [COLUMNS, *rows]))
        return run(
            *("landmarks", "--data", folder, "--detectors", "none", "--import", tmp_path / "points.csv"),
            *("-o", tmp_path / "l.h5", "-j", 1, "--force", *arguments),
        )

    return run_landmarks


IMAGES = ["000001.jpg", "000002.jpg", "000030.jpg", "100004.jpg"]
SHORT = ["1.jpg", "2.jpg", "30.jpg", "100004.jpg"]


@pytest.mark.parametrize(("images", "rows"), [(IMAGES, SHORT), (SHORT, IMAGES)])
def test_a_spreadsheet_that_lost_the_zeros(landmarks, tmp_path, images, rows):
    done = landmarks(images=images, names=rows, labels=rows)
    assert done.code == 0
    assert "landmarks (ibug68) of 4 of 4 images" in done.out
    said = f"3 of 4 images are named otherwise: '{rows[0]}' is taken for '{images[0]}' (leading zeros apart)"
    assert done.out.count(said) == 2  # in the labels, and in the points
    table = read_landmarks(tmp_path / "l.h5")
    assert table.images == tuple(images)
    np.testing.assert_allclose(table.landmarks, FACES, atol=1e-4)


def test_the_share_is_of_all_images(landmarks):
    done = landmarks(images=IMAGES, names=IMAGES, labels=IMAGES[3:])
    assert "landmarks (ibug68) of 1 of 4 images" in done.out
    assert "imported                   1  25.00 %" in done.out
    assert "without a row              3  75.00 %" in done.out
    assert "labels.csv: 3 of 4 images have no row and are left out" in done.out
    summary = json.loads(landmarks("--json", images=IMAGES, names=IMAGES, labels=IMAGES[3:]).out)
    assert (summary["images"], summary["without_row"]) == (1, 3)


def test_nothing_that_fits_is_an_error(landmarks, tmp_path):
    done = landmarks(images=IMAGES, names=["/old/a.jpg", "/old/b.jpg"])
    assert done.code == 1
    assert "line 2: none of 2 names in" in done.err
    assert "'/old/a.jpg') fits one of 4 images (such as '000001.jpg')" in done.err
    assert not (tmp_path / "l.h5").exists()


def test_normalised_points_are_refused_and_scaled_where_asked(landmarks, tmp_path):
    points = FACES / [WIDTH, HEIGHT]
    done = landmarks(images=IMAGES, names=IMAGES, points=points)
    assert done.code == 1
    assert "points.csv, line 2: 000001.jpg has 106x130 pixels" in done.err
    assert "--import-scale image multiplies them" in done.err
    assert landmarks("--import-scale", "image", images=IMAGES, names=IMAGES, points=points).code == 0
    table = read_landmarks(tmp_path / "l.h5")
    np.testing.assert_allclose(table.landmarks, FACES, atol=1e-3)
    assert table.provenance["options"]["import_scale"]["kind"] == "image"
    done = landmarks("--import-scale", "pixels", images=IMAGES, names=IMAGES)
    assert done.code == 1
    assert "--import-scale pixels: expected image, file, a number" in done.err


def test_points_and_boxes_of_a_data_set_that_was_resized(run, tmp_path):
    data = tmp_path / "data"
    names = [f"00000{i}.jpg" for i in (1, 2, 3)]
    five = (IBUG68.five_points(FACES[:3]) + 0.5) * [178 / WIDTH, 218 / HEIGHT] - 0.5
    for folder in ("img_align_celeba", "img_celeba"):
        (data / folder).mkdir(parents=True)
        for name in names:
            (data / folder / name).write_bytes(cv2.imencode(".jpg", np.full((HEIGHT, WIDTH, 3), 90, np.uint8))[1])
    (data / "list_attr_celeba.csv").write_text("image_id,Male\n" + "".join(f"{name},1\n" for name in names))
    points = [[name, *map(round, face.ravel().tolist())] for name, face in zip(names, five, strict=True)]
    columns = [f"{p}_{axis}" for p in ("lefteye", "righteye", "nose", "leftmouth", "rightmouth") for axis in "xy"]
    rows = [["image_id", *columns], *points]
    (data / "list_landmarks_align_celeba.csv").write_text("\n".join(",".join(map(str, row)) for row in rows))
    common = ("landmarks", "--data", data, "-o", tmp_path / "l.h5", "-j", 1, "--force")
    done = run(*common, "--from-data")
    assert done.code == 1
    assert "points of images of 178x218 pixels, and 000001.jpg has 106x130 (3 of 3 images differ)" in done.err
    assert run(*common, "--from-data", "--data-scale", "178x218").code == 0
    np.testing.assert_allclose(read_landmarks(tmp_path / "l.h5").landmarks, IBUG68.five_points(FACES[:3]), atol=0.5)
    boxes = "".join(f"{name},60,80,90,120\n" for name in names)
    (data / "list_bbox_celeba.csv").write_text(f"image_id,x_1,y_1,width,height\n{boxes}")
    done = run(*common, "--images", "wild", "--detectors", "none", "--update", tmp_path / "l.h5", "--scheme", "celeba5")
    assert done.code == 1
    assert "own boxes: 000001.jpg has 106x130 pixels, its points x 60 to 150, y 80 to 200" in done.err
    assert "--data-scale 0.5" in done.err
