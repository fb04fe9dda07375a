"""What a run keeps of its images, and what is said when others come."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest

from tests.training.tiny import make_store, recipe_of, tiny_recipe, write_truth
from wsegs.datasets.typed_labels import Categories
from wsegs.errors import DataError
from wsegs.rules.tuning.class_map import parse_classes
from wsegs.training.run_folder import tables_of
from wsegs.training.samples.class_maps import HumanClasses
from wsegs.training.samples.opening import OpenStore, rows_of
from wsegs.training.samples.record import Recorded, differences, read_record, write_record
from wsegs.training.train import train


@pytest.fixture
def begun(store, tmp_path):
    """A folder with the tables of a store as it is."""
    write_record(tmp_path, [_recorded(store)])
    return tmp_path


def _recorded(store, root=None, class_maps=None) -> Recorded:
    opened = OpenStore(store, root or store.data_root)
    return Recorded(opened, rows_of(opened, fraction=0.2, hold_out="people", limit=0), class_maps)


def _differences(begun, store, root=None) -> list[str]:
    return differences(begun, [_recorded(store, root)])


def _changed(table, tmp_path, **fields):
    (tmp_path / "other").mkdir(exist_ok=True)
    return make_store(tmp_path / "other", replace(table, **fields))


def test_a_record_holds_what_an_image_is_known_by(begun, store) -> None:
    train_, validation = (read_record(begun / name) for name in tables_of(0))
    assert len(train_) + len(validation) == 22
    assert not set(train_) & set(validation)
    record = {**train_, **validation}["faces/005.png"]
    labels = "".join("?" if label < 0 else str(label) for label in store.attributes[5])
    assert (record["identity"], record["attributes"], labels[0]) == ("2", labels, "?")
    assert record["picture"].startswith(f"{(store.data_root / 'faces/005.png').stat().st_size}-")


def test_the_same_images_differ_in_nothing_wherever_they_are(begun, store, tmp_path) -> None:
    assert _differences(begun, store) == []
    assert _differences(begun, store, shutil.copytree(store.data_root, tmp_path / "copy")) == []
    assert _differences(tmp_path / "none", store) == []  # an older run kept nothing


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
    write_record(tmp_path, [_recorded(store)])
    assert _differences(tmp_path, store) == []
    ages[4] = 70
    (tmp_path / "other" / "masks.h5").unlink()
    other = _changed(table, tmp_path, numbers={"picture": ages}, categories={"race": race})
    assert _differences(tmp_path, other) == ["the labels of 1, such as 'faces/004.png'"]


CLASSES = "classes: {background: 0, eyes: 7, mouth: 300}\nregions: {none: background, eyes: eyes, mouth: mouth}\n"


def test_each_source_has_tables_and_is_compared(store, table, tmp_path) -> None:
    write_truth(tmp_path / "human", table)
    human = HumanClasses(store.images, "x", tmp_path / "human/masks", parse_classes(CLASSES, "x.yaml"))
    now = [_recorded(store), _recorded(store, class_maps=human)]
    write_record(tmp_path, now)
    assert (tmp_path / "training_images-2.csv").is_file()
    assert differences(tmp_path, now) == []
    attributes = table.attributes.copy()
    attributes[6, 1] = 1 - attributes[6, 1]
    other = _changed(table, tmp_path, attributes=attributes)
    assert differences(tmp_path, [_recorded(store), _recorded(other, class_maps=human)]) == [
        f"the labels of 1, such as 'faces/006.png' in {other.path}"
    ]
    human.file(8).write_bytes(human.file(8).read_bytes() + b"another")
    assert differences(tmp_path, now) == [f"the human mask of 1, such as 'faces/008.png' in {store.path}"]


@pytest.mark.slow
def test_a_joint_training_is_not_resumed_on_another_second_source(table, tmp_path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    first, second = (make_store(tmp_path / folder, table) for folder in ("one", "two"))
    write_truth(tmp_path / "human", table)
    (tmp_path / "classes.yaml").write_text(CLASSES)
    parsing = {"from": "masks", "parsing_masks": str(tmp_path / "human/masks"), "store": str(second.path)}
    parsing["class_map"] = str(tmp_path / "classes.yaml")
    recipe = recipe_of("joint", **{f"tasks.parsing.{key}": value for key, value in parsing.items()}, max_steps=2)
    train(recipe, first, tmp_path / "run")
    for name in tables_of(1):
        assert len(read_record(tmp_path / "run" / name)) > 0
    split = table.split.copy()
    split[:4] = 1
    second.path.unlink()
    make_store(tmp_path / "two", replace(table, split=split))
    with pytest.raises(DataError, match=r"begun on other data; .*the split of \d+, such as 'faces/.* in .*two/masks"):
        train(recipe, first, tmp_path / "run", resume=True)
    train(tiny_recipe(max_steps=2), first, tmp_path / "run", force=True)
    assert not (tmp_path / "run" / "training_images-2.csv").exists()


@pytest.mark.slow
def test_a_training_is_not_resumed_on_other_data(run_folder, table, tmp_path) -> None:
    folder = shutil.copytree(run_folder, tmp_path / "run")
    split = table.split.copy()
    split[:4] = 1
    with pytest.raises(DataError, match=r"--resume: .*begun on other data; .*the split of \d+, such as 'faces/"):
        train(tiny_recipe(validate_every=2), _changed(table, tmp_path, split=split), folder, resume=True)
