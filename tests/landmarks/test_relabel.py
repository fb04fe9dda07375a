"""Labels that were corrected after landmarks were found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from wsegs.datasets import open_dataset
from wsegs.landmarks.relabel import find_label_difference, relabelled

HEADER = "file,Smiling,Male,split,identity,age,race\n"
ROWS = ("a.png,1,0,train,5,31,White\n", "b.png,0,,test,-1,,\n", "c.png,0,1,train,6,7,Asian\n")
OPTIONS = {"numbers": ["age"], "categories": ["race"]}


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for name in "abc":
        (folder / f"{name}.png").touch()
    (folder / "labels.csv").write_text(HEADER + "".join(ROWS))
    return folder


@pytest.fixture
def labelled(data, table):
    """A table of these three images, as `wsegs landmarks` makes it of this data set."""
    dataset = open_dataset(data, **OPTIONS)
    return relabelled(replace(table.select([0, 1, 3]), images=dataset.images), dataset)


def edit(data, old, new):
    path = data / "labels.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_no_difference(labelled, data):
    assert find_label_difference(labelled) is None
    edit(data, "Smiling", "smiling ")  # the same, spelled otherwise
    edit(data, "5,31,White", "5.0,31.0, White")
    assert find_label_difference(labelled) is None


@pytest.mark.parametrize(
    ("old", "new", "rows", "words"),
    [
        ("a.png,1", "a.png,0", [0], "a.png: Smiling 1, now 0"),
        ("b.png,0,,", "b.png,0,1,", [1], "b.png: Male unknown, now 1"),
        ("c.png,0,1,train", "c.png,0,1,dev", [2], "c.png: split train, now validation"),
        ("test,-1", "test,9", [1], "b.png: identity unknown, now 9"),
        ("5,31", "5,32", [0], "a.png: age 31.0, now 32.0"),
        ("Asian", "Black", [2], "c.png: race Asian, now Black"),
        (ROWS[1], "", [1], "b.png: has no labels now"),
        ("Male", "Female", [0, 2], "a.png: Male 0, now unknown"),
        ("Smiling,Male", "Hat,Male", [0, 1, 2], "a.png: Smiling 1, now unknown"),
    ],
)
def test_differences_are_told_and_taken(labelled, data, old, new, rows, words):
    edit(data, old, new)
    difference = find_label_difference(labelled)
    assert difference.rows.tolist() == rows
    assert f"the labels of {len(rows)} of 3 images are others in {data} now" in str(difference)
    assert words in str(difference)
    again = relabelled(labelled, open_dataset(data, **OPTIONS))
    np.testing.assert_array_equal(again.landmarks, labelled.landmarks)
    assert again.images == labelled.images
    remaining = find_label_difference(again)
    assert remaining is None or remaining.example == "b.png: has no labels now"


def test_a_table_of_labels_that_was_written_since(data, table):
    labels = (data / "labels.csv").read_text()
    (data / "labels.csv").unlink()
    dataset = open_dataset(data)
    unlabelled = relabelled(replace(table.select([0, 1, 3]), images=dataset.images), dataset)
    assert find_label_difference(unlabelled) is None
    (data / "labels.csv").write_text("file,Hat\na.png,1\nb.png,\nc.png,0\n")
    assert find_label_difference(unlabelled).rows.tolist() == [0, 2]
    assert find_label_difference(unlabelled).example == "a.png: Hat unknown, now 1"
    (data / "labels.csv").write_text(labels)


def test_what_has_no_labels_any_more_is_unknown(labelled, data):
    edit(data, ROWS[1], "")
    again = relabelled(labelled, open_dataset(data, **OPTIONS))
    assert again.attributes.tolist() == [[1, 0], [-1, -1], [0, 1]]
    assert (again.identity.tolist(), again.split.tolist()) == ([5, -1, 6], [0, 2, 0])
    assert np.isnan(again.numbers["age"][1])


def test_nothing_to_compare_with(labelled, data, tmp_path):
    assert find_label_difference(replace(labelled, provenance={})) is None
    edit(data, "Smiling", "Smiling,Smiling")
    assert find_label_difference(labelled) is None  # whoever reads the table says that it is damaged
    data.rename(tmp_path / "moved")
    assert find_label_difference(labelled) is None
    edit(tmp_path / "moved", "Smiling,Smiling", "Smiling")
    edit(tmp_path / "moved", "a.png,1", "a.png,0")
    assert find_label_difference(labelled, tmp_path / "moved").rows.tolist() == [0]
