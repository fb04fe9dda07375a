from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wsegs.datasets import open_dataset
from wsegs.datasets.boxes import boxes_by_name, boxes_by_path, write_boxes
from wsegs.errors import DataError, MissingError


def _table(tmp_path: Path) -> Path:
    path = tmp_path / "boxes.csv"
    rows = [("a/1.png", (1.5, 2, 30, 40.25), 0.5), ("a/1.png", (9, 9, 9, 9), 0.25), ("b.png", (0, 0, 8, 8), 1e-7)]
    write_boxes(path, rows)
    return path


def test_what_is_written_is_read_by_name_and_the_first_row_counts(tmp_path) -> None:
    path = _table(tmp_path)
    assert path.read_text().splitlines()[:2] == [
        "name,x,y,width,height,score",
        "a/1.png,1.50,2.00,30.00,40.25,0.50000000",
    ]
    boxes = boxes_by_name(path, ["b.png", "c.png", "a/1.png"])
    np.testing.assert_array_equal(boxes[[0, 2]], [[0, 0, 8, 8], [1.5, 2, 30, 40.25]])
    assert np.isnan(boxes[1]).all()


def test_paths_are_joined_by_their_ends(tmp_path) -> None:
    boxes = boxes_by_path(_table(tmp_path), [tmp_path / "x/a/1.png", tmp_path / "a/2.png", tmp_path / "b.png"])
    assert np.isfinite(boxes).all(axis=1).tolist() == [True, False, True]


def test_they_replace_the_boxes_of_a_data_set(tmp_path, truth_folder) -> None:
    file = tmp_path / "own.csv"
    file.write_text("file;height;width;y;x\nb.png;4;3;2;1\n")
    dataset = open_dataset(truth_folder / "images", boxes=file)
    np.testing.assert_array_equal(dataset.boxes[1], [1, 2, 3, 4])
    assert dataset.opened["boxes"] == str(file)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "name,x,y,width\na.png,1,2,3\n",
            "expected the columns x, y, width, height behind the file name, got x, y, width",
        ),
        (
            "name,x,y,width,height\na.png,1,2,3,0\n",
            "line 2: expected x, y, and a width and height above 0, got 1, 2, 3, 0",
        ),
        ("name,x,y,width,height\nz.png,1,2,3,4\n", "no row of any of the 1 images; the first is 'z.png', .* 'a.png'"),
        ("name,x,y,width,height\na.png,1,2,3,wide\n", "line 2, column 'height': expected a number, got 'wide'"),
        ("name,x,y,width,height\n../a.png,1,2,3,4\n", "line 2: expected a file name below the folder"),
    ],
)
def test_a_bad_table_is_refused_in_a_line(tmp_path, text, message) -> None:
    path = tmp_path / "boxes.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        boxes_by_name(path, ["a.png"])


def test_a_table_that_is_not_there(tmp_path) -> None:
    with pytest.raises(MissingError, match="no such file; wsegs locate makes one"):
        boxes_by_name(tmp_path / "no.csv", ["a.png"])
