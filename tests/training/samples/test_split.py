from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tests.training.tiny import make_store
from wsegs.errors import DataError
from wsegs.training.samples.opening import OpenStore, rows_of
from wsegs.training.samples.split import in_share, split_rows


def _rows(store, fraction, limit=0, hold_out="people"):
    return rows_of(OpenStore(store, store.data_root), fraction=fraction, hold_out=hold_out, limit=limit)


def test_people_are_on_one_side_only(store) -> None:
    split = _rows(store, 0.2)
    assert split.carved
    assert len(split.validation) >= 2
    assert not set(store.identity[split.train]) & set(store.identity[split.validation])
    assert sorted([*split.train, *split.validation]) == list(range(22))  # the train split, all of it


def test_shares_of_people_have_nobody_in_common(store, table, tmp_path) -> None:
    opened = OpenStore(store, store.data_root)
    options = {"fraction": 0.2, "hold_out": "people", "limit": 0}
    shares = [rows_of(opened, people=people, **options) for people in ((0, 0.6), (0.6, 1))]
    parts = [np.concatenate([share.train, share.validation]) for share in shares]
    assert not set(store.identity[parts[0]]) & set(store.identity[parts[1]])
    assert sorted(np.concatenate(parts)) == list(range(22))
    assert len(parts[0]) > len(parts[1]) > 0
    # Nobody moves because others are there, or because they have no image more.
    rows = np.r_[0:10, 11:26]
    other = make_store(tmp_path, table.select(rows))
    some = in_share(other, (0, 0.6))
    assert some.tolist() == in_share(store, (0, 0.6))[rows].tolist()
    with pytest.raises(DataError, match=r"none of the people of the train split is in the share 0.6 to 0.600001"):
        rows_of(opened, people=(0.6, 0.600001), **options)


def test_other_images_of_a_person_do_not_move_anybody(store, table, tmp_path) -> None:
    rows = np.r_[0:10, 11:26]
    other = make_store(tmp_path, table.select(rows))
    before = {store.images[row] for row in _rows(store, 0.3).validation}
    after = {other.images[row] for row in _rows(other, 0.3).validation}
    assert after == before - {table.images[10]}


def test_without_identities_images_are_carved_out(table, tmp_path) -> None:
    store = make_store(tmp_path, replace(table, identity=np.full(len(table), -1, np.int32)))
    split = _rows(store, 0.3)
    assert 0 < len(split.validation) < len(split.train)


@pytest.mark.parametrize("identity", [7, -1])
def test_one_person_is_carved_by_image(table, tmp_path, identity) -> None:
    store = make_store(tmp_path, replace(table, identity=np.full(len(table), identity, np.int32)))
    split = _rows(store, 0.001)
    assert len(split.validation) == 1
    assert len(split.train) == 21


def test_the_data_sets_own_validation_split_is_taken(table, tmp_path) -> None:
    own = table.split.copy()
    own[:5] = 1
    split = _rows(make_store(tmp_path, replace(table, split=own)), 0.3)
    assert not split.carved
    assert list(split.validation) == [0, 1, 2, 3, 4]
    assert list(split.train) == list(range(5, 22))


def test_a_limit_is_a_sample_of_all_splits_but_the_test_split(store, table, tmp_path) -> None:
    own = table.split.copy()
    own[:6] = 1
    other = make_store(tmp_path, replace(table, split=own))
    few = _rows(other, 0.2, limit=11)
    assert (len(few.train), len(few.validation)) == (8, 3)  # 16 and 6 of 22
    whole = _rows(other, 0.2)
    assert set(few.train) < set(whole.train)
    assert not np.array_equal(few.train, whole.train[:8])
    carved = _rows(store, 0.2, limit=10)
    assert len(carved.train) + len(carved.validation) == 10


def test_images_may_be_held_out_instead_of_people(store) -> None:
    people, images = _rows(store, 0.3), _rows(store, 0.3, hold_out="images")
    identity = store.identity
    assert not set(identity[people.train]) & set(identity[people.validation])
    assert set(identity[images.train]) & set(identity[images.validation])


def test_names_that_are_not_utf_8_are_split_too(table, tmp_path) -> None:
    names = tuple(f"faces/{i}\udcff.png" for i in range(len(table)))
    labelled = SimpleNamespace(images=names, identity=np.full(len(table), -1, np.int32), split=table.split)
    split = split_rows(labelled, np.ones(len(table), bool), "odd", fraction=0.3)
    assert len(split.validation) > 0


def test_nothing_to_train_on(table, tmp_path) -> None:
    store = make_store(tmp_path, replace(table, split=np.full(len(table), 2, np.int8)))
    with pytest.raises(DataError, match="no image of the train split"):
        _rows(store, 0.2)


def test_one_image_cannot_be_split(table, tmp_path) -> None:
    own = np.full(len(table), 2, np.int8)
    own[0] = 0
    with pytest.raises(DataError, match="at least two are needed"):
        _rows(make_store(tmp_path, replace(table, split=own)), 0.2)


def test_nobody_is_held_out_of_a_fraction_of_0(store, table, tmp_path) -> None:
    split = _rows(store, 0)
    assert (split.held_out, split.carved) == (False, False)
    assert split.train.tolist() == list(range(22))
    shown = _rows(store, 0.1)
    assert split.validation.tolist() == shown.validation.tolist()  # scores are of those who would be held out
    own = np.array(table.split)
    own[:2] = 1
    apart = _rows(make_store(tmp_path, replace(table, split=own)), 0)
    assert (apart.held_out, apart.validation.tolist()) == (True, [0, 1])
