"""Plan the backbone of a network that has one."""

from __future__ import annotations

from collections.abc import Sequence

from wsegs.errors import OptionError
from wsegs.nets import NetworkSignature
from wsegs.nets.backbones import check_backbone, find_weights
from wsegs.training.plan import BackbonePlan
from wsegs.training.recipe import Recipe

_DEFAULT, _STRIDES = "efficientnet-lite0", (4, 8, 16)  # those of the networks themselves


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
    if not signature.wants("backbone"):
        if recipe.network.weights is not None:
            raise OptionError(f"network: weights: '{name}' has no backbone; trunks name weights of layers")
        if recipe.fit is not None:
            raise OptionError(f"fit: heads are fitted on the features of a backbone, and network '{name}' has none")
        return None
    if recipe.fit is not None and recipe.losses != {"attributes"}:
        raise OptionError(f"fit: expected the task attributes alone, got {', '.join(sorted(recipe.losses))}")
    backbone = str(recipe.network.options.get("backbone", _DEFAULT))
    strides = recipe.network.options.get("strides", _STRIDES)
    if not isinstance(strides, Sequence) or not all(isinstance(stride, int) for stride in strides):
        raise OptionError(f"network: strides: expected whole numbers such as [4, 8, 16], got {strides!r}")
    check_backbone(backbone, strides)
    found = find_weights(backbone, recipe.network.weights)
    return BackbonePlan(backbone, found.file, found.sha256, found.licence)
