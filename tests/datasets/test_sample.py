from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from wsegs.datasets.sample import sample_rows
from wsegs.errors import OptionError

splits = arrays.arrays(np.int8, st.integers(0, 120), elements=st.integers(0, 2))
limits = st.integers(0, 130)


@pytest.mark.slow
@given(splits, limits, st.integers(0, 3))
def test_rows_are_as_many_as_asked_each_once_and_ascending(split, limit, seed):
    rows = sample_rows(split, limit, seed)
    assert len(rows) == min(limit, len(split))
    assert (np.diff(rows) > 0).all()
    assert rows.size == 0 or 0 <= rows[0] <= rows[-1] < len(split)


@given(splits, limits, limits, st.integers(0, 3))
def test_a_larger_limit_contains_a_smaller_ones_rows(split, one, other, seed):
    small, large = sorted([one, other])
    assert {*sample_rows(split, small, seed)} <= {*sample_rows(split, large, seed)}


@given(splits, limits)
def test_each_split_keeps_its_share(split, limit):
    rows = sample_rows(split, limit)
    values, counts = np.unique(split, return_counts=True)
    for value, count in zip(values, counts, strict=True):
        chosen = int((split[rows] == value).sum())
        # Two splits may each hold one row that its share does not give.
        assert abs(chosen - len(rows) * count / len(split)) <= 2
        if limit >= len(values):
            assert chosen >= 1


def test_the_seed_chooses_the_rows():
    split = np.repeat(np.array([0, 1, 2], np.int8), [800, 100, 100])
    assert sample_rows(split, 50).tolist() == sample_rows(split, 50).tolist()
    assert sample_rows(split, 50).tolist() != sample_rows(split, 50, seed=1).tolist()
    assert np.bincount(split[sample_rows(split, 50)]).tolist() == [40, 5, 5]


def test_a_sample_is_not_the_beginning():
    rows = sample_rows(np.zeros(10_000, np.int8), 100)
    assert 4000 < rows.mean() < 6000


def test_the_largest_splits_come_first():
    split = np.array([0, 1, 1, 2, 2, 2], np.int8)
    assert split[sample_rows(split, 1)].tolist() == [2]
    assert split[sample_rows(split, 2)].tolist() == [1, 2]


def test_a_limit_below_nothing_is_refused():
    with pytest.raises(OptionError, match="limit -1: expected 0 rows or more"):
        sample_rows(np.zeros(3, np.int8), -1)
