import os

import numpy as np
import pytest

from wsegs.datasets import leaks
from wsegs.datasets.leaks import Leak, describe_leaks, find_leaks
from wsegs.io.checksum import glimpse


def test_people_and_pictures_in_two_splits_are_counted(tmp_path):
    # Of one size: a and b are one picture, c differs in the middle, d at its end alone.
    contents = {"a.png": b"x" * 999, "b.png": b"x" * 999, "c.png": b"x" * 500 + b"y" * 499, "d.png": b"x" * 998 + b"z"}
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "e.png").write_bytes(b"x" * 998)
    images = [*contents, "e.png", "missing.png"]
    split = np.array([0, 2, 2, 2, 1, 2], np.int8)
    identity = np.array([5, -1, 5, 6, 5, -1], np.int32)
    assert find_leaks(images, identity, split, tmp_path) == [
        Leak("train", "validation", people=1, pictures=0),
        Leak("train", "test", people=1, pictures=1),
        Leak("validation", "test", people=1, pictures=0),
    ]
    assert find_leaks(images, identity, split, None)[1] == Leak("train", "test", people=1, pictures=0)


def test_one_split_and_unknown_people_leak_nothing(tmp_path):
    (tmp_path / "a.png").write_bytes(b"x")
    assert find_leaks(["a.png", "a.png"], np.array([1, 1]), np.array([0, 0]), tmp_path) == []
    assert find_leaks(["b.png", "c.png"], np.array([-1, -1]), np.array([0, 2]), tmp_path) == []


def test_rows_that_are_not_in_use_are_not_looked_at(tmp_path, monkeypatch):
    images = [f"{i}.png" for i in range(6)]
    for name in images:
        (tmp_path / name).write_bytes(b"one picture")
    seen = []
    monkeypatch.setattr(leaks, "_size", lambda path: seen.append(path) or 11)
    split, nobody = np.array([0, 0, 0, 2, 2, 2]), np.full(6, -1)
    assert find_leaks(images, nobody, split, tmp_path, np.array([1, 4])) == [Leak("train", "test", 0, 1)]
    assert seen == [str(tmp_path / "1.png"), str(tmp_path / "4.png")]
    assert find_leaks(images, np.array([7, 8, 8, 7, 8, 9]), split, None, np.array([0, 2, 3])) == [
        Leak("train", "test", 1, 0)
    ]


def test_of_many_files_some_sizes_are_compared_in_whole(tmp_path, monkeypatch):
    """Twenty pictures, each in train and in test, are told apart by their sizes alone."""
    images = [f"{part}{i}.png" for i in range(20) for part in "ab"]
    for name in images:
        (tmp_path / name).write_bytes(b"x" * (10 + int(name[1:-4])))
    opened = []
    monkeypatch.setattr(leaks, "glimpse", lambda path: opened.append(path) or glimpse(path))
    split, nobody = np.array([0, 2] * 20), np.full(40, -1)
    (leak,) = find_leaks(images, nobody, split, tmp_path, most=9)
    assert leak == Leak("train", "test", 0, 4, sampled=True)
    assert len(opened) == 8
    assert describe_leaks([leak]) == "at least 4 pictures are both in train and in test"
    assert find_leaks(images, nobody, split, tmp_path, most=9) == [leak]
    assert find_leaks(images, nobody, split, tmp_path) == [Leak("train", "test", 0, 20)]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_pipes_block_nothing(tmp_path):
    for name in "ab":
        os.mkfifo(tmp_path / name)
    assert find_leaks(["a", "b"], np.array([-1, -1]), np.array([0, 2]), tmp_path) == []


def test_the_words():
    assert describe_leaks([]) == ""
    found = [Leak("train", "validation", 1, 0), Leak("train", "test", 0, 2)]
    assert describe_leaks(found) == (
        "1 person is both in train and in validation; 2 pictures are both in train and in test"
    )
