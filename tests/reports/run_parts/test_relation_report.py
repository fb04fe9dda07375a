from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from wsegs.datasets.tables.columns import CELEBA_ATTRIBUTES
from wsegs.io.files import write_table
from wsegs.reports.run_parts.relation_report import (
    draw_relation_curve,
    draw_relations,
    groups_of,
    read_relations,
)

NAMES = ("a", "b", "c", "d")


def _run(names=NAMES, **options):
    """What is asked of a run."""
    return SimpleNamespace(attribute_names=names, plan=SimpleNamespace(network=SimpleNamespace(options=options)))


def test_attributes_are_in_the_order_of_their_groups() -> None:
    own = _run(groups={"second": [3, 0], "first": [1, 2]})
    assert groups_of(own, NAMES) == [("second", [0, 3]), ("first", [1, 2])]
    assert groups_of(own, ("c", "a")) == [("second", [1]), ("first", [0])]  # those that an evaluation has
    assert [(title, list(places)) for title, places in groups_of(_run(), NAMES)] == [("", [0, 1, 2, 3])]
    celeba = groups_of(_run(CELEBA_ATTRIBUTES), CELEBA_ATTRIBUTES)
    assert [len(places) for _, places in celeba] == [10, 5, 1, 2, 4, 6, 2, 2, 8]


def test_a_table_of_pairs_becomes_two_matrices(tmp_path) -> None:
    rows = [["a", "b", "0.50000", "-0.25000"], ["a", "c", "", "0.10000"], ["b", "c", "1.00000", ""]]
    write_table(tmp_path / "relations.csv", ["attribute", "other", "true", "learnt"], rows)
    names, true, learnt = read_relations(tmp_path / "relations.csv")
    assert names == ("a", "b", "c")
    np.testing.assert_array_equal(true, [[1, 0.5, np.nan], [0.5, 1, 1], [np.nan, 1, 1]])
    np.testing.assert_array_equal(learnt, [[1, -0.25, 0.1], [-0.25, 1, np.nan], [0.1, np.nan, 1]])


def test_a_matrix_is_red_where_attributes_go_together_and_blue_where_they_exclude_each_other(tmp_path) -> None:
    matrix = np.array([[1.0, -1, 0, np.nan], [-1, 1, 0, 0], [0, 0, 1, 0], [np.nan, 0, 0, 1]])
    draw_relations({"one": matrix}, NAMES, [("", range(4))], tmp_path / "one.png")
    draw_relations({"one": matrix}, NAMES, [("x", [1, 0]), ("y", [2, 3])], tmp_path / "other.png")
    red, blue, grey = (_share(tmp_path / "one.png", colour) for colour in ((103, 0, 31), (5, 48, 97), (187, 187, 187)))
    assert red > 1.5 * blue > 0  # four cells against two; the colour bar has some of both
    assert grey > 0
    assert _share(tmp_path / "other.png", (187, 187, 187)) == pytest.approx(grey, rel=0.2)


def _share(picture, colour) -> float:
    image = cv2.imread(str(picture))[..., ::-1].astype(int)
    return float((np.abs(image - colour).sum(axis=2) < 12).mean())


def test_the_curve_of_the_steps(tmp_path) -> None:
    columns = ["step", "relation_distance", "relation_positive_pairs", "relation_negative_pairs"]
    write_table(tmp_path / "steps.csv", columns, [[step, 0.1 / step, step % 2, 700] for step in range(1, 20)])
    draw_relation_curve(tmp_path / "steps.csv", tmp_path / "curve.png")
    assert cv2.imread(str(tmp_path / "curve.png")).std() > 10
