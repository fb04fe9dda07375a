from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from wsegs.errors import OptionError
from wsegs.heads.folds import person_folds

identities = hnp.arrays(np.int64, st.integers(5, 60), elements=st.integers(-1, 12))


@settings(max_examples=40)
@given(identities, st.integers(2, 5), st.integers(0, 9))
def test_people_are_kept_apart_in_folds_of_one_size(identity: np.ndarray, folds: int, seed: int) -> None:
    people = len(set(identity[identity >= 0])) + (identity < 0).sum()
    if people < folds:
        with pytest.raises(OptionError, match=f"folds: expected no more than there are people, {people}, got {folds}"):
            person_folds(identity, folds, seed)
        return
    found = person_folds(identity, folds, seed)
    assert set(found) == set(range(folds))
    for person in set(identity[identity >= 0]):
        assert len(set(found[identity == person])) == 1
    sizes = np.bincount(found)
    known = identity[identity >= 0]
    assert sizes.max() - sizes.min() <= max(1, np.bincount(known).max(initial=0))
    np.testing.assert_array_equal(found, person_folds(identity, folds, seed))


def test_unknown_people_are_people_of_their_own() -> None:
    assert np.bincount(person_folds(np.full(10, -1), 5)).tolist() == [2] * 5


def test_another_seed_brings_other_people_together() -> None:
    identity = np.arange(40)
    assert (person_folds(identity, 4, 0) != person_folds(identity, 4, 1)).any()


def test_one_fold_is_refused() -> None:
    with pytest.raises(OptionError, match="folds: expected 2 or more, got 1"):
        person_folds(np.arange(4), 1)
