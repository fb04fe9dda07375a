"""Refinement files: what they mean, and what is said of those that are wrong."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from wsegs.errors import MissingError, OptionError, RuleError
from wsegs.refine import load_refinement
from wsegs.refine.refinement import parse_refinement
from wsegs.rules import compile_rules, load_rules

from .conftest import REFINEMENT


def test_a_file_in_full(refinement):
    assert refinement.regions == ("hair", "face", "nothing")
    assert refinement.class_names == ("skin", "hair", "other")
    assert refinement.refined == {"hair": 1, "nothing": 2}
    np.testing.assert_array_equal(refinement.weights[0], [0, 0, 4, 0, 0, 2, 0])
    assert pickle.loads(pickle.dumps(refinement)).sha256 == refinement.sha256  # workers get it so


def test_the_shipped_file_fits_the_shipped_rules():
    refinement = load_refinement("celeba")
    refinement.check(load_rules("celeba"))
    assert tuple(refinement.refined) == ("top_of_head", "below_chin", "ears")


def test_some_regions_of_it(refinement):
    assert refinement.only(["hair"]).refined == {"hair": 1}
    with pytest.raises(OptionError, match=r"fine.yaml says how to refine hair, nothing, got 'hare'; did you mean"):
        refinement.only(["hare"])


def test_rules_that_do_not_have_its_regions(refinement):
    with pytest.raises(OptionError, match=r"fine.yaml needs the region 'hair', which .*celeba.* does not have"):
        refinement.check(load_rules("celeba"))
    with pytest.raises(OptionError, match="needs the region 'face', which attparsenet-2020 does not have"):
        load_refinement().check(load_rules("attparsenet-2020"))


def test_rules_of_another_scheme(refinement):
    other = compile_rules("{version: 1, scheme: celeba5, regions: {hair: {box: 0..4}}}", "five.yaml")
    with pytest.raises(OptionError, match=r"for rules of the landmark scheme 'ibug68', five.yaml is of 'celeba5'"):
        refinement.check(other)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("threshold", "treshold", r"fine.yaml:5:1: unknown key 'treshold'.*did you mean 'threshold'"),
        ("refines: hair", "refine: hair", r"fine.yaml:8:10: unknown key 'refine'.*did you mean 'refines'"),
        ("threshold: 0.5", "threshold: 2.0", r"fine.yaml:5:12: expected less than 1, got 2.0"),
        ("version: 1", "version: 2", r"fine.yaml:2:10: expected 1, got 2"),
        ("scheme: ibug68", "", r"expected a key 'scheme'"),
        ("near: [0, 4, 0]", "near: [0, 4]", r"fine.yaml:7:25: expected 3 weights, one for each.*got 2"),
        ("[0, 4, 0]", "[0, four, 0]", r"fine.yaml:7:29: expected .*number, got 'four'"),
        ("[0, 4, 0]", "[0, 4000, 0]", r"fine.yaml:7:29: expected at most 100, got 4000"),
        ("refines: hair", "refines: hare", r"fine.yaml:8:19: expected one of 'regions:', got 'hare'; did you mean"),
        ("refines: nothing", "refines: hair", r"fine.yaml:9:20: 'hair' is refined by another class already"),
        ("[hair, face, nothing]", "[hair, face, face]", r"fine.yaml:4:10: expected each region once"),
        ("classes:", "classes: *a", r"alias '\*a' names no anchor"),
    ],
)
def test_mistakes_have_a_place(old, new, message):
    assert old in REFINEMENT
    with pytest.raises(RuleError, match=message):
        parse_refinement(REFINEMENT.replace(old, new, 1), "fine.yaml")


@pytest.mark.parametrize("text", ["", "# nothing\n", "[1, 2]", "hair"])
def test_what_is_no_mapping(text):
    with pytest.raises(RuleError, match="expected a mapping with 'version', 'scheme', 'regions' and 'classes'"):
        parse_refinement(text, "fine.yaml")


def test_a_file_that_refines_nothing():
    text = "version: 1\nscheme: ibug68\nregions: [hair]\nclasses: {skin: {bias: 0, near: [1], far: [1]}}\n"
    with pytest.raises(RuleError, match=r"fine.yaml:4:10: expected a class that 'refines:' a region, got none"):
        parse_refinement(text, "fine.yaml")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(MissingError, match=r"celebra.*did you mean 'celeba'"):
        load_refinement("celebra")
    (tmp_path / "latin.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(RuleError, match="expected UTF-8"):
        load_refinement(tmp_path / "latin.yaml")
