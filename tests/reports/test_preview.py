from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from wsegs.errors import DataError, MissingError, OptionError, OutputExistsError
from wsegs.geometry.frame import Frame
from wsegs.landmarks.table import LandmarkTable
from wsegs.reports import preview as module
from wsegs.reports.palette import region_colours
from wsegs.reports.preview import preview_rules, preview_store
from wsegs.rules import compile_rules
from wsegs.schemes import IBUG68
from wsegs.store import MaskStore
from wsegs.store.writing.build import build_store

RULES = """
version: 1
scheme: ibug68
regions:
  mouth: {polygon: 48..59}
  nose: {polygon: [27, 31..35]}
attributes:
  Smiling: mouth
  Big_Nose: nose
  No_Beard: mouth
"""
NAMES = ("Smiling", "Big_Nose", "No_Beard")


@pytest.fixture
def rules():
    return compile_rules(RULES, "own.yaml")


@pytest.fixture
def table(tmp_path, astronaut_landmarks) -> LandmarkTable:
    """Eight crops of the astronaut, each moved by a pixel more; the second has no face, the last no file."""
    root = tmp_path / "faces"
    (root / "sub").mkdir(parents=True)
    images = tuple(f"sub/face_{i}.png" for i in range(8))
    landmarks = np.stack([astronaut_landmarks - [120 + i, 10] for i in range(8)]).astype(np.float32)
    for i, name in enumerate(images[:-1]):
        cv2.imwrite(str(root / name), astronaut()[10:250, 120 + i : 320 + i, ::-1])
    landmarks[1] = np.nan
    return LandmarkTable(
        scheme=IBUG68,
        images=images,
        landmarks=landmarks,
        status=np.array([1, 0, 1, 1, 1, 1, 1, 1], np.uint8),
        status_names=("none", "dlib"),
        faces=np.ones(8, np.int16),
        boxes=np.full((8, 4), np.nan, np.float32),
        image_size=np.tile(np.array([200, 240], np.int32), (8, 1)),
        attribute_names=NAMES,
        attributes=np.tile(np.array([1, 0, -1], np.int8), (8, 1)),
        identity=np.zeros(8, np.int32),
        split=np.zeros(8, np.int8),
        provenance={"data": {"name": "folder", "root": str(root)}},
    )


@pytest.fixture
def store(table, rules, tmp_path):
    build_store(table, rules, Frame("image", (240, 200)), tmp_path / "masks.h5", jobs=1)
    with MaskStore(tmp_path / "masks.h5") as opened:
        yield opened


@pytest.fixture
def shown(monkeypatch):
    """The faces that went onto a contact sheet."""
    faces = []
    original = module.contact_sheet
    monkeypatch.setattr(module, "contact_sheet", lambda some, *rest: faces.extend(some) or original(some, *rest))
    return faces


def test_contact_sheet_shows_faces_and_those_without_one(store, shown, tmp_path):
    assert preview_store(store, tmp_path / "preview.png", faces=4) == 4
    assert [face.name for face in shown] == ["sub/face_0.png", "sub/face_4.png", "sub/face_7.png", "sub/face_1.png"]
    assert [face.status for face in shown] == ["dlib", "dlib", "No such file or directory", "no face found"]
    picture = cv2.imread(str(tmp_path / "preview.png"))[..., ::-1]
    for colour in region_colours(2):
        assert (picture == colour).all(axis=2).sum() > 100


def test_regions_lie_on_the_face(store, tmp_path, shown, astronaut_landmarks):
    preview_store(store, tmp_path / "preview.png", image="face_3.png")
    (face,) = shown
    rows, columns = np.nonzero(face.regions & 1)
    mouth = astronaut_landmarks[48:60] - [123, 10]
    assert columns.mean() == pytest.approx(mouth[:, 0].mean(), abs=2)
    assert rows.mean() == pytest.approx(mouth[:, 1].mean(), abs=2)
    assert np.array_equal(face.image, astronaut()[10:250, 123:323])


@pytest.mark.parametrize("attributes", ["all", ["Big_Nose"]])
def test_attributes_of_one_face(store, tmp_path, attributes):
    assert preview_store(store, tmp_path / "one.png", attributes=attributes) == 1
    assert cv2.imread(str(tmp_path / "one.png")).shape[0] > 400


@pytest.mark.slow
def test_rules_without_a_store_look_the_same(store, table, rules, tmp_path, shown):
    preview_store(store, tmp_path / "store.png", image="sub/face_2.png")
    preview_rules(table, rules, tmp_path / "rules.png", image="sub/face_2.png")
    assert np.array_equal(shown[0].regions, shown[1].regions)
    assert np.array_equal(shown[0].image, shown[1].image)
    preview_rules(table, rules, tmp_path / "attributes.png", attributes="all")
    assert preview_rules(table, rules, tmp_path / "few.png", faces=3) == 3


@pytest.mark.slow
def test_data_may_have_moved(store, tmp_path):
    (tmp_path / "faces").rename(tmp_path / "moved")
    with pytest.raises(MissingError, match=r"faces: no such folder, .*masks.h5 are expected; --data names"):
        preview_store(store, tmp_path / "preview.png")
    preview_store(store, tmp_path / "preview.png", data=tmp_path / "moved")


def test_images_of_another_size(store, tmp_path):
    cv2.imwrite(str(tmp_path / "faces/sub/face_0.png"), np.zeros((100, 90, 3), np.uint8))
    with pytest.raises(DataError, match=r"face_0.png: 90x100 pixels, expected 200x240 by .*1 of 8 images"):
        preview_store(store, tmp_path / "preview.png")
    assert not (tmp_path / "preview.png").exists()


def test_what_is_not_in_the_store(store, tmp_path):
    output = tmp_path / "preview.png"
    with pytest.raises(OptionError, match=r"'Smilling' is none of the 3 attributes .*did you mean 'Smiling'\?"):
        preview_store(store, output, attributes=["Smilling"])
    with pytest.raises(OptionError, match=r"'sub/face_9.png' is none of the 8 images .*did you mean"):
        preview_store(store, output, image="sub/face_9.png")
    with pytest.raises(OptionError, match=r"ends in \.png"):
        preview_store(store, tmp_path / "preview.gif")
    with pytest.raises(MissingError, match=r"face_7\.png: No such file"):
        preview_store(store, output, image="face_7.png")
    output.write_text("mine")
    with pytest.raises(OutputExistsError):
        preview_store(store, output)
    assert output.read_text() == "mine"
