"""Class maps: what they mean, and one line for each mistake."""

from __future__ import annotations

import numpy as np
import pytest

from wsegs.errors import MissingError, RuleError
from wsegs.rules.tuning.class_map import OUTSIDE, load_classes, parse_classes


def test_the_shipped_map_is_that_of_the_published_table():
    for name in ("celebamask", "rules/classes/celebamask.yaml"):
        classes = load_classes(name)
        assert classes.regions == {
            "eyes": (4, 5),
            "eyebrows": (6, 7),
            "nose": (2,),
            "mouth": (10, 11, 12),
            "ears": (8, 9),
            "top_of_head": (13, 14),
            "below_chin": (17,),
        }
        assert classes.least_pixels == 10
        assert classes.unknown == (255, OUTSIDE)


def test_names_numbers_and_defaults():
    classes = parse_classes(
        "classes: {skin: 1, nose: 2}\nregions: {face: [skin, 2, 7], nose: nose, lip: 300}", "my.yaml"
    )
    assert classes.regions == {"face": (1, 2, 7), "nose": (2,), "lip": (300,)}
    assert (classes.least_pixels, classes.unknown) == (10, (255, OUTSIDE))
    other = parse_classes("regions: {a: 255}\nunknown: []\nleast_pixels: 1", "my.yaml")
    assert (other.regions, other.least_pixels, other.unknown) == ({"a": (255,)}, 1, (OUTSIDE,))


def test_bits_and_known_pixels():
    classes = parse_classes("regions: {a: [1, 2], b: [2, 300]}\nunknown: [9]", "my.yaml")
    masks = np.array([[0, 1, 2], [300, 9, OUTSIDE]], np.uint16)
    np.testing.assert_array_equal(classes.region_bits(masks, ["a", "b"]), [[0, 1, 3], [2, 0, 0]])
    np.testing.assert_array_equal(classes.region_bits(masks, ["b"]), [[0, 0, 1], [1, 0, 0]])
    np.testing.assert_array_equal(classes.known(masks), [[True, True, True], [True, False, False]])


MISTAKES = {
    "unknown name": ("classes: {nose: 2}\nregions:\n  a: [nose, nsoe]", 3, 13, "unknown class 'nsoe'"),
    "nearest": ("classes: {nose: 2}\nregions:\n  a: nsoe", 3, 6, "did you mean 'nose'?"),
    "name without classes": ("regions:\n  a: nose", 2, 6, "a number, since 'classes:' names none"),
    "unknown key": ("region: {a: 1}\nregions: {a: 1}", 1, 1, "unknown key 'region'; expected one of classes, regions"),
    "no regions": ("classes: {a: 1}", 1, 1, "expected a key 'regions'"),
    "empty regions": ("regions: {}", 1, 10, "a mapping of at least one region"),
    "empty region": ("regions: {a: []}", 1, 14, "a class's name or number, or a list of these, got a list of 0"),
    "region of true": ("regions: {a: true}", 1, 14, "a class's name or number"),
    "region in a list": ("regions: {a: [1, [2]]}", 1, 18, "a class's name or number"),
    "negative": ("regions: {a: -1}", 1, 14, "from 0 to 65534, got -1"),
    "too large": ("regions: {a: 65535}", 1, 14, "from 0 to 65534, got 65535"),
    "class that is text": ("classes: {a: b}\nregions: {a: 1}", 1, 14, "a class number from 0 to 65534, got 'b'"),
    "class twice": ("classes: {a: 1, b: 1}\nregions: {a: 1}", 1, 20, "class 1 has a name already, 'a'"),
    "no pixels": ("regions: {a: 1}\nleast_pixels: 0", 2, 15, "a whole number of 1 or more, got 0"),
    "unknown that is a number": ("regions: {a: 1}\nunknown: 2", 2, 10, "a list of classes' names or numbers"),
    "unknown that counts": ("regions: {a: [1, 2]}\nunknown: [2]", 1, 14, "class 2 of 'a' is one of 'unknown:'"),
    "255": ("regions: {a: 255}\nunknown: [255]", 1, 14, "class 255 of 'a' is one of 'unknown:'"),
    "tag": ("regions: !!python/name:os.system {}", 1, 10, "plain data"),
    "list": ("[1]", 1, 1, "expected a mapping with 'regions', got a list of 1"),
    "nothing": ("# only a comment\n", 1, 1, "got an empty file"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake(name):
    text, line, column, words = MISTAKES[name]
    with pytest.raises(RuleError) as caught:
        parse_classes(text, "my.yaml")
    message = str(caught.value)
    assert message.startswith(f"my.yaml:{line}:{column}: "), message
    assert words in message
    assert "\n" not in message


def test_files_that_are_none(tmp_path):
    with pytest.raises(MissingError, match=r"celebamsak: no such file.*did you mean 'celebamask'"):
        load_classes("celebamsak")
    (tmp_path / "latin.yaml").write_bytes(b"regions: {\xe4: 1}")
    with pytest.raises(RuleError, match=r"latin\.yaml: expected UTF-8 text"):
        load_classes(tmp_path / "latin.yaml")
