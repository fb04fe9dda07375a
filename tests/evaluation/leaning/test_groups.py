from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wsegs.datasets.index import FaceDataset
from wsegs.datasets.typed_labels import Categories
from wsegs.errors import OptionError
from wsegs.evaluation.leaning.bootstrap import PeopleBootstrap
from wsegs.evaluation.leaning.groups import find_groupings, score_groups

LABELS = np.array([[1, 1, 1], [1, 0, 1], [0, 1, 1], [0, 0, 1], [-1, 1, 1]], np.int8)


@pytest.fixture
def dataset() -> FaceDataset:
    return FaceDataset(
        name="folder",
        root=Path("faces"),
        images=("a", "b", "c", "d", "e"),
        attribute_names=("Male", "Smiling", "Young"),
        attributes=LABELS,
        identity=np.array([1, 1, 2, 3, -1], np.int32),
        split=np.zeros(5, np.int8),
        categories={"race": Categories(("a", "b", "c"), np.array([0, 0, 1, -1, 1]))},
    )


def test_faces_by_attribute_and_category(dataset) -> None:
    by_sex, by_race = find_groupings(dataset, ["Male", "race"], np.arange(5))
    assert {name: rows.tolist() for name, rows in by_sex.members.items()} == {
        "Male": [True, True, False, False, False],
        "not Male": [False, False, True, True, False],
    }
    assert {name: np.flatnonzero(rows).tolist() for name, rows in by_race.members.items()} == {"a": [0, 1], "b": [2, 4]}


def test_no_such_group(dataset) -> None:
    with pytest.raises(OptionError, match=r"no attribute or category 'male'.*did you mean 'Male'"):
        find_groupings(dataset, ["male"], np.arange(5))
    with pytest.raises(OptionError, match="two groups or more, got 5 of Young"):
        find_groupings(dataset, ["Young"], np.arange(5))
    with pytest.raises(OptionError, match="two groups or more, got 2 of Male"):
        find_groupings(dataset, ["Male"], np.arange(2))


def test_scores_of_groups_by_hand(dataset) -> None:
    # Smiling: right on both men, on one of two women; Young: right on all. Male itself is not measured.
    logits = np.array([[9, 1, 1], [9, -1, 1], [9, -1, 1], [9, -1, 1], [9, 1, 1]], float)
    (grouping,) = find_groupings(dataset, ["Male"], np.arange(5))
    people = PeopleBootstrap(dataset.identity)
    groups, gaps = score_groups(grouping, dataset.attribute_names, logits, LABELS, people, dataset.identity)
    assert [(group.group, group.faces, group.people) for group in groups] == [("Male", 2, 1), ("not Male", 2, 2)]
    assert [group.scores["accuracy"].value for group in groups] == [1.0, 0.75]
    assert [group.scores["balanced_accuracy"].value for group in groups] == [1.0, 0.5]  # of Smiling alone
    assert set(groups[0].attributes) == {"Smiling", "Young"}
    accuracy = next(gap for gap in gaps if gap.score == "accuracy")
    assert (accuracy.best, accuracy.worst, accuracy.gap.value) == ("Male", "not Male", 0.25)
    assert np.isnan(accuracy.gap.low)  # the men are one person
    other = np.array([1, 4, 2, 3, -1], np.int32)
    _, gaps = score_groups(grouping, dataset.attribute_names, logits, LABELS, PeopleBootstrap(other), other)
    assert gaps[0].gap.low <= 0.25 <= gaps[0].gap.high
