"""The options of ``wsegs train`` that override fields of the recipe, and what they override."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import cloup

from wsegs.cli.options import NAMES, PATH, SIZE, NumberRange, move_options
from wsegs.errors import OptionError

if TYPE_CHECKING:
    from wsegs.training.recipe import Recipe

Command = TypeVar("Command", bound=Callable[..., Any])

# Option -> field of the recipe; others have the name of their field.
_FIELDS = {
    "width": "network.width",
    "layers": "network.layers",
    "learning_rate": "optimizer.learning_rate",
    "weight_decay": "optimizer.weight_decay",
    "optimizer": "optimizer.name",
    "schedule": "schedule.name",
    "warmup": "schedule.warmup",
    "monitor": "early_stopping.monitor",
    "patience": "early_stopping.patience",
    "balance": "tasks.attributes.balance",
    "backbone": "network.backbone",
    "weights": "network.weights",
    "prior": "fit.prior",
    "folds": "fit.folds",
    "thresholds": "fit.thresholds",
    "hold_out_attributes": "tasks.attributes.held_out",
    "groups": "network.groups",
    "relation_scale": "tasks.relation.scale",
    "negative_threshold": "tasks.relation.negative_threshold",
    "people": "samples.people",
    "views": "network.views",
    "momentum": "optimizer.momentum",
    "rotate": "augmentation.rotate",
    "scale": "augmentation.scale",
    "shift": "augmentation.shift",
    "colour": "augmentation.colour",
    "moved_masks": "augmentation.moved_masks",
}
_ABOUT_REGIONS = ("parsing_masks", "class_map", "parsing_store", "from_store", "parser", "hard_regions")

# Options that change a recipe as a whole, rather than one of its fields.
_CHANGES = ("no_segmentation", "no_flips", "relation", "trunks", "no_trunks", "freeze_trunks")


class ShareType(click.ParamType):  # type: ignore[type-arg]
    """A share of people, from and to, such as 0-0.8; becomes a tuple."""

    name = "FROM-TO"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, float]:
        """Return two numbers; the recipe says whether they are a share."""
        if isinstance(value, tuple):
            return value
        first, _, last = str(value).partition("-")
        try:
            return float(first), float(last)
        except ValueError:
            self.fail(f"expected two shares such as 0-0.8, got {value!r}", param, ctx)


_GROUPS = (
    cloup.option_group(
        "Parsing and regions",
        "For networks that learn to parse faces (parser, joint) or read regions beside the image (ssp, ssg, naive).",
        cloup.option(
            "--parsing-masks",
            type=PATH,
            help="Folder of human parsing masks: PNG files whose pixels are class numbers, named as the images. A"
            " parser learns from them; another network takes its regions from them.  [default: the recipe's]",
        ),
        cloup.option(
            "--class-map",
            help="Class map that groups the classes of --parsing-masks: a YAML file, or the name of a shipped one."
            "  [default: the recipe's]",
        ),
        cloup.option(
            "--parsing-store",
            type=PATH,
            help="Mask store of the images that have --parsing-masks, if they are not those of MASKS (for joint)."
            "  [default: MASKS]",
        ),
        cloup.option(
            "--from-store", is_flag=True, help="Take the base regions of the mask store in place of human masks."
        ),
        cloup.option(
            "--parser",
            type=PATH,
            help="Run of a parser that draws the regions of new images, of which nothing but the image is known."
            "  [default: the recipe's]",
        ),
        cloup.option(
            "--hard-regions",
            is_flag=True,
            default=None,
            help="Assign each pixel to the most probable region of the parser alone.  [default: the recipe's; without"
            " it regions are weighted by their probabilities]",
        ),
    ),
    cloup.option_group(
        "Network",
        cloup.option(
            "--width",
            metavar="FACTOR",
            type=float,
            help="Multiply the number of filters of every layer by this factor, if the network has that option; 0.25 is"
            " affordable on a CPU.",
        ),
        cloup.option(
            "--layers",
            type=click.Choice(["paper", "torchvision"]),
            help="Filters of lnet: those of the paper, or those of torchvision's AlexNet, for --init-from FILE."
            "  [default: the recipe's]",
        ),
        cloup.option("--size", type=SIZE, help="Height and width in pixels of the images that the network sees."),
        cloup.option(
            "--init-from",
            metavar="RUN|FILE",
            type=PATH,
            help="Start from the best weights of this run of the same network, to fine-tune it. Or of lnet: from the"
            " convolutions in this file (.pth), such as torchvision's AlexNet.  [default: random weights]",
        ),
        cloup.option(
            "--trunk",
            "trunks",
            metavar="RUN",
            type=PATH,
            multiple=True,
            help="Start with layers of this run of another network, such as its convolutions, in place of the recipe's"
            " trunk. Repeat the option for attributenet, which puts those of several runs side by side.",
        ),
        cloup.option(
            "--no-trunks",
            is_flag=True,
            help="Start with random weights in place of the recipe's trunks or a backbone's.",
        ),
        cloup.option("--freeze-trunks", is_flag=True, help="Leave the layers of all trunks as they are."),
        cloup.option(
            "--groups",
            type=PATH,
            help="YAML file of groups of attributes, group: [attribute, ...], each with a branch of its own"
            " (attributenet); wsegs rules groups writes one.  [default: the recipe's]",
        ),
    ),
    cloup.option_group(
        "Loss and optimizer",
        cloup.option(
            "--no-segmentation",
            is_flag=True,
            help="Train the baseline: the same network for as many epochs, without the segmentation loss.",
        ),
        cloup.option(
            "--balance",
            type=click.Choice(["none", "class"]),
            help="Weights of labels in the attribute loss: none counts all alike, class weighs present and absent by"
            " their rates, for balanced accuracy.",
        ),
        cloup.option("--optimizer", type=click.Choice(["adam", "adamw", "adagrad", "sgd"]), help="Optimizer."),
        cloup.option("--learning-rate", type=float, help="Learning rate, or its maximum if a schedule changes it."),
        cloup.option("--weight-decay", type=float, help="Weight decay of the optimizer."),
        cloup.option("--momentum", type=click.FloatRange(0, 1, max_open=True), help="Momentum of sgd."),
        cloup.option(
            "--schedule",
            type=click.Choice(["constant", "one-cycle", "cosine"]),
            help="Schedule of the learning rate over all steps.",
        ),
        cloup.option(
            "--warmup",
            metavar="SHARE",
            type=float,
            help="Share of all steps, 0 to 1, in which a schedule raises the learning rate to its maximum.",
        ),
        cloup.option(
            "--batch-size", type=click.IntRange(min=1), help="Number of images in a mini-batch, over all devices."
        ),
        cloup.option(
            "--max-steps",
            type=click.IntRange(min=1),
            help="Stop after so many mini-batches; the stages of the recipe are shortened in proportion.",
        ),
        cloup.option(
            "--no-flips",
            is_flag=True,
            help="Mirror no images. Without it half of them are mirrored, as the recipe says, and what is of two sides"
            " (left_eye and right_eye) is exchanged.",
        ),
        cloup.option("--seed", type=click.IntRange(min=0), help="Seed of the weights, the order of images and flips."),
    ),
    cloup.option_group(
        "Moved crops",
        "Move each training image at random, another way in every epoch; masks, regions and points follow.",
        *move_options,
        cloup.option(
            "--moved-masks",
            type=click.Choice(["warped", "drawn"]),
            help="Masks of moved crops: warped takes those of the mask store, drawn applies its rules to the moved"
            " landmarks, which is slower and goes beyond the store's frame.  [default: the recipe's, or warped]",
        ),
    ),
    cloup.option_group(
        "Relation of attributes",
        "A loss on pairs of attributes beside that of the attributes, for any network that learns some.",
        cloup.option(
            "--relation",
            metavar="ALPHA",
            type=NumberRange(min=0),
            help="Weight of the online batch relation loss; the paper's is 0.5, and 0 takes it out of a recipe."
            "  [default: the recipe's]",
        ),
        cloup.option(
            "--relation-scale",
            type=click.Choice(["sum", "mean"]),
            help="What ALPHA stands beside: sum, a cross entropy that is added up over the attributes, as the paper's;"
            " mean, that of wsegs, where it weighs as many times more as there are attributes.  [default: the recipe's,"
            " or sum]",
        ),
        cloup.option(
            "--negative-threshold",
            metavar="R",
            type=NumberRange(-1, 1),
            help="Correlation up to which two attributes are to be predicted unlike; the paper's 0.2 takes in those"
            " that are merely unrelated, -0.2 does not.  [default: the recipe's, or 0.2]",
        ),
    ),
    cloup.option_group(
        "Fit",
        "For recipes that fit linear heads on features: of a frozen backbone (region-probe), of gradients and colours"
        " (facetracer), of a network that stays as it is (anet-svm), of the network after its training (panda, and"
        " --svm).",
        cloup.option(
            "--svm",
            is_flag=True,
            help="After the training, fit a linear support vector machine for each attribute on the features of the"
            " network, in place of its heads.",
        ),
        cloup.option(
            "--hold-out-attributes",
            metavar="NAME,...",
            type=NAMES,
            help="Attributes whose labels the training does not see; the machines learn them on its features (--svm,"
            " panda).",
        ),
        cloup.option(
            "--backbone",
            help="Backbone whose maps are read: efficientnet-lite0, -lite1, -lite2, or timm:MODEL.  [default: the"
            " recipe's]",
        ),
        cloup.option(
            "--weights",
            type=PATH,
            help="File of the backbone's weights.  [default: those of the package that is made for it]",
        ),
        cloup.option(
            "--prior",
            metavar="FACTOR",
            type=click.FloatRange(min=0, min_open=True),
            help="By how much more weights on regions outside of an attribute's own mask are penalised; 1 penalises all"
            " alike.  [default: the recipe's]",
        ),
        cloup.option(
            "--folds",
            metavar="N",
            type=click.IntRange(min=0),
            help="Number of folds of people by which penalty and thresholds are chosen; 0 takes the validation images."
            "  [default: the recipe's]",
        ),
        cloup.option(
            "--thresholds",
            type=click.Choice(["none", "accuracy", "balanced_accuracy"]),
            help="What the thresholds of the attributes are chosen for.  [default: the recipe's]",
        ),
        cloup.option(
            "--views",
            type=click.IntRange(min=1),
            help="Number of views of each face whose features the heads read (anet-svm): 5 or 1.  [default: the"
            " recipe's]",
        ),
    ),
    cloup.option_group(
        "Validation",
        cloup.option(
            "--validate-every",
            metavar="STEPS",
            type=click.IntRange(min=1),
            help="Number of mini-batches between two validations, each of which writes a checkpoint.  [default: the"
            " recipe's, or an epoch]",
        ),
        cloup.option(
            "--monitor",
            metavar="SCORE",
            help="Score that decides which checkpoint is the best: average_precision, accuracy, balanced_accuracy,"
            " mean_iou, or the loss of a task by its name.",
        ),
        cloup.option(
            "--patience",
            metavar="N",
            type=click.IntRange(min=1),
            help="Stop after N validations without a better score.  [default: the recipe's, or never]",
        ),
    ),
)


def recipe_options(command: Command) -> Command:
    """Add the options that override fields of the recipe."""
    for group in reversed(_GROUPS):
        command = group(command)
    return command


def load_overridden_recipe(name: str, options: Mapping[str, Any]) -> Recipe:
    """Return the recipe with the fields that the options of :func:`recipe_options` set.

    Raises
    ------
    OptionError
        If an option does not fit the network of the recipe.
    """
    from wsegs.training.recipe import load_recipe

    values = {_FIELDS.get(option, option): value for option, value in options.items()}
    for option in (*_ABOUT_REGIONS, *_CHANGES, "svm", "label_counts"):
        values.pop(option, None)
    about_regions = {option: options[option] for option in _ABOUT_REGIONS}
    plain = load_recipe(name)
    svm = options.get("svm", False)
    if svm and plain.fit is not None:
        raise OptionError(f"--svm: recipe '{name}' fits heads already, as its field 'fit' says")
    for option in ("prior", "folds", "thresholds"):
        if options.get(option) is not None and plain.fit is None and not svm:
            raise OptionError(f"--{option}: recipe '{name}' fits no heads on features; region-probe does")
    if svm:
        values = {"fit": plain.with_svm().as_fields()["fit"], **values}
    values |= _label_fields(plain, options.get("label_counts"))
    recipe = load_recipe(name, values | _region_fields(plain, **about_regions))
    others = options["from_store"] or options["parsing_masks"] is not None
    if recipe.regions is not None and options["parser"] is None and others:
        recipe = recipe.without_parser()  # the parser of the recipe has other regions
    if options["no_flips"]:
        recipe = recipe.without_mirroring()
    recipe = _related(_with_trunks(recipe, options), options)
    return recipe.without_segmentation() if options["no_segmentation"] else recipe


def _label_fields(recipe: Recipe, counts: tuple[int, ...] | None) -> dict[str, Any]:
    """Return the fields of a recipe that numbers of labelled images set: those of a fit, or that of a training."""
    if counts is None:
        return {}
    if not recipe.trains:
        return {"fit.labels": counts}
    if len(counts) > 1:
        raise OptionError(
            f"--labels: expected one number for '{recipe.network.target}', which is trained, got {len(counts)};"
            " wsegs report draws the runs of several in one curve"
        )
    return {"samples.labels": counts[0]}


def _with_trunks(recipe: Recipe, options: Mapping[str, Any]) -> Recipe:
    """Return the recipe with the trunks that are asked for."""
    from wsegs.nets import signature_of
    from wsegs.training.resolving.recipe_changes import with_frozen_trunks, with_trunks

    if options["trunks"] and options["no_trunks"]:
        raise OptionError("--trunk and --no-trunks: expected one of them")
    if options["no_trunks"] and not recipe.network.trunks:
        if recipe.trains and signature_of(recipe.network.target).wants("backbone"):
            return recipe.model_copy(update={"network": recipe.network.model_copy(update={"pretrained": False})})
        raise OptionError("--no-trunks: the recipe names no layers whose weights come from elsewhere (network: trunks)")
    if options["trunks"] or options["no_trunks"]:
        signature = signature_of(recipe.network.target)
        recipe = with_trunks(recipe, options["trunks"], streams=signature.wants("streams"))
    if options["freeze_trunks"]:
        if not recipe.network.trunks:
            raise OptionError(
                f"--freeze-trunks: network '{recipe.network.target}' has no trunks; --trunk RUN gives some"
            )
        recipe = with_frozen_trunks(recipe)
    return recipe


def _related(recipe: Recipe, options: Mapping[str, Any]) -> Recipe:
    """Return the recipe with the relation loss that is asked for."""
    from wsegs.training.resolving.recipe_changes import with_relation

    if options["relation"] is not None:
        recipe = with_relation(recipe, options["relation"])
    for option in ("relation_scale", "negative_threshold"):
        if options[option] is not None and "relation" not in recipe.losses:
            raise OptionError(
                f"--{option.replace('_', '-')}: the training has no relation loss; --relation ALPHA gives it one"
            )
    return recipe


def _region_fields(
    recipe: Recipe,
    parsing_masks: Path | None,
    class_map: str | None,
    parsing_store: Path | None,
    from_store: bool,
    parser: Path | None,
    hard_regions: bool | None,
) -> dict[str, Any]:
    """Return the fields of a recipe that the options on regions set: of what is parsed, or of what is read."""
    parses = "parsing" in recipe.losses
    part = "tasks.parsing" if parses else "regions"
    about_masks = {"--parsing-masks": parsing_masks, "--class-map": class_map, "--from-store": from_store or None}
    unfit: dict[str, object] = (
        {"--parser": parser, "--hard-regions": hard_regions} if parses else {"--parsing-store": parsing_store}
    )
    if not parses and recipe.regions is None:
        unfit |= {**about_masks, "--parser": parser, "--hard-regions": hard_regions}
    for flag, value in unfit.items():
        if value is not None:
            does = "reads no regions" if flag != "--parsing-store" else "does not learn to parse"
            raise OptionError(f"{flag}: network '{recipe.network.target}' {does}")
    if from_store and parsing_masks is not None:
        raise OptionError("--from-store and --parsing-masks both say what regions are: expected one of them")
    fields: dict[str, Any] = {}
    if parsing_masks is not None or from_store:
        fields[f"{part}.from"] = "store" if from_store else "masks"
    if parsing_masks is not None:
        fields[f"{part}.parsing_masks"] = str(parsing_masks)
    if class_map is not None:
        # A run may be measured from another folder.
        is_file = Path(class_map).is_file()
        fields[f"{part}.class_map"] = str(Path(class_map).absolute()) if is_file else class_map
    if parser is not None:
        fields["regions.parser"] = str(parser)
        if not parses and recipe.regions is not None and recipe.regions.source == "rules" and parsing_masks is None:
            fields["regions.from"] = "parser"
    if hard_regions is not None:
        fields["regions.hard"] = hard_regions
    if parsing_store is not None:
        fields["tasks.parsing.store"] = str(parsing_store)
    return fields
