# ruff: noqa: E501
"""A starting file is a rule file: without a mistake, and with a region for each attribute that names one."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsegs.rules import compile_rules, load_rules
from wsegs.rules.check import Faces, check_rules
from wsegs.rules.starter import starter_text
from wsegs.schemes import get_scheme, scheme_names

CELEBA = load_rules("celeba").attribute_names


@pytest.mark.parametrize("name", scheme_names())
@pytest.mark.parametrize("attributes", [(), CELEBA, ("Smiling",), ("Nothing_known",)])
def test_it_has_no_mistake(name, attributes):
    scheme = get_scheme(name)
    text = starter_text(scheme, attributes)
    faces = Faces(np.array([scheme.average]) * 60 + 100, (218, 200))
    _, findings = check_rules(text, "new.yaml", faces=faces)
    assert [finding for finding in findings if "only through 'all'" not in finding.message] == []
    assert compile_rules(text, "new.yaml").attribute_names == (attributes or ("Example",))


@pytest.mark.parametrize("name", scheme_names())
def test_what_is_commented_out_can_be_taken_in(name):
    scheme = get_scheme(name)
    text = starter_text(scheme, ())
    whole = re.sub(r"^  # (\w+:)$|^  # ( +\S.*)$", lambda found: "  " + (found[1] or found[2]), text, flags=re.M)
    rules = compile_rules(whole, "new.yaml")
    assert len(rules.region_names) == (10 if name == "ibug68" else 6)
    drawn = rules.draw(np.array([scheme.average]) * 60 + 120, (260, 240))
    bits = int(np.bitwise_or.reduce(drawn, axis=None))
    assert bits == (1 << len(rules.region_names)) - 1


EXPECTED = {
    "Smiling": "mouth", "Brown_Hair": "hair", "Arched_Eyebrows": "eyebrows", "Wearing_Hat": "hair", "Narrow_Eyes": "eyes",
    "Wearing_Earrings": "ears", "Heart_Shaped": "all", "Mustache": "mouth", "Wearing_Necktie": "neck", "Hateful": "all",
    "eyeglasses": "eyes", "hasBeard": "chin", "Attire": "all", "Young": "all", "Bushy_Eyebrows": "eyebrows",
    "Mouth_And_Nose": "nose | mouth",
}  # fmt: skip


def test_regions_by_name():
    rules = starter_text(get_scheme("ibug68"), tuple(EXPECTED))
    for attribute, regions in EXPECTED.items():
        (line,) = re.findall(rf"^  {attribute}: (.*?)(?:  #.*)?$", rules, flags=re.M)
        assert line == regions, attribute


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=20), max_size=5, unique=True))
def test_any_name_of_an_attribute_comes_back(names):
    names = [name for name in names if "\ufffe" not in name and name.isprintable()]
    rules = compile_rules(starter_text(get_scheme("ibug68"), names), "new.yaml")
    assert rules.attribute_names == (tuple(names) or ("Example",))
