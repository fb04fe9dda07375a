from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.datasets.conftest import write_celeba, write_image
from wsegs.datasets import open_dataset
from wsegs.datasets.class_pictures import SOURCES, write_class_pictures
from wsegs.errors import DataError, OptionError, OutputExistsError


@pytest.fixture
def sources(tmp_path) -> dict[str, list[Path]]:
    """Faces of CelebA, two of which are trained on, and others of two folders in three sizes."""
    write_celeba(tmp_path / "celeba")
    for number in range(5):
        write_image(tmp_path / f"scenes/street/{number}.png", (24, 40))
        write_image(tmp_path / f"scenes/coast/{number}.png", (12, 14))
    write_image(tmp_path / "more/thing.jpg", (64, 20))
    return {"face": [tmp_path / "celeba"], "other": [tmp_path / "scenes", tmp_path / "more"]}


def test_classes_are_alike_in_size_number_and_colour(sources, tmp_path) -> None:
    summary = write_class_pictures(sources, tmp_path / "out", side=16)
    assert summary["pictures"] == 2  # of the train split, of the two that have fewest
    assert summary["classes"]["other"] == {"found": 6, "too_small": 5, "unreadable": 0}
    dataset = open_dataset(tmp_path / "out")
    assert dataset.name == "folder-classes"
    assert dataset.categories["class"].names == ("face", "other")
    assert np.bincount(dataset.categories["class"].codes).tolist() == [2, 2]
    for row in range(4):
        image = cv2.imread(str(dataset.path(row)), cv2.IMREAD_UNCHANGED)
        assert image.shape == (16, 16)  # one channel: grey
    with (tmp_path / "out" / SOURCES).open() as file:
        rows = list(csv.DictReader(file))
    assert {row["image"] for row in rows} == set(dataset.images)
    assert {Path(row["file"]).name for row in rows if row["class"] == "face"} == {"000001.jpg", "000002.jpg"}


def test_the_middle_is_cut_out(tmp_path) -> None:
    wide = np.zeros((8, 24, 3), np.uint8)
    wide[:, 8:16] = 200
    for name in ("a/1.png", "a/2.png", "b/1.png", "b/2.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / name), wide)
    classes = {"a": [tmp_path / "a"], "b": [tmp_path / "b"]}
    write_class_pictures(classes, tmp_path / "out", side=8, colours=True)
    image = cv2.imread(str(tmp_path / "out/b/000000.png"), cv2.IMREAD_UNCHANGED)
    assert image.shape == (8, 8, 3)
    assert (image == 200).all()


def test_a_sample_is_always_the_same(sources, tmp_path) -> None:
    for name, seed in (("one", 0), ("two", 0), ("three", 1)):
        write_class_pictures(sources, tmp_path / name, side=12, count=2, seed=seed)
    one, two, three = ((tmp_path / name / SOURCES).read_text() for name in ("one", "two", "three"))
    assert one == two
    assert one != three


def test_what_cannot_be_read_is_left_out(sources, tmp_path) -> None:
    (tmp_path / "scenes/street/0.png").write_bytes(b"half")
    summary = write_class_pictures(sources, tmp_path / "out", side=16)
    assert summary["classes"]["other"] == {"found": 5, "too_small": 5, "unreadable": 1}


def test_wrong_input_is_told_and_leaves_nothing(sources, tmp_path) -> None:
    with pytest.raises(OptionError, match="expected two classes or more, got face"):
        write_class_pictures({"face": sources["face"]}, tmp_path / "out")
    with pytest.raises(OptionError, match="'a/b': expected the name of a class"):
        write_class_pictures({"a/b": sources["face"], "c": sources["other"]}, tmp_path / "out")
    with pytest.raises(OptionError, match="--count 3: expected at most 2, so many pictures of at least 16x16"):
        write_class_pictures(sources, tmp_path / "out", side=16, count=3)
    with pytest.raises(DataError, match="expected pictures of at least 400x400 for the class 'face', got none"):
        write_class_pictures(sources, tmp_path / "out", side=400)
    assert not (tmp_path / "out").exists()


def test_only_folders_of_its_own_are_overwritten(sources, tmp_path) -> None:
    with pytest.raises(OutputExistsError, match="was not written by wsegs classes"):
        write_class_pictures(sources, tmp_path / "scenes", side=16, force=True)
    write_class_pictures(sources, tmp_path / "out", side=16)
    with pytest.raises(OutputExistsError, match="--force overwrites it"):
        write_class_pictures(sources, tmp_path / "out", side=16)
    write_class_pictures(sources, tmp_path / "out", side=12, force=True)
    assert cv2.imread(str(tmp_path / "out/face/000000.png")).shape == (12, 12, 3)
