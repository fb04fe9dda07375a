from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsegs.errors import OptionError
from wsegs.training.recipe import load_recipe
from wsegs.training.schedule import plan_steps

RECIPE = load_recipe("attparsenet")


def test_the_paper_on_a_hundred_batches() -> None:
    plan = plan_steps(RECIPE, 3210)
    assert (plan.batch_size, plan.steps, plan.validation_interval) == (32, 3200, 100)
    assert [(stage.first, stage.last) for stage in plan.stages] == [(0, 1000), (1000, 3200)]
    assert [stage.weights for stage in plan.stages] == [{"segmentation": 1}, {"segmentation": 1, "attributes": 1}]


def test_fewer_images_than_a_batch_are_one_batch() -> None:
    plan = plan_steps(RECIPE, 5)
    assert (plan.batch_size, plan.steps, plan.validation_interval) == (5, 32, 1)


@settings(deadline=None)
@given(
    images=st.integers(1, 5000),
    max_steps=st.none() | st.integers(2, 3000),
    validate_every=st.none() | st.integers(1, 500),
)
def test_limited_steps_keep_the_shares_of_the_stages(images, max_steps, validate_every) -> None:
    recipe = RECIPE.model_copy(update={"max_steps": max_steps, "validate_every": validate_every})
    plan = plan_steps(recipe, images)
    whole = images // plan.batch_size * 32
    allowed = min(whole, max_steps or whole)
    intervals, rest = divmod(plan.steps, plan.validation_interval)
    assert rest == 0
    assert allowed - intervals < plan.steps <= allowed  # intervals of equal length
    first, second = plan.stages
    assert (first.first, first.last, second.last) == (0, second.first, plan.steps)
    assert 1 <= second.first < plan.steps
    assert abs(second.first - plan.steps * 10 / 32) <= 1


def test_fewer_steps_than_stages_are_refused() -> None:
    with pytest.raises(OptionError, match="--max-steps: expected one for each of the 2 stages, got 1"):
        plan_steps(RECIPE.model_copy(update={"max_steps": 1}), 100)
