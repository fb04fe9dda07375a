import csv
import json
import pickle
from dataclasses import replace

import numpy as np
import pytest

from wsegs.datasets import open_dataset, write_unmatched
from wsegs.datasets.index import Unmatched
from wsegs.errors import DataError, OptionError


def test_select_keeps_everything_together(celeba, expected):
    dataset = open_dataset(celeba(folder="img_celeba"), images="wild")
    chosen = dataset.select([3, 0])
    assert chosen.images == ("000004.jpg", "000001.jpg")
    for field, values in expected.items():
        scale = 2 if field == "points" else 1
        np.testing.assert_array_equal(getattr(chosen, field), scale * values[[3, 0]])
    assert dataset.select(dataset.split == 1).images == ("000003.jpg",)
    assert len(dataset.select([])) == 0
    with pytest.raises(IndexError):
        dataset.select([4])


def test_indices_of(celeba):
    dataset = open_dataset(celeba())
    found = {split: dataset.indices_of(split).tolist() for split in ("train", "validation", "test", "all")}
    assert found == {"train": [0, 1], "validation": [2], "test": [3], "all": [0, 1, 2, 3]}
    with pytest.raises(OptionError, match=r"unknown split 'tset'.*did you mean 'test'"):
        dataset.indices_of("tset")


def test_summary_is_json(celeba):
    data = celeba(names=("000001.jpg", "000003.jpg", "000004.jpg"))
    summary = open_dataset(data).summary()
    assert json.loads(json.dumps(summary)) == summary
    assert summary["images"] == 3
    assert summary["identities"] == 2
    assert summary["splits"] == {"train": 1, "validation": 1, "test": 1}
    assert summary["unmatched"]["row without an image"] == 1


def test_pickles(celeba):
    dataset = open_dataset(celeba())
    again = pickle.loads(pickle.dumps(dataset))
    assert again.images == dataset.images
    np.testing.assert_array_equal(again.attributes, dataset.attributes)


def test_shapes_are_checked(celeba):
    dataset = open_dataset(celeba())
    with pytest.raises(DataError, match=r"expected split of shape \(4,\), got \(3,\)"):
        replace(dataset, split=dataset.split[:3])


def test_write_unmatched(folder, tmp_path):
    dataset = replace(open_dataset(folder), unmatched=(Unmatched("name twice", 'a, "ü".jpg', "x.csv"),))
    write_unmatched(dataset, tmp_path / "out" / "unmatched.csv")
    with (tmp_path / "out" / "unmatched.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [["kind", "name", "source"], list(dataset.unmatched[0])]
