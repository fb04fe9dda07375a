"""The shipped rule files and every example in rules/README.md."""

import re
from pathlib import Path

import numpy as np
import pytest

from wsegs.files import shipped_folder
from wsegs.rules import compile_rules, load_rules

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


@pytest.mark.parametrize("name", ["attparsenet-2020", "celeba"])
def test_shipped_rules_draw_what_they_drew(name, faces):
    """Guards against regressions where the reference is absent. tests/rules/make_golden.py writes the file anew."""
    golden = np.load(GOLDEN)
    # Rounded, so that no last digit of another processor's arithmetic moves a vertex.
    drawn = load_rules(name).draw(np.rint(faces), SIZE)
    different = (drawn != golden[name]).sum()
    assert different <= (0 if name == "attparsenet-2020" else 20), f"{different} pixels differ"


@pytest.mark.parametrize("name", ["attparsenet-2020", "celeba"])
def test_all_of_celebas_attributes_have_rules_and_every_region_is_used(name):
    rules = load_rules(name)
    assert len(rules.attribute_names) == 40
    assert rules.program.default is None
    whole = ("Attractive", "Blurry", "Male", "Young")
    lookup = rules.lookup([attribute for attribute in rules.attribute_names if attribute not in whole])
    single = lookup.coverage(1 << np.arange(len(rules.region_names)))
    unused = [region for region, used in zip(rules.region_names, single.any(axis=0), strict=True) if not used]
    assert unused == []
    assert load_rules("attparsenet-2020").region_names == load_rules("celeba").region_names[:10] or name != "celeba"


def test_celeba_covers_the_real_face_sensibly(astronaut_landmarks):
    rules = load_rules("celeba")
    regions = rules.draw(astronaut_landmarks[None], (512, 512))[0]

    def lies_in(region: str, x: float, y: float) -> bool:
        return bool(regions[round(y), round(x)] >> rules.region_names.index(region) & 1)

    assert lies_in("nose", *astronaut_landmarks[30])
    assert lies_in("mouth", *astronaut_landmarks[[51, 57]].mean(axis=0))
    assert lies_in("eyes", *astronaut_landmarks[36:42].mean(axis=0))
    assert lies_in("eyes", *astronaut_landmarks[42:48].mean(axis=0))
    assert lies_in("face", *astronaut_landmarks[27])
    assert lies_in("top_of_head", 225, 40)
    assert not lies_in("top_of_head", *astronaut_landmarks[30])
    assert lies_in("below_chin", 221, 195)
