"""Landmarks of other schemes, from the command line: one's own from CSV and .pts, CelebA's five from its own list."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
import skimage.data

from wsegs.landmarks.table import read_landmarks
from wsegs.schemes import CELEBA5, IBUG68, load_scheme
from wsegs.store import MaskStore

SCHEME = """\
name: seven_points
description: the five of CelebA, the chin and the top of the forehead
points: 7
eyes: {left: 0, right: 1}
nose: 4
mouth: {left: 2, right: 3}
mirror: [[0, 1], [2, 3]]
names: {chin: 5, forehead: 6}
"""
FIVE_POINT_RULES = """\
version: 1
scheme: celeba5
space: face
regions:
  eyes: {circle: {center: 0, radius: 0.2}, mirror: true}
  mouth: {line: {points: [3, 4], thickness: 0.3}}
attributes: {Smiling: mouth, Young: eyes | mouth}
"""


@pytest.fixture
def seven(astronaut_landmarks) -> np.ndarray:
    """Seven points of the astronaut's face, (7, 2)."""
    five = IBUG68.five_points(astronaut_landmarks[None])[0]
    return np.concatenate([five[[0, 1, 3, 4, 2]], [astronaut_landmarks[8], [225, 60]]]).astype(np.float32)


@pytest.fixture
def data(tmp_path: Path, seven) -> Path:
    """The astronaut's picture, another one, labels, a scheme, and landmarks of the first picture as CSV."""
    folder = tmp_path / "data"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), skimage.data.astronaut()[:, :, ::-1])
    cv2.imwrite(str(folder / "b.png"), skimage.data.brick())
    (folder / "labels.csv").write_text("file,Smiling,Young\na.png,1,1\nb.png,0,0\n")
    (tmp_path / "seven.yaml").write_text(SCHEME)
    columns = [f"x_{i}" for i in range(7)] + [f"y_{i}" for i in range(7)]
    values = ",".join(str(value) for value in seven.T.ravel())
    (tmp_path / "seven.csv").write_text(f"image,{','.join(columns)}\na.png,{values}\n")
    (tmp_path / "five.yaml").write_text(FIVE_POINT_RULES)
    return folder


def test_a_scheme_of_ones_own_from_csv_to_masks(run, data, tmp_path, seven):
    landmarks, masks = tmp_path / "l.h5", tmp_path / "m.h5"
    scheme = ("--scheme", tmp_path / "seven.yaml")
    done = run("landmarks", "--data", data, "--import", tmp_path / "seven.csv", *scheme, "-o", landmarks, "-j", 1)
    assert (done.code, done.err) == (0, "")
    assert "landmarks (seven_points) of 1 of 2 images" in done.out
    table = read_landmarks(landmarks)
    assert table.scheme == load_scheme(tmp_path / "seven.yaml")
    np.testing.assert_array_equal(table.landmarks[0], seven)

    (tmp_path / "seven.yaml").unlink()  # the definition lies in the file
    done = run("masks", landmarks, "--rules", tmp_path / "five.yaml", "-o", masks, "-j", 1)
    assert (done.code, done.err) == (0, "")
    assert "landmarks: seven_points reduced to celeba5" in done.out
    store = MaskStore(masks)
    assert store.scheme.agrees_with(CELEBA5)
    smiling = store[0][0]
    left, right = seven[[2, 3]].round().astype(int)
    assert smiling[left[1], left[0]]
    assert smiling[right[1], right[0]]
    assert not smiling[0, 0]

    done = run("masks", landmarks, "--rules", "celeba", "-o", tmp_path / "n.h5")
    assert done.code == 1
    assert "celeba: expected landmarks of the scheme 'ibug68', got 'seven_points'" in done.err
    assert not (tmp_path / "n.h5").exists()


OWN_RULES = """\
version: 1
scheme: {scheme}
space: face
regions:
  jaw: {{circle: {{center: chin, radius: 0.2}}}}
  mouth: {{line: {{points: [2, 3], thickness: 0.3}}}}
attributes: {{Smiling: mouth, Young: jaw}}
"""


@pytest.mark.parametrize("in_place", [False, True])
def test_rules_for_a_scheme_of_ones_own(run, data, tmp_path, seven, in_place):
    landmarks, masks, rules = tmp_path / "l.h5", tmp_path / "m.h5", tmp_path / "own.yaml"
    scheme = tmp_path / "seven.yaml"
    in_file = json.dumps(load_scheme(scheme).as_mapping())  # JSON is YAML
    rules.write_text(OWN_RULES.format(scheme=in_file if in_place else "seven.yaml"))
    common = ("landmarks", "--data", data, "--import", tmp_path / "seven.csv", "--scheme", scheme, "-j", 1)
    assert run(*common, "-o", landmarks).code == 0
    done = run("masks", landmarks, "--rules", rules, "-o", masks, "-j", 1)
    assert (done.code, done.err) == (0, "")
    assert "reduced" not in done.out
    scheme.unlink()
    rules.unlink()
    store = MaskStore(masks)  # needs neither file any more
    assert store.scheme.name == store.rules.scheme.name == "seven_points"
    assert store.scheme.agrees_with(store.rules.scheme)
    smiling, young = store[0]
    x, y = seven[5].round().astype(int)
    assert young[y, x]
    assert not smiling[y, x]

    other = scheme
    other.write_text(SCHEME.replace("nose: 4", "nose: 5"))
    rules.write_text(OWN_RULES.format(scheme="seven.yaml"))
    done = run("masks", landmarks, "--rules", rules, "-o", tmp_path / "n.h5", "-j", 1)
    assert done.code == 1
    assert "got 'seven_points' of that name with other points" in done.err


def test_exported_and_imported_again(run, data, tmp_path, seven):
    common = ("landmarks", "--data", data, "--scheme", tmp_path / "seven.yaml", "-j", 1)
    assert run(*common, "--import", tmp_path / "seven.csv", "-o", tmp_path / "l.h5", "--export", "csv").code == 0
    assert run(*common, "--import", tmp_path / "l.csv", "-o", tmp_path / "again.h5").code == 0
    np.testing.assert_array_equal(read_landmarks(tmp_path / "again.h5").landmarks[0], seven)
    done = run(*common, "--update", tmp_path / "l.h5", "-o", tmp_path / "kept.h5", "--json")
    assert json.loads(done.out)["found"] == 1


def test_pts_of_a_scheme(run, data, tmp_path, seven):
    points = "\n".join(f"{x + 1} {y + 1}" for x, y in seven.tolist())
    (tmp_path / "a.pts").write_text(f"version: 1\nn_points: 7\n{{\n{points}\n}}\n")
    common = ("landmarks", "--data", data, "--import", tmp_path / "a.pts", "-o", tmp_path / "l.h5", "-j", 1)
    assert run(*common, "--scheme", tmp_path / "seven.yaml").code == 0
    np.testing.assert_allclose(read_landmarks(tmp_path / "l.h5").landmarks[0], seven)
    done = run(*common, "--scheme", "celeba5", "--force")
    assert done.code == 1
    assert "a.pts, line 2: expected n_points: 5, got 'n_points: 7'" in done.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--import", "seven.csv"), "expected columns x_0..x_67 and y_0..y_67 for ibug68, x_7 is missing"),
        (("--import", "seven.csv", "--scheme", "celeba5"), "for celeba5, there is a x_5, too; --scheme names another"),
        (("--scheme", "seven.yaml"), "--detectors none: seven_points needs --import, --update or --from-data"),
        (("--import", "seven.csv", "--scheme", "seven.yaml", "--detectors", "dlib"), "the detectors find ibug68"),
        (("--import", "seven.csv", "--scheme", "sevn.yaml"), "sevn.yaml: no such file"),
        (("--import", "seven.csv", "--scheme", "ibug86"), "unknown landmark scheme 'ibug86'"),
        (("--from-data",), "the data set 'folder' has no list of landmarks"),
        (("--from-data", "--scheme", "seven.yaml"), "a data set's own points are celeba5, not seven_points"),
        (("--from-data", "--detectors", "dlib"), "the detectors find ibug68"),
    ],
)
def test_what_does_not_fit_is_one_line(run, data, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    done = run("landmarks", "--data", data, *arguments, "-o", "l.h5", "-j", 1)
    assert done.code == 1
    assert words in done.err
    assert done.err.count("\n") == 1
    assert not (tmp_path / "l.h5").exists()


def test_another_scheme_is_not_kept(run, data, tmp_path):
    common = ("landmarks", "--data", data, "--import", tmp_path / "seven.csv", "-j", 1)
    assert run(*common, "--scheme", tmp_path / "seven.yaml", "-o", tmp_path / "l.h5").code == 0
    (tmp_path / "seven.yaml").write_text(SCHEME.replace("nose: 4", "nose: 5"))
    done = run(*common, "--scheme", tmp_path / "seven.yaml", "--update", tmp_path / "l.h5", "-o", tmp_path / "new.h5")
    assert done.code == 1
    assert "the earlier landmarks are 'seven_points'" in done.err


def test_the_points_that_come_with_celeba(run, tmp_path, seven):
    """No detector at all: CelebA's list, then rules for five points."""
    data = tmp_path / "celeba"
    (data / "img_align_celeba").mkdir(parents=True)
    for name in ("000001.jpg", "000002.jpg", "000003.jpg"):
        cv2.imwrite(str(data / "img_align_celeba" / name), skimage.data.astronaut()[:218, 136:314, ::-1])
    (data / "list_attr_celeba.txt").write_text("3\nSmiling Young\n000001.jpg 1 1\n000002.jpg -1 1\n000003.jpg 1 1\n")
    points = (seven[[0, 1, 4, 2, 3]] - [136, 0]).round().astype(int)
    columns = (
        "lefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y rightmouth_x rightmouth_y"
    )
    row = " ".join(str(value) for value in points.ravel())
    (data / "list_landmarks_align_celeba.txt").write_text(f"2\n{columns}\n000001.jpg {row}\n000002.jpg {row}\n")

    done = run("landmarks", "--data", data, "--from-data", "-o", tmp_path / "l.h5", "-j", 1)
    assert (done.code, done.err) == (0, "")
    assert "landmarks (celeba5) of 2 of 3 images" in done.out
    assert "from the data set" in done.out
    table = read_landmarks(tmp_path / "l.h5")
    assert table.scheme.agrees_with(CELEBA5)
    assert [table.status_names[status] for status in table.status] == ["data set", "data set", "none"]
    np.testing.assert_array_equal(table.landmarks[0], points)
    assert "000003.jpg" in (tmp_path / "l.missing.csv").read_text()

    done = run("masks", tmp_path / "l.h5", "--shared-attributes-only", "-o", tmp_path / "m.h5", "-j", 1)
    assert (done.code, done.err) == (0, "")
    assert MaskStore(tmp_path / "m.h5").rules.name == "celeba-5points"  # the default for these landmarks
    smiling = MaskStore(tmp_path / "m.h5")[0][0]
    left, right = points[3:]
    x, y = np.linspace(left, right, 7)[1:-1].round().astype(int).T  # between the corners of the mouth
    assert smiling[y, x].all()
    with h5py.File(tmp_path / "m.h5") as file:
        assert json.loads(file["scheme"].asstr()[()])["name"] == "celeba5"
