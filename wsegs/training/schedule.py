"""Plan the steps of a training: stages and validation interval."""

from __future__ import annotations

from typing import NamedTuple

from wsegs.errors import OptionError
from wsegs.training.plan import StagePlan
from wsegs.training.recipe import Recipe


class Schedule(NamedTuple):
    """Steps of a training.

    Attributes
    ----------
    batch_size
        Images of a step: the recipe's, or all there are where there are fewer.
    steps
        Of the whole training.
    validation_interval
        Steps between two validations; an epoch, unless the recipe limits the steps or says otherwise.
    stages
        In steps.
    """

    batch_size: int
    steps: int
    validation_interval: int
    stages: tuple[StagePlan, ...]


def plan_steps(recipe: Recipe, images: int) -> Schedule:
    """Plan the steps of a recipe on a number of training images.

    ``max_steps`` shrinks all stages alike. A limited number of steps is rounded down to intervals of equal length.

    Raises
    ------
    OptionError
        If there are fewer steps than stages.
    """
    batch_size = min(recipe.batch_size, images)
    steps_per_epoch = images // batch_size
    whole = steps_per_epoch * recipe.epochs
    allowed = min(whole, recipe.max_steps or whole)
    if allowed < len(recipe.stages):
        raise OptionError(f"--max-steps: expected one for each of the {len(recipe.stages)} stages, got {allowed}")
    intervals = min(allowed, max(1, round(allowed / (recipe.validate_every or steps_per_epoch))))
    steps = intervals * (allowed // intervals)
    starts, epochs = [], 0
    for position, stage in enumerate(recipe.stages):
        starts.append(max(position, round(steps * epochs / recipe.epochs)))
        epochs += stage.epochs
    stages = tuple(
        StagePlan(first, last, dict(stage.losses), dict(stage.fade))
        for first, last, stage in zip(starts, [*starts[1:], steps], recipe.stages, strict=True)
    )
    return Schedule(batch_size, steps, allowed // intervals, stages)
