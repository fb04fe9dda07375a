"""How many batches a training takes, where its stages begin, and when it is validated."""

from __future__ import annotations

from dataclasses import dataclass, replace

from wsegs.errors import OptionError
from wsegs.training.recipe import Recipe


@dataclass(frozen=True)
class Budget:
    """The plan of a training in steps (batches of all devices together).

    Training goes in rounds of equal length; each ends with a validation and a checkpoint. A round is an epoch,
    unless the recipe limits the steps or says otherwise.

    Attributes
    ----------
    batch_size
        Images of a step: the recipe's, or all there are where there are fewer.
    steps_per_epoch
        Steps that see every image once; the images that do not fill a batch wait for another epoch's order.
    rounds, round_length
        How many rounds there are, and their steps.
    stage_starts
        The first step of each stage.
    """

    batch_size: int
    steps_per_epoch: int
    rounds: int
    round_length: int
    stage_starts: tuple[int, ...]

    @property
    def steps(self) -> int:
        """Steps of the whole training."""
        return self.rounds * self.round_length

    @property
    def log_every(self) -> int:
        """After how many steps the losses of one are logged."""
        return min(50, self.round_length)

    def stage(self, step: int) -> int:
        """Return the stage that a step belongs to."""
        return sum(step >= start for start in self.stage_starts) - 1

    def in_last_stage(self, step: int) -> bool:
        """Tell whether a step belongs to the last stage."""
        return step >= self.stage_starts[-1]


def plan_beside(budget: Budget, batch_size: int, images: int) -> Budget:
    """Plan as many steps over another data set, which is seen as often as that takes."""
    size = min(batch_size, images)
    return replace(budget, batch_size=size, steps_per_epoch=images // size)


def plan_budget(recipe: Recipe, images: int) -> Budget:
    """Plan the training of a recipe on a number of images.

    ``max_steps`` shrinks all stages alike. A limited number of steps is rounded down to rounds of equal length.

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
    rounds = min(allowed, max(1, round(allowed / (recipe.validate_every or steps_per_epoch))))
    steps = rounds * (allowed // rounds)
    starts, epochs = [], 0
    for position, stage in enumerate(recipe.stages):
        starts.append(max(position, round(steps * epochs / recipe.epochs)))
        epochs += stage.epochs
    return Budget(batch_size, steps_per_epoch, rounds, allowed // rounds, tuple(starts))
