"""Human masks of another order than their class map says, or of values that it does not know."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from tests.training.tiny import make_store, recipe_of, write_faces
from wsegs.errors import DataError, MissingError
from wsegs.io.images import open_photo
from wsegs.landmarks.chain import landmarks_of_image
from wsegs.rules import load_rules
from wsegs.rules.tuning.class_map import load_classes
from wsegs.training.resolve import Overrides, resolve
from wsegs.training.samples.class_map_check import class_map_doubts
from wsegs.training.samples.class_maps import HumanClasses

RULES = """
version: 1
scheme: ibug68
regions:
  eyes: [{polygon: 36..41}, {polygon: 42..47}]
  eyebrows: [{polygon: [17, 19, 21, 20, 18]}, {polygon: [22, 24, 26, 25, 23]}]
  nose: {polygon: [27, 31, 33, 35]}
  mouth: {polygon: 48..59}
attributes: {Smiling: mouth, Eyeglasses: eyes, Male: all}
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory, astronaut_landmarks):
    folder = tmp_path_factory.mktemp("doubt")
    return make_store(folder, write_faces(folder / "data", astronaut_landmarks), rules=RULES)


def write_masks(store, folder, order):
    """Write masks of the regions that the store has, over its whole images, by a shipped class map."""
    classes = load_classes(order)
    for row, name in enumerate(store.images):
        regions = store.regions([row])[0]
        mask = np.zeros(regions.shape, np.uint8)
        for bit, region in enumerate(store.region_names):
            mask[(regions & regions.dtype.type(1 << bit)) != 0] = classes.regions[region][0]
        path = (folder / name).with_suffix(".png")
        path.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(mask).save(path)


def plan_of(store, folder, class_map):
    fields = {"tasks.parsing.parsing_masks": str(folder), "tasks.parsing.class_map": class_map}
    return resolve(recipe_of("parser", **fields), Overrides(masks=store.path))


def test_a_parser_is_told_which_order_would_fit(store, tmp_path):
    write_masks(store, tmp_path, "face-parsing")
    (doubt,) = class_map_doubts(plan_of(store, tmp_path, "celebamask"))
    assert doubt.startswith(f"{tmp_path}: the classes of ")
    assert doubt.endswith(": --class-map face-parsing")
    assert class_map_doubts(plan_of(store, tmp_path, "face-parsing")) == []


@pytest.mark.slow
def test_a_parser_without_a_mask_store_is_told_too(tmp_path):
    """The faces that come with wsegs, of which masks are drawn by the rules."""
    pytest.importorskip("face_recognition_models", reason="needs the 68-point model of wsegs[ibug68]")
    rules, shipped = load_rules("celeba"), Path(__file__).parents[3] / "examples/faces"
    (tmp_path / "images").mkdir()
    for name in ("astronaut", "grace_hopper"):
        for copy in (1, 2):
            shutil.copyfile(shipped / f"{name}.jpg", tmp_path / "images" / f"{name}-{copy}.jpg")
    for order in ("celebamask-seven", "face-parsing"):
        classes = load_classes(order)
        numbers = {**classes.regions, "top_of_head": classes.regions.get("hair", classes.regions.get("top_of_head"))}
        (tmp_path / order).mkdir()
        for path in (tmp_path / "images").iterdir():
            photo = open_photo(path)
            bits = rules.draw(landmarks_of_image(photo).landmarks[None], photo.size[::-1])[0]
            mask = np.zeros(bits.shape, np.uint8)
            for region in ("top_of_head", "nose", "mouth", "eyebrows", "eyes"):
                mask[(bits >> rules.region_names.index(region)) & 1 == 1] = numbers[region][0]
            PIL.Image.fromarray(mask).save(tmp_path / order / f"{path.stem}.png")

    def doubts(folder, class_map):
        fields = {"tasks.parsing.parsing_masks": str(tmp_path / folder), "tasks.parsing.class_map": class_map}
        return class_map_doubts(resolve(recipe_of("parser", **fields), Overrides(data=tmp_path / "images")))

    assert doubts("celebamask-seven", "celebamask-seven") == []
    assert doubts("face-parsing", "face-parsing") == []
    (doubt,) = doubts("face-parsing", "celebamask-seven")
    assert doubt.startswith(f"{tmp_path / 'face-parsing'}: the classes of ")
    assert doubt.endswith(": --class-map face-parsing")


def test_masks_of_which_no_class_is_known_are_refused(store, tmp_path):
    write_masks(store, tmp_path, "face-parsing")
    for path in tmp_path.rglob("*.png"):
        mask = np.array(PIL.Image.open(path))
        PIL.Image.fromarray(np.where(mask, 255, 0).astype(np.uint8)).save(path)
    with pytest.raises(
        DataError, match="the masks hold 0 background, 255, none of which is in a region of the class map"
    ):
        plan_of(store, tmp_path, "celebamask-seven")


def test_a_parser_learns_from_part_masks_as_they_are_downloaded(tmp_path):
    folder = tmp_path / "CelebAMask-HQ"
    (folder / "CelebAMask-HQ-mask-anno/0").mkdir(parents=True)
    for part, row in (("skin", 0), ("nose", 1), ("hair", 2)):
        mask = np.zeros((4, 4), np.uint8)
        mask[row] = 255
        PIL.Image.fromarray(mask).convert("RGB").save(folder / f"CelebAMask-HQ-mask-anno/0/00007_{part}.png")
    maps = HumanClasses(("7.jpg",), "data", folder, load_classes("celebamask-seven"))
    maps.check(np.array([0]))
    classes = maps.read(0, (4, 4), np.eye(2, 3), (4, 4))
    assert [maps.names[number] for number in classes[:, 0]] == ["face_skin", "nose", "hair", "background"]
    with pytest.raises(MissingError, match=r"0/00008: no such mask"):
        HumanClasses(("8.jpg",), "data", folder, load_classes("celebamask-seven")).check(np.array([0]))
