from __future__ import annotations

import json

import cv2
import numpy as np

from wsegs.datasets import open_dataset
from wsegs.datasets.description import describe_dataset, description_lines


def lines_of(data, read=()):
    described = describe_dataset(open_dataset(data), read)
    assert json.loads(json.dumps(described)) == described
    return description_lines(described)


def test_what_was_read_and_passed_over_in_one_line_each(folder, image_file):
    (folder / "LABELS.CSV").write_text(
        "file,Smiling,Male,split,identity\na.jpg,1,0,train,5\nb.PNG,0,,test,5\ndeep/er/c.jpeg,0,1,train,-1\n"
    )
    image_file(folder / "@eaDir/a.jpg")
    (folder / "points.csv").touch()
    assert lines_of(folder) == [
        f"read {folder}: 3 images (folder)",
        "  labels: 2 attributes, 5 labels (1 unknown), from LABELS.CSV",
        "  splits: 2 train, 1 test",
        "  people: 1, of 2 images; 1 image of unknown people",
        "  note: 1 person is both in train and in test",
        "  passed over: 1 folder '@eaDir' (thumbnails, hidden or the system's)",
        "  passed over: 1 .csv file, 'points.csv': --labels names a table of labels, --import one of landmarks",
    ]
    assert not any("points.csv" in line for line in lines_of(folder, [folder / "points.csv"]))


def test_nothing_known_is_said_too(folder):
    _, labels, splits, people, note = lines_of(folder.parent)
    assert labels == "  labels: none; labels.csv in the data set, or --labels, holds them"
    assert (splits, people) == ("  splits: 3 train", "  people: unknown")
    assert (
        note
        == ("  note: 2 folders, such as 'deep/er', are not read as labels; --categories class reads each as a class")
        or "folders" in note
    )


def test_folders_of_masks_are_no_photos(tmp_path, image_file):
    for name in ("images/1.jpg", "images/2.jpg"):
        image_file(tmp_path / name)
    (tmp_path / "masks").mkdir()
    for name in ("1.png", "2.png"):
        cv2.imwrite(str(tmp_path / "masks" / name), np.eye(8, dtype=np.uint8))
    dataset = open_dataset(tmp_path)
    assert dataset.images == ("images/1.jpg", "images/2.jpg")
    assert "passed over: 2 masks in masks/, which are no photos" in dataset.notes
    assert len(open_dataset(tmp_path / "masks")) == 2


def test_coloured_masks_of_the_images_beside_are_no_photos(tmp_path, image_file):
    for name in ("img/1.jpg", "img/2.jpg", "masks/1.png", "masks/2.png"):
        image_file(tmp_path / name)
    assert open_dataset(tmp_path).images == ("img/1.jpg", "img/2.jpg")
    image_file(tmp_path / "masks/3.png")  # of no image
    assert len(open_dataset(tmp_path)) == 5


def test_faces_with_masks_are_photos(tmp_path, image_file):
    for name in ("with_mask/1.png", "with_mask/2.png", "without_mask/1.png", "without_mask/2.png"):
        image_file(tmp_path / name)
    assert len(open_dataset(tmp_path)) == 4
