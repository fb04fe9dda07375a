from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsegs.errors import OptionError
from wsegs.training.recipe import load_recipe
from wsegs.training.schedule import plan_budget

RECIPE = load_recipe("attparsenet")


def test_the_paper_on_a_hundred_batches() -> None:
    budget = plan_budget(RECIPE, 3210)
    assert budget.steps_per_epoch == budget.round_length == 100
    assert (budget.rounds, budget.steps) == (32, 3200)
    assert budget.stage_starts == (0, 1000)
    assert [budget.stage(step) for step in (0, 999, 1000, 3199)] == [0, 0, 1, 1]
    assert not budget.in_last_stage(999)
    assert budget.in_last_stage(1000)


def test_fewer_images_than_a_batch_are_one_batch() -> None:
    budget = plan_budget(RECIPE, 5)
    assert (budget.batch_size, budget.steps_per_epoch, budget.steps) == (5, 1, 32)


@settings(deadline=None)
@given(
    images=st.integers(1, 5000),
    max_steps=st.none() | st.integers(2, 3000),
    validate_every=st.none() | st.integers(1, 500),
)
def test_a_limited_budget_keeps_its_shares(images, max_steps, validate_every) -> None:
    recipe = RECIPE.model_copy(update={"max_steps": max_steps, "validate_every": validate_every})
    budget = plan_budget(recipe, images)
    whole = budget.steps_per_epoch * 32
    allowed = min(whole, max_steps or whole)
    assert allowed - budget.rounds < budget.steps <= allowed  # rounds of equal length
    first, second = budget.stage_starts
    assert first == 0
    assert 1 <= second < budget.steps
    assert abs(second - budget.steps * 10 / 32) <= 1


def test_fewer_steps_than_stages_are_refused() -> None:
    with pytest.raises(OptionError, match="--max-steps: expected one for each of the 2 stages, got 1"):
        plan_budget(RECIPE.model_copy(update={"max_steps": 1}), 100)
