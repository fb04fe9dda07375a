from __future__ import annotations

import json
import shutil
from dataclasses import fields, replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from wsegs.errors import DataError, MissingError, OutputExistsError
from wsegs.io.integrity import write_digests
from wsegs.landmarks.table import read_landmarks, write_landmarks
from wsegs.schemes import CELEBA5, IBUG68, get_scheme

IBUG68_TEXT = json.dumps(IBUG68.as_mapping(average=False), sort_keys=True)
FORMAT_1 = Path(__file__).parent / "landmarks-format-1.h5"


def test_written_and_read_tables_are_equal(table, tmp_path):
    write_landmarks(tmp_path / "l.h5", table)
    read = read_landmarks(tmp_path / "l.h5")
    for field in fields(table):
        expected = getattr(table, field.name)
        if field.name == "scheme":
            assert read.scheme.agrees_with(expected)
            continue
        np.testing.assert_equal(getattr(read, field.name), expected)
        if isinstance(expected, np.ndarray):
            assert getattr(read, field.name).dtype == expected.dtype
    assert read.found.tolist() == [True, False, False, True]
    assert read.numbers["age"].dtype == np.float32
    assert read.categories["race"].codes.dtype == np.int64


def test_tables_are_equal_if_all_that_they_hold_is(table, tmp_path):
    """Before, == raised: NumPy does not say whether an array is true."""
    write_landmarks(tmp_path / "l.h5", table)
    read = read_landmarks(tmp_path / "l.h5")
    assert read == table  # nan and all
    assert table != "a table"
    moved, older = table.landmarks.copy(), table.numbers["age"].copy()
    moved[0, 0, 0] += 1
    older[0] += 1
    others = [
        replace(table, landmarks=moved),
        replace(table, images=("z.jpg", *table.images[1:])),
        replace(table, provenance={}),
        replace(table, numbers={**table.numbers, "age": older}),
        replace(table, numbers={"age": table.numbers["age"]}),
        replace(table, categories={"race": replace(table.categories["race"], names=("a", "b"))}),
        replace(table, categories={"kind": table.categories["race"]}),
        replace(table, categories={}),
    ]
    for number, one in enumerate(others):
        assert one != table, number
        assert all(one != other for other in others[:number])


def test_tables_without_numbers_and_categories_are_files_of_before(table, tmp_path):
    write_landmarks(tmp_path / "l.h5", replace(table, numbers={}, categories={}))
    with h5py.File(tmp_path / "l.h5") as file:
        assert not {"numbers", "categories"} & {*file}
    read = read_landmarks(tmp_path / "l.h5")
    assert (read.numbers, read.categories) == ({}, {})


def test_a_selection_keeps_what_belongs_to_an_image(table):
    few = table.select([3, 0])
    assert few.images == ("d.jpg", "a.jpg")
    assert few.numbers["age"].tolist() == [7, 31.5]
    assert few.categories["race"].codes.tolist() == [1, 1]
    np.testing.assert_array_equal(few.landmarks, table.landmarks[[3, 0]])
    assert few.identity.tolist() == [3, 1]
    assert table.select(table.found) == table.select([0, 3])
    assert len(table.select([])) == 0


@pytest.mark.slow
def test_a_file_of_format_1_is_read(tmp_path, astronaut_landmarks):
    """The file was written by wsegs 0.1 before schemes were stored."""
    table = read_landmarks(FORMAT_1)
    assert table.scheme == IBUG68
    np.testing.assert_array_equal(table.landmarks, astronaut_landmarks[None])
    write_landmarks(tmp_path / "new.h5", table)
    assert read_landmarks(tmp_path / "new.h5").scheme.agrees_with(IBUG68)
    shutil.copy(FORMAT_1, tmp_path / "old.h5")
    with h5py.File(tmp_path / "old.h5", "r+") as file:
        file.attrs["scheme"] = "ibug86"
    with pytest.raises(DataError, match=r"old\.h5: unknown landmark scheme 'ibug86'.*'ibug68'"):
        read_landmarks(tmp_path / "old.h5")


def test_a_scheme_of_ones_own_survives(table, tmp_path):
    scheme = replace(CELEBA5, name="mine", names={"eyes": (0, 1)}, average=(), description="five of mine")
    five = replace(table, scheme=scheme, landmarks=table.landmarks[:, :5])
    write_landmarks(tmp_path / "l.h5", five)
    assert read_landmarks(tmp_path / "l.h5").scheme == scheme


@pytest.mark.parametrize("name", ["ibug68", "mediapipe478", "celeba5"])
def test_every_scheme_reduces_to_five_points(table, name):
    scheme = get_scheme(name)
    face = np.array(scheme.average, np.float32) * 50 + 100
    landmarks = np.where(table.found[:, None, None], face, np.float32(np.nan))
    five = replace(table, scheme=scheme, landmarks=landmarks).as_scheme(CELEBA5)
    assert five.scheme == CELEBA5
    np.testing.assert_allclose(five.landmarks, scheme.five_points(landmarks))
    assert np.isfinite(five.landmarks).all(axis=(1, 2)).tolist() == table.found.tolist()


def test_five_points_are_no_sixty_eight(table):
    with pytest.raises(DataError, match="expected landmarks of the scheme 'ibug68', got 'celeba5'"):
        table.as_scheme(CELEBA5).as_scheme(IBUG68)


def test_equal_tables_give_equal_files_and_nothing_else(table, tmp_path):
    write_landmarks(tmp_path / "a.h5", table)
    write_landmarks(tmp_path / "b.h5", table)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5", "b.h5"]


def test_an_existing_file_is_kept_without_force(table, tmp_path):
    (tmp_path / "l.h5").write_text("mine")
    with pytest.raises(OutputExistsError, match="--force"):
        write_landmarks(tmp_path / "l.h5", table)
    assert (tmp_path / "l.h5").read_text() == "mine"
    write_landmarks(tmp_path / "l.h5", table, force=True)
    assert len(read_landmarks(tmp_path / "l.h5")) == 4


def test_names_that_are_not_utf8_survive(table, tmp_path):
    odd = replace(table, images=("a\udcff.jpg", *table.images[1:]))
    write_landmarks(tmp_path / "l.h5", odd)
    assert read_landmarks(tmp_path / "l.h5").images == odd.images


def test_a_missing_file_says_what_makes_it(tmp_path):
    with pytest.raises(MissingError, match="no such file; wsegs landmarks makes it"):
        read_landmarks(tmp_path / "l.h5")


@pytest.mark.parametrize("length", [0, 7, 100, 3000, 9000])
def test_a_cut_file_is_one_line(table, tmp_path, length):
    path = tmp_path / "l.h5"
    write_landmarks(path, table)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(DataError, match=r"l\.h5: not a readable landmark file") as caught:
        read_landmarks(path)
    assert "\n" not in str(caught.value)


def test_a_flipped_byte_in_any_array_is_seen(table, tmp_path):
    path = tmp_path / "l.h5"
    for name in (
        "landmarks",
        "status",
        "faces",
        "image_size",
        "attributes",
        "identity",
        "split",
        "numbers/age",
        "categories/race",
    ):
        write_landmarks(path, table, force=True)
        with h5py.File(path, "r+") as file:
            value = file[name][0]
            file[name][0] = value + 1
        with pytest.raises(DataError, match=r"l\.h5: not a readable landmark file \(its sha256 differs"):
            read_landmarks(path)
        write_digests(path)
        with pytest.raises(DataError, match=r"l\.h5: "):
            read_landmarks(path)


def _delete(name):
    return lambda file: file.__delitem__(name)


def _set(name, data):
    def change(file):
        del file[name]
        file[name] = data

    return change


def _attribute(name, value):
    return lambda file: file.attrs.__setitem__(name, value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_delete("boxes"), "/boxes is missing"),
        (_set("faces", np.zeros(4, np.float64)), "/faces is of type float64, expected int16"),
        (_set("split", np.zeros(3, np.int8)), r"/split has shape \(3,\), expected \(4,\)"),
        (_set("landmarks", np.zeros((4, 5, 2), np.float32)), r"expected \(4, 68, 2\)"),
        (_set("image", np.zeros(4)), "expected a list of names"),
        (_set("status", np.array([9, 0, 255, 4], np.uint8)), "/status of a.jpg is 9, expected 0 to 7, 254 or 255"),
        (_set("status", np.array([1, 1, 255, 4], np.uint8)), "disagree on whether a face was found"),
        (_set("image", [b"a", b"a", b"b", b"c"]), "holds a name twice"),
        (_attribute("format", "something"), "not landmarks"),
        (_set("numbers/age", np.zeros(3, np.float32)), r"numbers 'age': expected float32 \(4,\), got float32 \(3,\)"),
        (_set("numbers/age", np.zeros(4, np.int32)), "/numbers/age: expected a column of numbers"),
        (_set("categories/race", np.zeros(4, np.int32)), "/categories/race: expected a JSON list of names"),
        (lambda file: file["categories/race"].attrs.__setitem__("names", '["a"]'), "expected codes from -1 to 0"),
        (lambda file: file["categories/race"].attrs.__setitem__("names", "{"), "/categories/race: expected a JSON"),
        (lambda file: file.move("numbers/age", "numbers/Smiling"), "label 'Smiling': expected one type, got two"),
        (_attribute("format_version", 4), "landmark format 4, this wsegs reads 1 to 3"),
        (_delete("scheme"), "/scheme is missing"),
        (_set("scheme", "{"), "Expecting property name"),
        (_set("scheme", "{}"), "/scheme: expected a key 'name'"),
        (_set("scheme", IBUG68_TEXT.replace('"points": 68', '"points": 67')), "ibug68 has points 0 to 66, got 67"),
        (_set("scheme", IBUG68_TEXT + " "), "damaged"),
        (_set("scheme", np.zeros(4)), "expected a text"),
        (_attribute("provenance", "{"), "provenance is not JSON"),
        (_attribute("sha256", "0"), "damaged"),
    ],
)
def test_what_is_wrong_is_named(table, tmp_path, change, message):
    path = tmp_path / "l.h5"
    write_landmarks(path, table)
    with h5py.File(path, "r+") as file:
        change(file)
    write_digests(path)
    with pytest.raises(DataError, match=message) as caught:
        read_landmarks(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_table_whose_arrays_do_not_fit_is_not_written(table, tmp_path):
    with pytest.raises(DataError, match="/identity has shape"):
        write_landmarks(tmp_path / "l.h5", replace(table, identity=np.zeros(3, np.int32)))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["../a.jpg", "/etc/passwd", "a/../../b.jpg", "C:\\a.jpg", "..\\a.jpg", "", "."])
def test_names_that_leave_the_folder_of_the_images_are_refused(table, tmp_path, name):
    outside = replace(table, images=(name, *table.images[1:]))
    with pytest.raises(DataError, match=r"l\.h5: /image: expected names of files below the data set's folder, got "):
        write_landmarks(tmp_path / "l.h5", outside)
    write_landmarks(tmp_path / "l.h5", table)
    with h5py.File(tmp_path / "l.h5", "r+") as file:
        file["image"][0] = name
    write_digests(tmp_path / "l.h5")
    with pytest.raises(DataError, match=r"l\.h5: /image: expected names of files below"):
        read_landmarks(tmp_path / "l.h5")
