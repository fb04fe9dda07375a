"""Plan the backbone of a network that has one, and check where the weights of layers come from."""

from __future__ import annotations

from collections.abc import Sequence

from wsegs.errors import MissingError, OptionError
from wsegs.io.files import shipped_folder
from wsegs.nets import NetworkSignature
from wsegs.nets.backbones import check_backbone, find_weights
from wsegs.training.plan import BackbonePlan
from wsegs.training.recipe import Recipe
from wsegs.training.run_folder import BEST, check_run

_DEFAULT, _STRIDES = "efficientnet-lite0", (4, 8, 16)  # those of the networks themselves


def check_trunks(recipe: Recipe) -> None:
    """Check that the runs and files are there that layers have their weights from.

    Raises
    ------
    MissingError
        If one is not.
    """
    for trunk in recipe.network.trunks:
        source = trunk.source
        if not source.exists():
            if source.suffix:
                raise MissingError(f"network: trunks: {source}: no such file of weights")
            name = source.name if (shipped_folder("models") / f"{source.name}.yaml").is_file() else "RECIPE"
            raise MissingError(
                f"network: trunks: {source}: no such run; wsegs train {name} makes it, --trunk RUN names another,"
                " --no-trunks begins with random weights"
            )
        if source.is_dir():
            check_run(source, BEST)


def plan_backbone(recipe: Recipe, signature: NetworkSignature) -> BackbonePlan | None:
    """Return the backbone of a network and the file of its weights; None where it has none.

    Raises
    ------
    OptionError
        If there is no such backbone, it has no maps of a stride, or the recipe has what only other networks take.
    MissingError, DataError
        If there are no weights, or they are other ones than they should be.
    """
    name = recipe.network.target
    if recipe.fit is not None and recipe.losses != {"attributes"}:
        raise OptionError(f"fit: expected the task attributes alone, got {', '.join(sorted(recipe.losses))}")
    if not signature.wants("backbone"):
        if recipe.network.weights is not None:
            raise OptionError(f"network: weights: '{name}' has no backbone; trunks name weights of layers")
        if recipe.fit is not None and not signature.wants("clip"):
            raise OptionError(f"fit: heads are fitted on standardised features, which network '{name}' does not have")
        return None
    backbone = str(recipe.network.options.get("backbone", _DEFAULT))
    strides = recipe.network.options.get("strides", _STRIDES)
    if not isinstance(strides, Sequence) or not all(isinstance(stride, int) for stride in strides):
        raise OptionError(f"network: strides: expected whole numbers such as [4, 8, 16], got {strides!r}")
    check_backbone(backbone, strides)
    found = find_weights(backbone, recipe.network.weights)
    return BackbonePlan(backbone, found.file, found.sha256, found.licence)
