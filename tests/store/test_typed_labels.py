"""Numbers and categories from a landmark table to a mask store and back."""

from __future__ import annotations

import pickle
from dataclasses import replace

import h5py
import numpy as np
import pytest

from wsegs.datasets.typed_labels import Categories
from wsegs.errors import DataError, OptionError
from wsegs.geometry.frame import Frame
from wsegs.io.integrity import write_digests
from wsegs.landmarks.table import write_landmarks
from wsegs.rules import load_rules
from wsegs.store import MaskStore
from wsegs.store.verify import verify_file
from wsegs.store.writing.build import build_store
from wsegs.store.writing.merge import merge_shards

RULES = load_rules("celeba")
AGE = np.array([1, 2, np.nan, 4, 5, 6.5, 7], np.float32)
RACE = Categories(("Asian", "schöne"), np.array([0, 1, 1, -1, 0, 0, 1]))
PLAIN = Frame("image", (109, 89))


@pytest.fixture
def labelled(table):
    return replace(table, numbers={"age": AGE, "BMI": AGE[::-1].copy()}, categories={"race": RACE})


def build(table, path, **options):
    build_store(table, RULES, options.pop("frame", PLAIN), path, jobs=1, **options)
    return path


def test_a_store_has_the_labels_of_the_table(labelled, tmp_path):
    with MaskStore(build(labelled, tmp_path / "m.h5")) as store:
        assert {*store.numbers} == {"age", "BMI"}
        np.testing.assert_array_equal(store.numbers["age"], AGE)
        np.testing.assert_array_equal(np.asarray(store.categories["race"]), RACE.codes)
        assert store.categories == {"race": RACE}
        assert store.category_names == {"race": ("Asian", "schöne")}
        assert pickle.loads(pickle.dumps(store)).categories == {"race": RACE}


def test_labels_follow_the_rows_that_are_kept(labelled, tmp_path):
    """In a face frame, the fifth image, which has no face, is left out."""
    with MaskStore(build(labelled, tmp_path / "m.h5", frame=Frame("face", (64, 64)))) as store:
        assert len(store) == 6
        np.testing.assert_array_equal(store.numbers["age"], np.delete(AGE, 4))
        np.testing.assert_array_equal(store.categories["race"].codes, np.delete(RACE.codes, 4))


def test_other_programs_read_plain_hdf5(labelled, tmp_path):
    with h5py.File(build(labelled, tmp_path / "m.h5")) as file:
        assert file["numbers/age"].dtype == np.float32
        assert file["categories/race"][:].tolist() == RACE.codes.tolist()
        assert file["categories/race"].attrs["names"] == '["Asian", "sch\\u00f6ne"]'


def test_a_store_without_such_labels_has_none(store):
    assert (store.numbers, store.categories, store.category_names) == ({}, {}, {})
    with h5py.File(store.path) as file:
        assert not {"numbers", "categories"} & {*file}


@pytest.mark.slow
@pytest.mark.parametrize("of", [1, 3])
def test_merged_shards_are_the_store_of_one_run(labelled, tmp_path, of):
    whole = build(labelled, tmp_path / "whole.h5")
    shards = [build(labelled, tmp_path / f"{k}.h5", shard=(k, of)) for k in range(1, of + 1)]
    merge_shards(shards, tmp_path / "merged.h5")
    assert (tmp_path / "merged.h5").read_bytes() == whole.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"categories": {"race": replace(RACE, names=("a", "b"))}}, "expected the same categories as in"),
        ({"categories": {}}, "expected the same categories as in"),
        ({"numbers": {"age": AGE}}, "expected 'numbers/BMI' to be stored as in"),
    ],
)
def test_shards_with_other_labels_are_refused(labelled, tmp_path, change, message):
    shards = [build(labelled, tmp_path / "1.h5", shard=(1, 2))]
    shards.append(build(replace(labelled, **change), tmp_path / "2.h5", shard=(2, 2)))
    for order in (shards, shards[::-1]):
        with pytest.raises(OptionError, match=message):
            merge_shards(order, tmp_path / "merged.h5")


def test_verification_covers_the_labels(labelled, tmp_path):
    path = build(labelled, tmp_path / "m.h5")
    write_landmarks(tmp_path / "l.h5", labelled)
    assert verify_file(path, landmarks=tmp_path / "l.h5").lines == []
    assert verify_file(tmp_path / "l.h5").lines == []
    for file_name in ("m.h5", "l.h5"):
        for column in ("numbers/age", "categories/race"):
            changed = tmp_path / f"changed-{file_name}"
            changed.write_bytes((tmp_path / file_name).read_bytes())
            with h5py.File(changed, "r+") as file:
                values = file[column][:]
                values[1] = 0
                file[column][...] = values
            write_digests(changed)
            name = labelled.images[1]
            assert (
                f"{name}: its data do not have the checksum that they were written with" in verify_file(changed).lines
            )


def test_verification_compares_the_labels_with_the_tables(labelled, tmp_path):
    path = build(labelled, tmp_path / "m.h5")
    older = AGE.copy()
    older[2] = 80
    other = Categories(RACE.names, np.roll(RACE.codes, 1))
    table = replace(labelled, numbers={**labelled.numbers, "age": older}, categories={"race": other})
    write_landmarks(tmp_path / "l.h5", table)
    lines = verify_file(path, landmarks=tmp_path / "l.h5").lines
    different = np.flatnonzero(RACE.codes != other.codes)
    expected = [f"{labelled.images[2]}: its 'age' is another than in {tmp_path / 'l.h5'}"]
    expected += [f"{labelled.images[row]}: its 'race' is another than in {tmp_path / 'l.h5'}" for row in different]
    assert sorted(lines) == sorted(expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda file: file["categories/race"].attrs.__delitem__("names"), "expected a JSON list of names"),
        (lambda file: file["categories/race"].attrs.__setitem__("names", "[1]"), "expected a JSON list of names"),
        (lambda file: file["categories/race"].attrs.__setitem__("names", '["a"]'), "expected codes from -1 to 0"),
        (lambda file: file.move("numbers/age", "numbers/Smiling"), "label 'Smiling': expected one type, got two"),
        (lambda file: file.move("attributes", "numbers/x"), "it is damaged"),
    ],
)
def test_damaged_labels_are_one_line(labelled, tmp_path, change, message):
    path = build(labelled, tmp_path / "m.h5")
    with h5py.File(path, "r+") as file:
        change(file)
    write_digests(path)
    with pytest.raises(DataError, match=message) as caught:
        MaskStore(path).categories  # noqa: B018
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
