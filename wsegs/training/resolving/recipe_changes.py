"""Recipes with other trunks, or with a loss more."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wsegs.errors import OptionError
from wsegs.tasks.options import RelationOptions
from wsegs.training.recipe import NetworkChoice, Recipe, TaskChoice


def with_relation(recipe: Recipe, weight: float) -> Recipe:
    """Return the recipe with the relation of attributes as a loss, wherever attributes are learnt; 0 is without it.

    Parameters
    ----------
    recipe
        Any recipe whose network learns attributes.
    weight
        Alpha of Wang, Su & Zhao: beside a weight of 1 of the attributes' own loss.

    Raises
    ------
    OptionError
        If no stage has attributes.
    """
    stages = []
    for stage in recipe.stages:
        losses = {name: value for name, value in stage.losses.items() if name != "relation"}
        if weight and "attributes" in losses:
            losses["relation"] = weight * losses["attributes"]
        stages.append(stage.with_losses(losses) if losses else stage)
    if weight and not any("relation" in stage.losses for stage in stages):
        raise OptionError(f"--relation: network '{recipe.network.target}' learns no attributes by this recipe")
    plain = TaskChoice.model_validate({"kind": "relation", **RelationOptions().model_dump()})
    tasks = {"relation": plain, **recipe.tasks} if weight else recipe.tasks
    return recipe.model_copy(update={"stages": tuple(stages), "tasks": tasks})


def with_trunks(recipe: Recipe, runs: Sequence[Path], *, streams: bool) -> Recipe:
    """Return the recipe that begins with layers of other runs than its own; none begins with random weights.

    Parameters
    ----------
    recipe
        Of a network with one trunk, or with streams.
    runs
        The runs, or files of weights.
    streams
        Whether the network puts the convolutions of several side by side; one of a single trunk takes one.

    Raises
    ------
    OptionError
        If there are more runs than trunks, or the recipe does not say which layers are taken.
    """
    network = recipe.network.model_dump(by_alias=True)
    own = recipe.network.trunks
    if streams and runs:
        first = own[0] if own else None
        kept = {"frozen": first.frozen, "rate": first.rate} if first else {}
        places = [{f"convolutions.{number}": "convolutions"} for number in range(len(runs))]
        trunks = [{"from": run, "layers": layers, **kept} for run, layers in zip(runs, places, strict=True)]
        network |= {"trunks": trunks, "streams": len(runs)}
    elif runs and (len(own) != 1 or len(runs) != 1):
        raise OptionError(
            f"--trunk: network '{recipe.network.target}' has {len(own)} trunks by this recipe, expected one to replace,"
            f" got {len(runs)}; network: trunks: names runs and layers"
        )
    else:
        network["trunks"] = [{**own[0].model_dump(by_alias=True), "from": run} for run in runs]
    return recipe.model_copy(update={"network": NetworkChoice.model_validate(network)})


def with_frozen_trunks(recipe: Recipe) -> Recipe:
    """Return the recipe that leaves the layers of its trunks as they are."""
    trunks = tuple(trunk.model_copy(update={"frozen": True}) for trunk in recipe.network.trunks)
    return recipe.model_copy(update={"network": recipe.network.model_copy(update={"trunks": trunks})})
