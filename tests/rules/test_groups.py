from __future__ import annotations

import pytest

from wsegs.rules import compile_rules, load_rules
from wsegs.rules.groups import attribute_groups

RULES = """
version: 1
scheme: ibug68
description: groups
space: image
landmarks: integer
regions:
  mouth: {polygon: 48..59}
  eye: {polygon: 36..41}
attributes:
  Smiling: mouth
  Eyeglasses: eye
  Lipstick: mouth - eye
  Closed: {regions: mouth, when: absent}
  Made_Up: mouth | eye
  Male: all
  Both: mouth & eye
"""


def test_attributes_of_the_same_regions_are_a_group() -> None:
    groups = attribute_groups(compile_rules(RULES, "groups.yaml"))
    assert groups == {
        "mouth": ("Smiling", "Lipstick", "Closed"),
        "eye": ("Eyeglasses",),
        "all": ("Made_Up", "Male"),
        "nowhere": ("Both",),
    }


@pytest.mark.parametrize("rules", ["celeba", "attparsenet-2020", "celeba-5points"])
def test_every_attribute_of_a_shipped_file_is_in_one_group(rules) -> None:
    loaded = load_rules(rules)
    groups = attribute_groups(loaded)
    names = [name for group in groups.values() for name in group]
    assert sorted(names) == sorted(loaded.attribute_names)
    assert 5 < len(groups) < len(names)
    assert groups["nose"] == ("Big_Nose", "Pointy_Nose")
