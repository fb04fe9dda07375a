from __future__ import annotations

import pytest

from wsegs.datasets import open_dataset
from wsegs.datasets.layouts.class_folders import is_class_folders
from wsegs.errors import DataError, OptionError


def write(folder, image_file, *names):
    for name in names:
        image_file(folder / name)
    return folder


def test_a_folder_is_a_class(tmp_path, image_file):
    data = write(tmp_path, image_file, "dog/1.jpg", "cat/2.jpg", "cat/3.png", "dog/4.jpg")
    dataset = open_dataset(data)
    assert dataset.images == ("cat/2.jpg", "cat/3.png", "dog/1.jpg", "dog/4.jpg")
    assert dataset.categories["class"].names == ("cat", "dog")
    assert dataset.categories["class"].codes.tolist() == [0, 0, 1, 1]
    assert dataset.split.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("validation", ["val", "valid", "Validation"])
def test_folders_above_the_classes_are_splits(tmp_path, image_file, validation):
    names = [f"{split}/{name}/{i}.jpg" for split in ("train", validation, "test") for name in "ab" for i in range(2)]
    dataset = open_dataset(write(tmp_path, image_file, *names))
    assert dataset.categories["class"].names == ("a", "b")
    expected = {"train": 0, validation: 1, "test": 2}
    assert dataset.split.tolist() == [expected[name.split("/")[0]] for name in dataset.images]
    assert dataset.categories["class"].names_of_rows() == [name.split("/")[1] for name in dataset.images]


@pytest.mark.parametrize(
    "names",
    [
        ["Amy/1.jpg", "Bob/1.jpg", "Bob/2.jpg"],  # a folder a person: LFW
        ["cat/1.jpg", "cat/2.jpg"],  # one class says nothing
        ["cat/1.jpg", "cat/2.jpg", "dog/1.jpg", "dog/2.jpg", "extra.jpg"],
        ["cat/1.jpg", "cat/2.jpg", "dog/1.jpg", "dog/old/2.jpg"],
        ["images/1.jpg", "images/2.jpg", "masks/1.png", "masks/2.png"],
        ["train/1.jpg", "train/2.jpg", "test/1.jpg", "test/2.jpg"],  # splits without classes
        ["train/a/1.jpg", "train/a/2.jpg", "train/b/1.jpg", "train/b/2.jpg", "test/c/1.jpg"],  # a class never trained
        ["train/Amy/1.jpg", "train/Bob/1.jpg", "train/Bob/2.jpg"],
        [],
    ],
)
def test_folders_that_are_no_classes_are_left_alone(names):
    assert not is_class_folders(names)


def test_one_image_of_a_class_is_enough_where_splits_share_the_classes(tmp_path, image_file):
    data = write(tmp_path, image_file, "x/train/on/0.jpg", "x/train/off/2.jpg", "x/dev/on/1.jpg", "x/dev/off/3.jpg")
    dataset = open_dataset(data)
    assert dataset.categories["class"].names_of_rows() == ["off", "on", "off", "on"]
    assert dataset.split.tolist() == [1, 1, 0, 0]


def test_folders_of_splits_without_classes(tmp_path, image_file):
    data = write(tmp_path, image_file, "train/1.jpg", "Valid/2.jpg", "test/3.jpg")
    assert open_dataset(data).split.tolist() == [1, 2, 0]
    (data / "labels.csv").write_text("file,Hat\ntrain/1.jpg,1\ntest/3.jpg,0\n")
    dataset = open_dataset(data)
    assert dataset.split.tolist() == [0, 2]
    assert "the folders that images lie in are the splits" in dataset.notes
    (data / "labels.csv").write_text("file,Hat,split\ntrain/1.jpg,1,test\ntest/3.jpg,0,train\n")
    assert open_dataset(data).split.tolist() == [2, 0]


def test_folders_that_are_not_read_as_labels_are_named(tmp_path, image_file):
    (note,) = open_dataset(write(tmp_path, image_file, "Amy/1.jpg", "Bob/1.jpg", "Bob/2.jpg")).notes
    assert note == "2 folders, such as 'Amy', are not read as labels; --categories class reads each as a class"


def test_folders_are_classes_where_the_user_says_so(tmp_path, image_file):
    data = write(tmp_path, image_file, "Amy/1.jpg", "Bob/1.jpg", "Bob/2.jpg")
    assert open_dataset(data).categories == {}
    assert open_dataset(data, categories=["class"]).categories["class"].names == ("Amy", "Bob")
    image_file(data / "c.jpg")
    with pytest.raises(DataError, match=r"expected every image in a folder of its class, CLASS/, got 'c\.jpg'"):
        open_dataset(data, categories=["class"])


def test_a_table_of_labels_wins_over_the_folders(tmp_path, image_file):
    data = write(tmp_path, image_file, "dog/1.jpg", "cat/2.jpg", "cat/3.png", "dog/4.jpg")
    (data / "labels.csv").write_text("file,Hat\ndog/1.jpg,1\n")
    assert open_dataset(data).categories == {}
    with pytest.raises(OptionError, match=r"--categories class: .*labels\.csv has no such column"):
        open_dataset(data, categories=["class"])


@pytest.mark.slow
@pytest.mark.parametrize(("folder", "images", "classes"), [("objects", 1_800, 40), ("scenes", 900, 15)])
def test_real_class_folders(shared_data, folder, images, classes):
    dataset = open_dataset(shared_data / folder)
    assert (dataset.name, len(dataset), len(dataset.categories["class"].names)) == ("folder-classes", images, classes)


@pytest.mark.parametrize("folder", ["celebamask", "lfw/lfw-deepfunneled", "ibug300w"])
def test_real_folders_that_are_no_classes(shared_data, folder):
    assert open_dataset(shared_data / folder).categories == {}
