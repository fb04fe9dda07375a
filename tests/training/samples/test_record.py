"""What a run keeps of its images, and what is said when others come."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest

from tests.training.tiny import make_store, tiny_recipe
from wsegs.datasets.typed_labels import Categories
from wsegs.errors import DataError
from wsegs.training.samples.opening import OpenStore, rows_of
from wsegs.training.samples.record import differences, read_record, write_record
from wsegs.training.train import train


@pytest.fixture
def begun(store, tmp_path):
    """The tables of a store as it is."""
    files = tmp_path / "train.csv", tmp_path / "validation.csv"
    opened = OpenStore(store, store.data_root)
    rows = rows_of(opened, fraction=0.2, hold_out="people", limit=0)
    write_record(*files, opened, rows)
    return files


def _differences(begun, store, root=None) -> list[str]:
    opened = OpenStore(store, root or store.data_root)
    return differences(*begun, opened, rows_of(opened, fraction=0.2, hold_out="people", limit=0))


def _changed(table, tmp_path, **fields):
    (tmp_path / "other").mkdir(exist_ok=True)
    return make_store(tmp_path / "other", replace(table, **fields))


def test_a_record_holds_what_an_image_is_known_by(begun, store) -> None:
    train_, validation = map(read_record, begun)
    assert len(train_) + len(validation) == 22
    assert not set(train_) & set(validation)
    record = {**train_, **validation}["faces/005.png"]
    labels = "".join("?" if label < 0 else str(label) for label in store.attributes[5])
    assert (record["identity"], record["attributes"], labels[0]) == ("2", labels, "?")
    assert record["picture"].startswith(f"{(store.data_root / 'faces/005.png').stat().st_size}-")


def test_the_same_images_differ_in_nothing_wherever_they_are(begun, store, tmp_path) -> None:
    assert _differences(begun, store) == []
    assert _differences(begun, store, shutil.copytree(store.data_root, tmp_path / "copy")) == []
    assert _differences((tmp_path / "none", tmp_path / "none"), store) == []  # an older run kept nothing


def test_another_split_is_counted_with_an_example(begun, table, tmp_path) -> None:
    split = table.split.copy()
    split[[0, 1]] = 1
    (phrase,) = _differences(begun, _changed(table, tmp_path, split=split))
    assert "the split of " in phrase
    assert "'faces/0" in phrase
    assert "which was " in phrase


def test_other_labels_people_and_landmarks_are_told(begun, table, tmp_path) -> None:
    attributes = table.attributes.copy()
    attributes[[6, 7], 1] = 1 - attributes[[6, 7], 1]
    assert _differences(begun, _changed(table, tmp_path, attributes=attributes)) == [
        "the labels of 2, such as 'faces/006.png'"
    ]


def test_moved_landmarks_are_told(begun, table, tmp_path) -> None:
    landmarks = table.landmarks.copy()
    landmarks[8] += 3
    assert _differences(begun, _changed(table, tmp_path, landmarks=landmarks)) == [
        "the landmarks of 1, such as 'faces/008.png'"
    ]


def test_exchanged_images_are_told(begun, store, tmp_path) -> None:
    copy = shutil.copytree(store.data_root, tmp_path / "copy")
    shutil.copyfile(copy / "faces/009.png", copy / "faces/010.png")
    assert _differences(begun, store, copy) == ["the pixels of 1, such as 'faces/010.png'"]


def test_numbers_and_categories_are_compared(table, tmp_path) -> None:
    ages = np.arange(len(table), dtype=np.float32)
    race = Categories(("a", "b"), np.arange(len(table)) % 2)
    store = _changed(table, tmp_path, numbers={"picture": ages}, categories={"race": race})
    files = tmp_path / "train.csv", tmp_path / "validation.csv"
    opened = OpenStore(store, store.data_root)
    write_record(*files, opened, rows_of(opened, fraction=0.2, hold_out="people", limit=0))
    assert _differences(files, store) == []
    ages[4] = 70
    (tmp_path / "other" / "masks.h5").unlink()
    other = _changed(table, tmp_path, numbers={"picture": ages}, categories={"race": race})
    assert _differences(files, other) == ["the labels of 1, such as 'faces/004.png'"]


@pytest.mark.slow
def test_a_training_is_not_resumed_on_other_data(run_folder, table, tmp_path) -> None:
    folder = shutil.copytree(run_folder, tmp_path / "run")
    split = table.split.copy()
    split[:4] = 1
    with pytest.raises(DataError, match=r"--resume: .*begun on other data; .*the split of \d+, such as 'faces/"):
        train(tiny_recipe(validate_every=2), _changed(table, tmp_path, split=split), folder, resume=True)
