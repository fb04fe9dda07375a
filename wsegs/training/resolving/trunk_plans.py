"""Plan the layers whose weights come from elsewhere, and check that runs that are named are of networks that fit."""

from __future__ import annotations

from wsegs.errors import MissingError, OptionError
from wsegs.io.files import shipped_folder
from wsegs.nets import NetworkSignature
from wsegs.training.plan import TrunkPlan
from wsegs.training.recipe import Recipe, TrunkChoice
from wsegs.training.run_folder import BEST, check_run
from wsegs.training.runs import read_run

STREAMS = "cnn-m"
"""The network whose convolutions those of several streams are."""


def plan_trunks(recipe: Recipe, signature: NetworkSignature) -> tuple[TrunkPlan, ...]:
    """Return the plans of a recipe's trunks.

    Raises
    ------
    MissingError
        If a run or a file is not there, or the run has no checkpoint.
    OptionError
        If the run is of another width, or of a network of other layers.
    """
    for trunk in recipe.network.trunks:
        _check_there(trunk)
        if trunk.source.is_dir():
            _check_run(trunk, recipe, signature)
    return tuple(TrunkPlan(trunk.source, trunk.layers, trunk.frozen, trunk.rate) for trunk in recipe.network.trunks)


def _check_there(trunk: TrunkChoice) -> None:
    source = trunk.source
    if source.exists():
        return
    if source.suffix:
        raise MissingError(f"network: trunks: {source}: no such file of weights")
    name = source.name if (shipped_folder("models") / f"{source.name}.yaml").is_file() else "RECIPE"
    raise MissingError(
        f"network: trunks: {source}: no such run; wsegs train {name} makes it, --trunk RUN names another, --no-trunks"
        " begins with random weights"
    )


def _check_run(trunk: TrunkChoice, recipe: Recipe, signature: NetworkSignature) -> None:
    check_run(trunk.source, BEST)
    earlier = read_run(trunk.source)[0].network
    if signature.wants("streams") and earlier.name not in (STREAMS, signature.name):
        raise OptionError(
            f"network: trunks: {trunk.source} is of network '{earlier.name}': expected '{STREAMS}', whose convolutions"
            f" '{signature.name}' puts side by side"
        )
    if "width" in signature.arguments and "width" in earlier.options:
        ours, theirs = recipe.network.options.get("width", 1.0), earlier.options["width"]
        if ours != theirs:
            raise OptionError(
                f"network: trunks: {trunk.source} has a width of {theirs}: expected {ours}, as here; --width {theirs}"
                " takes its"
            )
