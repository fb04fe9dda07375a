from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsegs.datasets import open_dataset
from wsegs.datasets.layouts.utkface import RACES, is_utkface, parse_name
from wsegs.errors import OptionError

TIME = "20170109142408075"


@pytest.fixture
def faces(tmp_path, image_file):
    """Twenty images whose names say all."""
    for age in range(1, 21):
        image_file(tmp_path / f"{age}_{age % 2}_{age % 5}_{TIME}.jpg")
    return tmp_path


def test_labels_come_from_the_names(faces):
    dataset = open_dataset(faces)
    ages = dataset.numbers["age"].astype(int)
    assert sorted(ages.tolist()) == [*range(1, 21)]
    assert dataset.attribute_names == ("Male",)
    assert dataset.attributes[:, 0].tolist() == (1 - ages % 2).tolist()
    assert dataset.categories["race"].names == RACES
    assert dataset.categories["race"].codes.tolist() == (ages % 5).tolist()


def test_names_that_miss_a_field_are_unknown(faces, image_file):
    image_file(faces / f"61_1_{TIME}.jpg")
    image_file(faces / f"53__0_{TIME}.jpg")
    dataset = open_dataset(faces)
    rows = [dataset.images.index(name) for name in (f"61_1_{TIME}.jpg", f"53__0_{TIME}.jpg")]
    assert dataset.numbers["age"][rows].tolist() == [61, 53]
    assert dataset.attributes[rows, 0].tolist() == [-1, -1]
    assert dataset.categories["race"].codes[rows].tolist() == [-1, 0]


@given(st.integers(0, 120), st.integers(0, 1), st.integers(0, 4), st.sampled_from([".jpg", ".jpg.chip.jpg", ".PNG"]))
def test_every_full_name_is_read(age, sex, race, suffix):
    name = f"part1/{age}_{sex}_{race}_{TIME}{suffix}"
    assert parse_name(name) == (age, sex, race)
    assert is_utkface([name])


@pytest.mark.parametrize(
    "name", ["a.jpg", f"x_0_0_{TIME}.jpg", f"1_2_0_{TIME}.jpg", f"1_0_5_{TIME}.jpg", "1_0_0_7.jpg"]
)
def test_other_names_are_not_utkfaces(name):
    assert not is_utkface([name])


@given(st.text(max_size=20))
def test_any_name_is_parsed(name):
    face = parse_name(name)
    assert face.sex in (None, 0, 1)
    assert face.race in (None, 0, 1, 2, 3, 4)


def test_a_table_of_labels_wins_over_the_names(faces):
    (faces / "labels.csv").write_text(f"file,Hat\n1_1_1_{TIME}.jpg,1\n")
    dataset = open_dataset(faces)
    assert (dataset.name, dataset.numbers, dataset.attribute_names) == ("folder", {}, ("Hat",))


def test_labels_that_it_has_may_be_named(faces):
    assert open_dataset(faces, numbers=["age"], categories=["race"]).name == "utkface"
    with pytest.raises(
        OptionError, match=r"--numbers ages: .*'utkface' .* no such numbers \(age\); did you mean 'age'"
    ):
        open_dataset(faces, numbers=["ages"])


def test_real_utkface(shared_data):
    dataset = open_dataset(shared_data / "utkface")
    assert (dataset.name, len(dataset)) == ("utkface", 2_400)
    assert np.isfinite(dataset.numbers["age"]).all()
    assert (np.nanmin(dataset.numbers["age"]), np.nanmax(dataset.numbers["age"])) == (1, 116)
    assert {*np.unique(dataset.categories["race"].codes)} == {0, 1, 2, 3, 4}
    assert {*np.unique(dataset.attributes)} == {0, 1}
