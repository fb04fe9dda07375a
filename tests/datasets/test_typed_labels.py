from __future__ import annotations

import pickle

import numpy as np
import pytest

from wsegs.datasets.typed_labels import Categories, categories_from_values, check_labels
from wsegs.errors import DataError

RACE = Categories(("White", "Black"), np.array([1, -1, 0]))
AGE = np.array([3, np.nan, 5], np.float32)


def test_names_are_sorted_as_numbers_if_all_are():
    assert categories_from_values(["10", "9", "-2"]).names == ("-2", "9", "10")
    assert categories_from_values(["10", "9", "x"]).names == ("10", "9", "x")
    assert categories_from_values(["", " "]).codes.tolist() == [-1, -1]


def test_categories_are_an_array_of_codes_to_numpy():
    assert np.asarray(RACE).tolist() == [1, -1, 0]
    assert np.asarray(RACE, np.int8).dtype == np.int8
    assert (np.asarray(RACE) == 1).tolist() == [True, False, False]
    np.array(RACE)[0] = 0  # a copy
    assert RACE.codes[0] == 1


def test_rows_and_equality():
    assert RACE[[2, 0]] == Categories(RACE.names, np.array([0, 1]))
    assert RACE[RACE.codes >= 0].names_of_rows() == ["Black", "White"]
    assert Categories(RACE.names, np.array([1, -1, 1])) != RACE
    assert Categories(("Black", "White"), RACE.codes) != RACE
    assert pickle.loads(pickle.dumps(RACE)) == RACE


@pytest.mark.parametrize(
    ("count", "attributes", "numbers", "categories", "message"),
    [
        (4, (), {"age": AGE}, {}, r"numbers 'age': expected float32 \(4,\), got float32 \(3,\)"),
        (3, (), {"age": AGE.astype(float)}, {}, r"numbers 'age': expected float32 \(3,\), got float64"),
        (4, (), {}, {"race": RACE}, r"categories 'race': expected int64 \(4,\), got int64 \(3,\)"),
        (3, (), {}, {"race": Categories(("a",), RACE.codes)}, "'race': expected codes from -1 to 0, got -1 to 1"),
        (3, (), {}, {"race": Categories(("a", "a"), RACE.codes)}, "'race': expected every name once, got a, a"),
        (3, ("age",), {"age": AGE}, {}, "label 'age': expected one type, got two"),
        (3, (), {"age": AGE}, {"age": RACE}, "label 'age': expected one type, got two"),
        (3, (), {"Identity": AGE}, {}, "label 'Identity': expected another name"),
        (3, (), {"a/b": AGE}, {}, "label 'a/b': expected a name without '/'"),
    ],
)
def test_what_does_not_fit_is_named(count, attributes, numbers, categories, message):
    with pytest.raises(DataError, match=message):
        check_labels(count, attributes, numbers, categories)
    check_labels(3, ("Male",), {"age": AGE}, {"race": RACE})
