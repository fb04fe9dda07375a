from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.tiny import tiny_recipe
from wsegs.tasks.batch import SampleFields
from wsegs.training.recipe import load_recipe
from wsegs.training.resolve import Overrides, resolve
from wsegs.training.samples.loaders import Loaders, open_source
from wsegs.training.samples.sampler import TrainingSampler, ValidationSampler
from wsegs.training.samples.sources import SampleDataset
from wsegs.training.schedule import plan_steps


def _order(images: int = 50, seed: int = 0, *, flips: bool = True, rank: int = 0, devices: int = 1, **recipe):
    plan = plan_steps(load_recipe("attparsenet", {"batch_size": 8, **recipe}), images)
    rows = np.arange(100, 100 + images)
    return TrainingSampler(
        rows, plan.batch_size, plan.validation_interval, seed=seed, flips=flips, rank=rank, devices=devices
    )


def test_an_epoch_shows_every_image_at_most_once_in_another_order_than_the_next() -> None:
    order = _order()
    epochs = []
    for epoch in range(2):
        order.set_epoch(epoch)
        rows = np.concatenate([plan.rows for plan in order])
        assert len(rows) == 48
        assert len(set(rows)) == 48
        assert set(rows) <= set(range(100, 150))
        epochs.append(rows)
    assert not np.array_equal(*epochs)


def test_intervals_of_any_length_go_through_the_same_batches() -> None:
    whole, parts = _order(max_steps=12), _order(max_steps=12, validate_every=2)
    assert len(whole) == 6
    assert len(parts) == 2
    for step in range(12):
        np.testing.assert_array_equal(whole.plan(step).rows, parts.plan(step).rows)
        np.testing.assert_array_equal(whole.plan(step).flip, parts.plan(step).flip)


def test_the_seed_decides_order_and_flips() -> None:
    first, same, other = _order(), _order(), _order(seed=1)
    np.testing.assert_array_equal(first.plan(3).rows, same.plan(3).rows)
    np.testing.assert_array_equal(first.plan(3).flip, same.plan(3).flip)
    assert not np.array_equal(first.plan(3).rows, other.plan(3).rows)
    flips = np.concatenate([first.plan(step).flip for step in range(100)])
    assert 0.4 < flips.mean() < 0.6
    assert not _order(flips=False).plan(3).flip.any()


@pytest.mark.slow
@settings(deadline=None)
@given(step=st.integers(0, 150), devices=st.sampled_from([2, 4, 8]))
def test_devices_share_the_batches_of_one(step, devices) -> None:
    alone = _order().plan(step)
    parts = [_order(rank=rank, devices=devices).plan(step) for rank in range(devices)]
    np.testing.assert_array_equal(np.concatenate([part.rows for part in parts]), alone.rows)
    np.testing.assert_array_equal(np.concatenate([part.flip for part in parts]), alone.flip)


@settings(deadline=None)
@given(images=st.integers(1, 40), devices=st.integers(1, 5), batch_size=st.integers(1, 9))
def test_validation_sees_each_image_once_in_as_many_batches_on_each_device(images, devices, batch_size) -> None:
    orders = [ValidationSampler(np.arange(images), batch_size, rank=rank, devices=devices) for rank in range(devices)]
    assert len({len(order) for order in orders}) == 1
    assert all(len(list(order)) == len(order) for order in orders)
    rows = np.concatenate([plan.rows for order in orders for plan in order])
    np.testing.assert_array_equal(np.sort(rows[rows >= 0]), np.arange(images))
    assert (rows < 0).sum() < devices


@pytest.mark.parametrize("together", [2, 3, 20])
def test_images_of_a_person_stand_together(together) -> None:
    rng = np.random.default_rng(0)
    rows, people = rng.permutation(60) + 100, rng.integers(-1, 9, 60)
    sampler = TrainingSampler(rows, 60, 1, seed=3, flips=False, people=people, together=together)
    first, second = sampler.plan(0).rows, sampler.plan(1).rows
    assert sorted(first) == sorted(second) == sorted(rows)
    assert first.tolist() != second.tolist()
    who = dict(zip(rows.tolist(), people.tolist(), strict=True))
    order = [who[row] for row in first.tolist()]
    for person in range(9):
        count = order.count(person)
        changes = sum(a == person != b for a, b in zip(order, [*order[1:], -2], strict=True))
        assert changes <= -(-count // together)
    assert sum(a == b >= 0 for a, b in pairwise(order)) >= 60 * (together - 1) // together - 20


def test_loaders_bring_several_images_of_a_person(store) -> None:
    recipe = tiny_recipe(**{"samples": {"together": 2}})
    plan = resolve(recipe, Overrides(masks=store.path))
    assert (plan.main.together, plan.main.alone) == (2, 0)
    _, rows, source = open_source(plan.main, plan.network.size)
    loader = Loaders(plan, [SampleDataset(source, SampleFields(frozenset({"identity"})))], [rows]).training()
    people = np.concatenate([batch.labels["identity"].numpy() for batch in loader])
    first = people[: len(people) // 2 * 2].reshape(-1, 2)
    assert (first[:, 0] == first[:, 1]).mean() > 0.7
