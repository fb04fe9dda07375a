"""Contract of a data set: a test class inherits this one and writes the layout in miniature."""

from __future__ import annotations

import json
import os
import pickle
import sys
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from tests.datasets.conftest import write_image
from wsegs.datasets import open_dataset
from wsegs.datasets.index import FaceDataset

PER_IMAGE = ("attributes", "identity", "split", "boxes", "points")


class DatasetTester:
    """What every layout must do.

    A test class sets ``name``, the name of the data set, writes its files in :meth:`write`, and where the defaults do
    not fit sets the other attributes.
    """

    name: str
    options: ClassVar[dict[str, Any]] = {}
    """Keywords of ``open_dataset``."""
    extra = "extra.jpg"
    """A further image, relative to the data set's folder, that no table knows."""
    labels: ClassVar[dict[str, set[str]]] = {}
    """Names of numbers and categories."""

    def write(self, data: Path) -> None:
        """Write at least four images and their labels below ``data``."""
        raise NotImplementedError

    @pytest.fixture
    def data(self, tmp_path: Path) -> Path:
        (tmp_path / "data").mkdir()
        self.write(tmp_path / "data")
        return tmp_path / "data"

    def open(self, data: Path) -> FaceDataset:
        return open_dataset(data, **self.options)

    def rows(self, dataset: FaceDataset) -> dict[str, dict[str, Any]]:
        """Return all that is known of each image, by its name."""
        columns = {field: getattr(dataset, field) for field in PER_IMAGE}
        columns |= dataset.numbers
        columns = {name: column.tolist() for name, column in columns.items() if column is not None}
        columns |= {name: category.names_of_rows() for name, category in dataset.categories.items()}
        known = {}
        for row, image in enumerate(dataset.images):
            known[image] = {name: repr(column[row]) for name, column in columns.items()}  # nan equals nan in words
        return known

    def test_the_layout_is_recognised(self, data):
        dataset = self.open(data)
        assert dataset.name == self.name
        assert len(dataset) >= 4
        assert {*dataset.numbers} == self.labels.get("numbers", set())
        assert {*dataset.categories} == self.labels.get("categories", set())

    def test_arrays_are_of_the_shapes_and_types_that_are_promised(self, data):
        dataset = self.open(data)
        n = len(dataset)
        assert (dataset.attributes.shape, dataset.attributes.dtype) == ((n, len(dataset.attribute_names)), np.int8)
        assert (dataset.identity.shape, dataset.identity.dtype) == ((n,), np.int32)
        assert (dataset.split.shape, dataset.split.dtype) == ((n,), np.int8)
        assert {*np.unique(dataset.attributes)} <= {-1, 0, 1}
        assert {*np.unique(dataset.split)} <= {0, 1, 2}
        assert (dataset.identity >= -1).all()
        for values in dataset.numbers.values():
            assert (values.shape, values.dtype) == ((n,), np.float32)
            assert not np.isinf(values).any()
        for category in dataset.categories.values():
            assert (category.codes.shape, category.codes.dtype) == ((n,), np.int64)
            assert ((category.codes >= -1) & (category.codes < len(category.names))).all()

    def test_every_image_is_a_file_and_there_once(self, data):
        dataset = self.open(data)
        assert dataset.root.is_absolute()
        assert len({*dataset.images}) == len(dataset)
        assert all(dataset.path(row).is_file() for row in range(len(dataset)))

    def test_nothing_in_the_folder_changes(self, data):
        before = {path: path.stat().st_mtime_ns for path in data.rglob("*")}
        self.open(data)
        assert {path: path.stat().st_mtime_ns for path in data.rglob("*")} == before

    def test_it_opens_alike_again_and_from_another_folder(self, data, monkeypatch):
        first = self.open(data)
        monkeypatch.chdir(data.parent)
        again = self.open(Path(data.name))
        assert (again.name, again.root, again.images) == (first.name, first.root, first.images)
        assert self.rows(again) == self.rows(first)

    def test_it_survives_pickling(self, data):
        dataset = self.open(data)
        again = pickle.loads(pickle.dumps(dataset))
        assert (again.name, again.root, again.images) == (dataset.name, dataset.root, dataset.images)
        assert self.rows(again) == self.rows(dataset)
        assert again.categories == dataset.categories

    def test_a_selection_keeps_what_belongs_to_an_image(self, data):
        dataset = self.open(data)
        known = self.rows(dataset)
        for rows in ([3, 0], slice(None, None, -1), dataset.split == dataset.split[0], []):
            picked = np.arange(len(dataset))[rows].tolist()
            chosen = dataset.select(np.arange(len(dataset))[rows] if isinstance(rows, slice) else rows)
            assert chosen.images == tuple(dataset.images[row] for row in picked)
            assert self.rows(chosen) == {name: known[name] for name in chosen.images}

    def test_splits_share_the_images(self, data):
        dataset = self.open(data)
        rows = np.concatenate([dataset.indices_of(split) for split in ("train", "validation", "test")])
        assert sorted(rows.tolist()) == dataset.indices_of("all").tolist()

    def test_labels_are_joined_by_name_when_an_image_is_missing(self, data):
        dataset = self.open(data)
        known = self.rows(dataset)
        gone = dataset.images[1]
        dataset.path(1).unlink()
        assert self.rows(self.open(data)) == {name: row for name, row in known.items() if name != gone}

    def test_an_image_that_no_table_knows_gets_nobodys_labels(self, data):
        known = self.rows(self.open(data))
        write_image(data / self.extra)
        now = self.rows(self.open(data))
        assert {name: now[name] for name in known} == known

    @pytest.mark.skipif(sys.platform != "linux", reason="file names need not be UTF-8 on Linux alone")
    def test_a_name_that_is_not_utf8_is_no_obstacle(self, data):
        known = self.rows(self.open(data))
        extra = data / self.extra
        write_image(extra)
        try:
            extra.rename(extra.with_name(os.fsdecode(b"\xff\xe4.jpg")))
        except OSError:
            pytest.skip("this file system takes UTF-8 alone")
        now = self.rows(self.open(data))
        assert {name: now[name] for name in known} == known

    def test_the_summary_is_json(self, data):
        summary = self.open(data).summary()
        assert json.loads(json.dumps(summary)) == summary
        assert summary["images"] == sum(summary["splits"].values())
