"""The shipped rule files and every example in rules/README.md."""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from wsegs.io.files import shipped_folder
from wsegs.rules import RuleSet, compile_rules, load_rules
from wsegs.schemes import IBUG68

README = shipped_folder("rules") / "README.md"
EXAMPLES = re.findall(r"```yaml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
SIZE = (218, 178)
GOLDEN = Path(__file__).with_name("golden.npz")


def test_there_are_examples():
    assert len(EXAMPLES) >= 7


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_examples_of_the_readme_compile_and_draw(number, faces):
    rules = compile_rules(EXAMPLES[number], f"example {number}")
    regions = rules.draw(faces, SIZE)
    for bit, name in enumerate(rules.region_names):
        assert (regions >> bit & 1).any(), f"example {number}: {name} is empty on every face"
    rules.lookup(rules.attribute_names)


@pytest.mark.slow
def test_original_segments_equal_the_reference_pixel_for_pixel(shared_data):
    reference = np.load(shared_data / "golden" / "attparsenet_reference.npz")
    rules = load_rules("attparsenet-2020")
    assert rules.region_names == tuple(reference["region_names"])
    drawn = rules.draw(reference["landmarks"], SIZE)
    regions = np.unpackbits(reference["regions"], axis=-1)[..., : SIZE[1]]
    np.testing.assert_array_equal(drawn[:, None] >> np.arange(10)[:, None, None] & 1, regions)
    masks = np.unpackbits(reference["masks"], axis=-1)[..., : SIZE[1]].astype(bool)
    lookup = rules.lookup([str(name) for name in reference["attributes"]])
    np.testing.assert_array_equal(lookup.expand(drawn, np.ones((60, 40), np.int8)), masks)


SHIPPED = ["attparsenet-2020", "celeba", "celeba-5points", "celeba-478points"]


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_rules_draw_what_they_drew(name, faces_of):
    """Guards against regressions where the reference is absent. tests/rules/make_golden.py writes the file anew."""
    golden = np.load(GOLDEN)
    rules = load_rules(name)
    drawn = rules.draw(faces_of[rules.scheme.name], SIZE)
    different = (drawn != golden[name]).sum()
    assert different <= (0 if name == "attparsenet-2020" else 20), f"{different} pixels differ"


@pytest.mark.slow
@pytest.mark.parametrize("name", SHIPPED)
def test_all_of_celebas_attributes_have_rules_and_every_region_is_used(name):
    rules = load_rules(name)
    assert len(rules.attribute_names) == 40
    assert rules.program.default is None
    whole = ("Attractive", "Blurry", "Male", "Young")
    lookup = rules.lookup([attribute for attribute in rules.attribute_names if attribute not in whole])
    single = lookup.coverage(1 << np.arange(len(rules.region_names)))
    unused = [region for region, used in zip(rules.region_names, single.any(axis=0), strict=True) if not used]
    assert unused == []
    if name.startswith("celeba"):
        assert rules.region_names == load_rules("celeba").region_names
        assert rules.region_names[:10] == load_rules("attparsenet-2020").region_names


def _faces(rules: RuleSet, landmarks: np.ndarray, mesh: dict[str, np.ndarray]) -> np.ndarray:
    """The astronaut in the rules' scheme, (P, 2), in a picture of 512x512."""
    by_scheme = {"ibug68": landmarks, "mediapipe478": mesh["astronaut"]}
    return by_scheme.get(rules.scheme.name, IBUG68.five_points(landmarks[None])[0])


@pytest.mark.parametrize("name", ["celeba", "celeba-5points", "celeba-478points"])
def test_celeba_covers_the_real_face_sensibly(name, astronaut_landmarks, mediapipe_landmarks):
    rules = load_rules(name)
    face = _faces(rules, astronaut_landmarks, mediapipe_landmarks)
    regions = rules.draw(face[None], (512, 512))[0]

    def lies_in(region: str, x: float, y: float) -> bool:
        return bool(regions[round(y), round(x)] >> rules.region_names.index(region) & 1)

    assert lies_in("nose", *astronaut_landmarks[30])
    assert lies_in("mouth", *astronaut_landmarks[[51, 57]].mean(axis=0))
    assert lies_in("eyes", *astronaut_landmarks[36:42].mean(axis=0))
    assert lies_in("eyes", *astronaut_landmarks[42:48].mean(axis=0))
    assert lies_in("face", *astronaut_landmarks[27])
    assert lies_in("eyebrows", 199, 91)
    assert lies_in("eyebrows", 252, 94)
    assert lies_in("top_of_head", 225, 40)
    assert not lies_in("top_of_head", *astronaut_landmarks[30])
    assert lies_in("below_chin", 221, 195)


def test_rules_for_many_points_cover_another_real_face(mediapipe_landmarks):
    """Grace Hopper (examples/faces/grace_hopper.jpg), a turned head under a cap, against MediaPipe's own outlines."""
    rules = load_rules("celeba-478points")
    face = mediapipe_landmarks["grace_hopper.jpg"]
    regions = rules.draw(face[None], (600, 512))[0]
    for region, outlines in {"eyes": ("left_eye", "right_eye"), "mouth": ("outer_lip",)}.items():
        there = regions >> rules.region_names.index(region) & 1
        expected = np.zeros(there.shape, np.uint8)
        for outline in outlines:
            points = face[list(rules.scheme.names[outline])]
            cv2.fillPoly(expected, [np.rint(points).astype(np.int32)], 1)
        assert (there & expected).sum() / (there | expected).sum() > 0.7, region
    nose = regions >> rules.region_names.index("nose") & 1
    assert all(nose[round(y), round(x)] for x, y in face[list(rules.scheme.names["nose_bridge"])[1:]].tolist())
