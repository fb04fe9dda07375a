"""Plan the backbone of a network that has one, and check that heads can be fitted on the features of a network."""

from __future__ import annotations

from collections.abc import Sequence

from wsegs.errors import OptionError
from wsegs.nets import NetworkSignature
from wsegs.nets.backbones import check_backbone, find_weights
from wsegs.training.plan import BackbonePlan
from wsegs.training.recipe import Recipe
from wsegs.training.resolving.chosen import ChosenSource

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
        if recipe.network.backbone_rate != 1 or not recipe.network.pretrained:
            raise OptionError(f"network: backbone_rate, pretrained: '{name}' has no backbone")
        return None
    backbone = str(recipe.network.options.get("backbone", _DEFAULT))
    strides = recipe.network.options.get("strides", _STRIDES)
    if not isinstance(strides, Sequence) or not all(isinstance(stride, int) for stride in strides):
        raise OptionError(f"network: strides: expected whole numbers such as [4, 8, 16], got {strides!r}")
    check_backbone(backbone, strides)
    rate = recipe.network.backbone_rate
    if not recipe.network.pretrained:
        if recipe.network.weights is not None:
            raise OptionError("network: expected weights or pretrained: false, got both")
        return BackbonePlan(backbone, None, "", "", rate)
    found = find_weights(backbone, recipe.network.weights)
    return BackbonePlan(backbone, found.file, found.sha256, found.licence, rate)


def check_fitted(recipe: Recipe, signature: NetworkSignature) -> None:
    """Check that heads can be fitted on the features of a recipe's network, where it asks for that.

    Raises
    ------
    OptionError
        If the network has no features, or heads of other tasks than attributes would be left as they are.
    """
    attributes = recipe.tasks.get("attributes")
    held_out = attributes.options.get("held_out") if attributes else ()
    if held_out and (recipe.fit is None or recipe.fit.features == "frozen"):
        raise OptionError(
            "--hold-out-attributes: they would never be learnt; --svm learns them on the features of a trained network"
        )
    if recipe.fit is None:
        return
    name = recipe.network.target
    if recipe.fit.features == "trained":
        if not signature.wants("heads"):
            raise OptionError(f"fit: machines are fitted on the features of a network, and '{name}' has none")
        if "attributes" not in recipe.losses:
            raise OptionError(f"fit: expected a recipe that learns attributes, got {', '.join(sorted(recipe.losses))}")
        return
    if not signature.reads_features and not signature.wants("views"):
        raise OptionError(
            f"fit: heads are fitted on features by region, which network '{name}' does not read; features: trained fits"
            " them on its own after the training"
        )
    if recipe.losses != {"attributes"}:
        raise OptionError(f"fit: expected the task attributes alone, got {', '.join(sorted(recipe.losses))}")


def check_penalty_labels(recipe: Recipe, main: ChosenSource) -> None:
    """Check that there are labels to choose a penalty by, where the validation images do it after a training.

    Raises
    ------
    OptionError
        If no attribute has labels of both kinds there.
    """
    if recipe.fit is None or recipe.fit.features == "frozen" or recipe.fit.folds:
        return
    rows = main.rows.validation
    labels = main.opened.labelled.attributes[rows]
    if not ((labels == 1).any(axis=0) & (labels == 0).any(axis=0)).any():
        raise OptionError(
            f"fit: no attribute of the {len(rows)} validation images has present and absent labels to choose a penalty"
            " by; --folds 5 chooses it by folds of the training people"
        )
