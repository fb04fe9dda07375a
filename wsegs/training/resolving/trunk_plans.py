"""Plan the layers whose weights come from elsewhere, and check that runs that are named are of networks that fit."""

from __future__ import annotations

from pathlib import Path

from wsegs.errors import MissingError, OptionError
from wsegs.io.files import shipped_folder
from wsegs.nets import NetworkSignature
from wsegs.training.plan import TrunkPlan
from wsegs.training.recipe import Recipe, TrunkChoice
from wsegs.training.run_folder import check_run
from wsegs.training.runs import read_run

STREAMS = "cnn-m"
"""The network whose convolutions those of several streams are."""


FROM_FILES = {"lnet": ("features",)}
"""Layers of networks that ``--init-from FILE`` reads: their names are those that others give them."""


def is_weights_file(source: Path) -> bool:
    """Tell whether what a training begins with is a file of weights, and not a run."""
    return source.is_file() or (source.suffix in (".pth", ".pt") and not source.is_dir())


def plan_trunks(recipe: Recipe, signature: NetworkSignature) -> tuple[TrunkPlan, ...]:
    """Return the plans of a recipe's trunks.

    Raises
    ------
    MissingError
        If a run or a file is not there, or the run has no checkpoint.
    OptionError
        If the run is of another width, or of a network of other layers.
    """
    if recipe.init_from is not None:
        return _begun(recipe, signature, recipe.init_from)
    for trunk in recipe.network.trunks:
        _check_there(trunk)
        if trunk.source.is_dir():
            _check_run(trunk, recipe, signature)
    return tuple(TrunkPlan(trunk.source, trunk.layers, trunk.frozen, trunk.rate) for trunk in recipe.network.trunks)


def _begun(recipe: Recipe, signature: NetworkSignature, source: Path) -> tuple[TrunkPlan, ...]:
    """Return the layers that come from a file of weights; a run gives all, and the recipe's trunks are not read."""
    if not is_weights_file(source):
        return ()
    if signature.name not in FROM_FILES:
        raise OptionError(
            f"--init-from {source}: network '{signature.name}' begins with a run, not with a file of weights; network:"
            " trunks: names layers of a file"
        )
    if not source.is_file():
        raise MissingError(f"--init-from {source}: no such file of weights")
    return (TrunkPlan(source, {layer: layer for layer in FROM_FILES[signature.name]}, False),)


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
    check_run(trunk.source, "best")
    earlier = read_run(trunk.source)[0].network
    if signature.wants("streams") and earlier.name not in (STREAMS, signature.name):
        raise OptionError(
            f"network: trunks: {trunk.source} is of network '{earlier.name}': expected '{STREAMS}', whose convolutions"
            f" '{signature.name}' puts side by side"
        )
    if signature.wants("layers") and earlier.name == signature.name:
        ours, theirs = (network.options.get("layers", "paper") for network in (recipe.network, earlier))
        if ours != theirs:
            raise OptionError(
                f"network: trunks: {trunk.source} has layers: {theirs}: expected {ours}, as here; --layers {theirs}"
                " takes its"
            )
    if "width" in signature.arguments and "width" in earlier.options:
        ours, theirs = recipe.network.options.get("width", 1.0), earlier.options["width"]
        if ours != theirs:
            raise OptionError(
                f"network: trunks: {trunk.source} has a width of {theirs}: expected {ours}, as here; --width {theirs}"
                " takes its"
            )
