"""``wsegs train``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wsegs.cli.options import SIZE, data_option, force_option, json_option, output_option, print_json
from wsegs.errors import OptionError

if TYPE_CHECKING:
    from wsegs.training.recipe import Recipe


@click.command()
@click.argument("recipe_name", metavar="RECIPE")
@click.argument("masks", type=click.Path(path_type=Path), required=False)
@output_option(None, "The run folder.  [default: runs/RECIPE]")
@data_option
@click.option("--no-segmentation", is_flag=True, help="The baseline: the same network and passes, without masks.")
@click.option(
    "--truth",
    type=click.Path(path_type=Path),
    help="Folder of human masks (class PNGs by the image's name): for a parser to learn, or as regions.",
)
@click.option("--classes", help="Class map of the human masks: a shipped one by name, or a YAML file.")
@click.option("--from-store", is_flag=True, help="The mask store's base regions instead of human masks.")
@click.option(
    "--parser",
    type=click.Path(path_type=Path),
    help="Run of a parser that draws the regions which the network reads, where only the image is known.",
)
@click.option(
    "--hard-regions",
    "hard",
    is_flag=True,
    default=None,
    help="The parser's most probable class of a pixel alone, instead of all their probabilities.",
)
@click.option(
    "--parsing-masks",
    type=click.Path(path_type=Path),
    help="Mask store of the images that have the human masks, where they are others (joint).",
)
@click.option(
    "--init-from",
    type=click.Path(path_type=Path),
    help="Run of the same network whose best weights this one begins with: fine-tuning.",
)
@click.option("--width", type=float, help="Scale the network's filters, where it has that option.")
@click.option("--size", type=SIZE, help="Size of the images that the network sees.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Images of a step, on all devices together.")
@click.option("--max-steps", type=click.IntRange(min=1), help="At most so many steps; all stages shrink alike.")
@click.option("--validate-every", type=click.IntRange(min=1), help="Steps between two validations and checkpoints.")
@click.option("--learning-rate", type=float, help="The highest, where the schedule changes it.")
@click.option("--weight-decay", type=float, help="Of the optimiser.")
@click.option("--optimizer", type=click.Choice(["adam", "adamw", "adagrad", "sgd"]), help="Instead of the recipe's.")
@click.option(
    "--balance", type=click.Choice(["none", "class"]), help="Weigh present and absent labels alike, or by their rates."
)
@click.option("--schedule", type=click.Choice(["constant", "one-cycle", "cosine"]), help="Of the learning rate.")
@click.option("--warmup", type=float, help="Share of the steps in which the learning rate rises.")
@click.option(
    "--monitor",
    help="What says which checkpoint is the best: a score of the validation images, or a loss.",
)
@click.option("--patience", type=click.IntRange(min=1), help="Validations without a better one that end the training.")
@click.option(
    "--precision", type=click.Choice(["auto", "32-true", "16-mixed", "bf16-mixed"]), help="Lightning's names."
)
@click.option("--seed", type=click.IntRange(min=0), help="Of weights, order and flips.")
@click.option(
    "--landmarks", type=click.Path(path_type=Path), help="landmarks.h5 of the data set, for crops about its faces."
)
@click.option(
    "--crop",
    type=click.Choice(["image", "letterbox", "face", "box"]),
    help="How images are cropped that come from the data set and not from a mask store.",
)
@click.option("--limit", type=click.IntRange(min=1), help="At most so many images, of training and validation each.")
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=-1),
    envvar="WSEGS_JOBS",
    show_envvar=True,
    help="Processes that read images; -1 is one a core.  [default: -1 beside a GPU, 0 where the CPU trains]",
)
@click.option("--cache/--no-cache", default=None, help="Decode each image once.  [default: if it takes up to 2 GiB]")
@click.option("--accelerator", default="auto", help="Lightning: cpu, gpu, ...")
@click.option("--devices", default="auto", help="Lightning: how many of them, or which.")
@click.option("--nodes", type=click.IntRange(min=1), default=1, help="Lightning: how many machines.")
@click.option("--strategy", default="auto", help="Lightning: ddp, fsdp, ...")
@click.option("--resume", is_flag=True, help="Continue the run that is there.")
@force_option
@json_option
def train(
    recipe_name: str,
    masks: Path | None,
    output: Path | None,
    data: Path | None,
    no_segmentation: bool,
    truth: Path | None,
    classes: str | None,
    from_store: bool,
    parser: Path | None,
    hard: bool | None,
    parsing_masks: Path | None,
    landmarks: Path | None,
    crop: str | None,
    limit: int | None,
    jobs: int | None,
    cache: bool | None,
    accelerator: str,
    devices: str,
    nodes: int,
    strategy: str,
    resume: bool,
    force: bool,
    as_json: bool,
    **overrides: Any,
) -> None:
    """Train a network: RECIPE (attparsenet, or a YAML file) on MASKS (masks.h5) and their images."""
    import os

    from wsegs.training.distributed import is_main_process
    from wsegs.training.recipe import load_recipe
    from wsegs.training.resolve import Overrides, resolve
    from wsegs.training.run_folder import check_free, check_run, has_checkpoint

    if resume and force:
        raise OptionError("--resume continues a run and --force overwrites it: expected one of them")
    fields = {
        "width": "network.width",
        "learning_rate": "optimizer.learning_rate",
        "weight_decay": "optimizer.weight_decay",
        "optimizer": "optimizer.name",
        "schedule": "schedule.name",
        "warmup": "schedule.warmup",
        "monitor": "early_stopping.monitor",
        "patience": "early_stopping.patience",
        "balance": "tasks.attributes.balance",
    }
    values = {fields.get(name, name): value for name, value in overrides.items()}
    values |= _region_fields(load_recipe(recipe_name), truth, classes, from_store, parser, hard, parsing_masks)
    recipe = load_recipe(recipe_name, values)
    if recipe.regions is not None and parser is None and (from_store or truth is not None):
        recipe = recipe.without_parser()  # the recipe's own is one of other regions
    if no_segmentation:
        recipe = recipe.without_segmentation()
    output = output or Path("runs") / Path(recipe_name).stem
    workers = (os.cpu_count() or 1) if jobs == -1 else jobs
    given = Overrides(masks, data, landmarks, limit, crop)
    if resume:
        check_run(output)
    elif is_main_process():
        check_free(output, force=force)
    resolve(recipe, given)

    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # else torch advises on its own use
    # torch takes seconds to import; what can be wrong without it was said before.
    from wsegs.training.lightning.trainer import TrainerOptions
    from wsegs.training.train import train as train_network

    options = TrainerOptions(accelerator, devices, nodes, strategy, workers, cache)
    try:
        summary = train_network(recipe, None, output, overrides=given, options=options, resume=resume, force=force)
    except KeyboardInterrupt:
        if has_checkpoint(output):
            click.echo("\nthe last checkpoint is kept; the same command with --resume continues it", err=True)
        elif output.is_dir():
            click.echo("\nthere is no checkpoint yet; the same command with --resume begins again", err=True)
        raise
    if not summary:  # the process of a further device
        return
    if as_json:
        print_json(summary)
        return
    images, best = summary["images"], summary["best"]
    carved = " (people carved out of train)" if summary["validation_carved_out_of_train"] else ""
    click.echo(
        f"{output}: {summary['network']}, {images['train']} images, validated on {images['validation']}{carved};"
        f" {summary['steps']} steps ({summary['epochs']:g} epochs) in {summary['seconds']:.0f} s,"
        f" {summary['images_per_second']:.1f} images/s, {summary['precision']}"
    )
    overlap = summary.get("parser_overlap", {})
    for what in ("images", "people"):
        if overlap.get(what):
            click.echo(f"the parser was trained on {overlap[what]} {what} of the {overlap['test_images']} test images")
    if summary["without_face"]:
        click.echo(f"without a face, so without masks: {summary['without_face']} of the training images")
    titles = {"val_accuracy": "accuracy", "val_average_precision": "average precision", "val_mean_iou": "mean IoU"}
    scores = ", ".join(f"{title} {_percent(best[name])}" for name, title in titles.items() if name in best)
    click.echo(f"best, after {best['step']:.0f} steps: {scores} on the validation images")
    for name, file in summary["files"].items():
        click.echo(f"{name}: {file}")
    click.echo(f"next: wsegs evaluate {output}")


def _region_fields(
    recipe: Recipe,
    truth: Path | None,
    classes: str | None,
    from_store: bool,
    parser: Path | None,
    hard: bool | None,
    parsing_masks: Path | None,
) -> dict[str, Any]:
    """Return the fields of a recipe that the flags on regions set: of what is parsed, or of what is read."""
    parses = "parsing" in recipe.losses
    part = "tasks.parsing" if parses else "regions"
    about_masks = {"--truth": truth, "--classes": classes, "--from-store": from_store or None}
    unfit: dict[str, object] = (
        {"--parser": parser, "--hard-regions": hard} if parses else {"--parsing-masks": parsing_masks}
    )
    if not parses and recipe.regions is None:
        unfit |= {**about_masks, "--parser": parser, "--hard-regions": hard}
    for flag, value in unfit.items():
        if value is not None:
            does = "reads no regions" if flag != "--parsing-masks" else "does not learn to parse"
            raise OptionError(f"{flag}: network '{recipe.network.target}' {does}")
    if from_store and truth is not None:
        raise OptionError("--from-store and --truth both say what regions are: expected one of them")
    fields: dict[str, Any] = {}
    if truth is not None or from_store:
        fields[f"{part}.from"] = "store" if from_store else "masks"
    if truth is not None:
        fields[f"{part}.parsing_masks"] = str(truth)
    if classes is not None:
        # A run may be measured from another folder.
        fields[f"{part}.class_map"] = str(Path(classes).absolute()) if Path(classes).is_file() else classes
    if parser is not None:
        fields["regions.parser"] = str(parser)
    if hard is not None:
        fields["regions.hard"] = hard
    if parsing_masks is not None:
        fields["tasks.parsing.store"] = str(parsing_masks)
    return fields


def _percent(share: float | None) -> str:
    return "undefined" if share is None else f"{share:.2%}"
