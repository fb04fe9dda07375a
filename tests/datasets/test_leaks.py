import numpy as np

from wsegs.datasets.leaks import Leak, describe_leaks, find_leaks


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


def test_the_words():
    assert describe_leaks([]) == ""
    leaks = [Leak("train", "validation", 1, 0), Leak("train", "test", 0, 2)]
    assert describe_leaks(leaks) == (
        "1 person is both in train and in validation; 2 pictures are both in train and in test"
    )
