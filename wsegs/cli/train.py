"""``wsegs train``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import cloup

from wsegs.cli.fit_heads import fit_heads, print_fit
from wsegs.cli.guidance.next_steps import after_training
from wsegs.cli.labels.warn import check_label_options, warn_of_store
from wsegs.cli.options import (
    PATH,
    argument,
    boxes_option,
    categories_option,
    data_option,
    data_scale_option,
    given,
    images_option,
    limit_option,
    numbers_option,
    output_options,
    print_json,
    unknown_option,
)
from wsegs.cli.train_options import ShareType, load_overridden_recipe, recipe_options
from wsegs.errors import OptionError
from wsegs.io.processes.allocator import keep_freed_memory

if TYPE_CHECKING:
    from wsegs.training.plan import TrainingPlan


class LabelsType(click.ParamType):  # type: ignore[type-arg]
    """A file of labels, or numbers of labelled images, 300 or 100,300,1000; becomes a path, or a tuple."""

    name = "FILE|N,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path | tuple[int, ...]:
        """Return a path, or numbers; a file that is called like a number is a file."""
        parts = str(value).split(",")
        if all(part.isdecimal() for part in parts) and not Path(str(value)).exists():
            return tuple(int(part) for part in parts)
        return Path(str(value))


@cloup.command()
@argument("recipe", "Recipe of the training: the name of a shipped one, such as attparsenet, or a YAML file.", type=str)
@argument(
    "masks",
    "Mask store to train on; or a landmarks.h5, to train on the images that it is of, cropped about their faces."
    "  [default: masks.h5, if it is there or the recipe needs masks; else the images of the data set]",
    metavar="[MASKS|LANDMARKS]",
    required=False,
)
@cloup.option_group(
    "Samples",
    data_option,
    images_option,
    cloup.option(
        "--labels",
        type=LabelsType(),
        envvar="WSEGS_LABELS",
        show_envvar=True,
        help="CSV file of labels, as of wsegs landmarks. Or a number: train or fit on so many labelled images. Of"
        " several, such as 100,300,1000, the largest is the run's, and all are points of the curve in its report"
        " (region-probe, facetracer).  [default: labels.csv in the data set]",
    ),
    numbers_option,
    unknown_option,
    categories_option,
    data_scale_option,
    limit_option,
    cloup.option(
        "--people",
        type=ShareType(),
        help="Share of the people of the train split to take, in an order of chance that is the same for every recipe:"
        " 0-0.8, or 0.8-1 for those who are left.  [default: the recipe's, or all]",
    ),
    cloup.option(
        "--landmarks",
        type=PATH,
        help="A landmarks.h5 of the data set, to crop images without a mask store about their faces.",
    ),
    cloup.option(
        "--crop",
        type=click.Choice(["image", "letterbox", "centre", "face", "box"]),
        help="How to crop images without a mask store: image resizes them, letterbox fits them in with black bars,"
        " face crops by --landmarks, box by --boxes or the boxes of the data set, centre cuts the sides that are too"
        " long.  [default: the recipe's; by itself face with --landmarks, box with --boxes, image if all are aligned,"
        " else letterbox]",
    ),
    boxes_option,
)
@recipe_options
@cloup.option_group(
    "Features",
    "For recipes that fit heads on features of a network that stays as it is (region-probe, facetracer).",
    cloup.option(
        "--features",
        type=PATH,
        help="File of features; made where it is not there.  [default: features.h5 beside masks.h5, NAME.features.h5"
        " beside NAME.h5; without it, features-300.h5 if --labels or --limit need 300 images, less than half]",
    ),
    cloup.option(
        "--finetune",
        is_flag=True,
        help="Train backbone and heads together, beginning with the fit: that of --init-from, or of runs/RECIPE, which"
        " is made where it is not there (region-probe).",
    ),
)
@cloup.option_group(
    "Localisation",
    "For lnets-anet: a run that finds the faces of new pictures itself.",
    cloup.option(
        "--locate",
        nargs=2,
        metavar="RUN_O RUN_S",
        type=PATH,
        help="Keep these LNets in the run: those that located the boxes of the training images.  [default: none; a"
        " detector finds the faces of new pictures]",
    ),
    cloup.option(
        "--locate-threshold",
        nargs=2,
        metavar="SHARE SHARE",
        type=click.FloatRange(0, 1, max_open=True),
        help="Share of the peak's response that the cells of a window exceed, for RUN_O and for RUN_S, as when the"
        " boxes were located.  [default: 0.5 0.5]",
    ),
)
@cloup.option_group(
    "Devices and processes",
    cloup.option(
        "--precision",
        type=click.Choice(["auto", "32-true", "16-mixed", "bf16-mixed"]),
        help="Number format: auto is bf16-mixed where the hardware is faster with it, else 32-true (float32)."
        "  [default: the recipe's]",
    ),
    cloup.option("--accelerator", default="auto", help="Kind of device to train on: cpu, gpu, or auto."),
    cloup.option(
        "--devices", default="auto", help="Number of devices of each machine, or a list such as 0,2; auto takes all."
    ),
    cloup.option("--nodes", type=click.IntRange(min=1), default=1, help="Number of machines that train together."),
    cloup.option(
        "--strategy", default="auto", help="How devices share the work, by its name in Lightning: ddp, fsdp, ..."
    ),
    cloup.option(
        "-j",
        "--jobs",
        type=click.IntRange(min=-1),
        envvar="WSEGS_JOBS",
        show_envvar=True,
        help="Number of processes that read images; -1 is one for each processor core.  [default: -1 with a GPU and"
        " for features, 0 if the CPU trains]",
    ),
    cloup.option(
        "--cache/--no-cache",
        default=None,
        help="Keep decoded images on disk while training, so that each is decoded once.  [default: if they take"
        " at most 2 GiB]",
    ),
)
@output_options(
    None,
    "The run folder to write.  [default: runs/RECIPE]",
    cloup.option(
        "--resume",
        is_flag=True,
        help="Continue the training in --output from its last checkpoint, or begin it again if there is none.",
    ),
)
def train(
    recipe: str,
    masks: Path | None,
    data: Path | None,
    images: str | None,
    labels: Path | tuple[int, ...] | None,
    numbers: tuple[str, ...],
    categories: tuple[str, ...],
    unknown: str | None,
    data_scale: str | None,
    limit: int | None,
    landmarks: Path | None,
    crop: str | None,
    boxes: Path | None,
    features: Path | None,
    finetune: bool,
    locate: tuple[Path, Path] | None,
    locate_threshold: tuple[float, float] | None,
    accelerator: str,
    devices: str,
    nodes: int,
    strategy: str,
    jobs: int | None,
    cache: bool | None,
    output: Path | None,
    resume: bool,
    force: bool,
    as_json: bool,
    **recipe_fields: Any,
) -> None:
    """Train a network by a recipe, on a mask store and its images, or straight on the images of a data set.

    The options of Network, Loss and optimizer, and Validation replace values of the recipe. The run folder keeps the
    recipe as it was used.
    """
    from wsegs.nets import signature_of
    from wsegs.training.distributed import is_main_process
    from wsegs.training.fitting.lnets import LNets
    from wsegs.training.resolve import Overrides, resolve
    from wsegs.training.resolving.landmark_tables import is_landmark_table, samples_of_landmarks
    from wsegs.training.resolving.recipe_changes import with_relation
    from wsegs.training.run_folder import check_free, check_run, has_checkpoint

    if resume and force:
        raise OptionError("--resume continues a run and --force overwrites it: expected one of them")
    recipe_fields["label_counts"] = labels if isinstance(labels, tuple) else None
    chosen = load_overridden_recipe(recipe, recipe_fields)
    workers = (os.cpu_count() or 1) if jobs == -1 else jobs
    files = None if isinstance(labels, tuple) else labels
    labelled = {"images": images, "labels": files, "numbers": numbers, "categories": categories, "unknown": unknown}
    opened = given({**labelled, "data_scale": data_scale, "boxes": boxes})
    if masks is not None and is_landmark_table(masks):
        masks, data, landmarks, opened = samples_of_landmarks(masks, data, landmarks, opened)
    overrides = Overrides(masks, data, landmarks, limit, crop, opened)
    fitted = Path("runs") / Path(recipe).stem
    if finetune and chosen.network.target == "anet-views":
        raise OptionError(f"--finetune: recipe '{recipe}' fits heads on an ANet that is trained before, by anet")
    if locate is not None and (chosen.fit is None or finetune):
        raise OptionError(f"--locate: recipe '{recipe}' fits no heads on crops about boxes; lnets-anet does")
    if locate_threshold is not None and locate is None:
        raise OptionError("--locate-threshold: expected --locate RUN_O RUN_S, too")
    for option, value in (("--features", features is not None), ("--finetune", finetune)):
        if value and chosen.trains:
            raise OptionError(f"{option}: recipe '{recipe}' fits no heads on features; region-probe does")
    if finetune and not signature_of(chosen.network.target).wants("backbone"):
        raise OptionError(f"--finetune: network '{chosen.network.target}' has no backbone that could be trained")
    if not chosen.trains and not finetune:
        if recipe_fields["relation"]:
            raise OptionError("--relation: heads that are fitted learn one by one; --finetune trains them together")
        if resume:
            raise OptionError("--resume: a fit takes a minute and is not resumed; its features go on by themselves")
        lnets = None if locate is None else LNets(locate, locate_threshold or (0.5, 0.5))
        fit_heads(chosen, overrides, output or fitted, features, jobs, lnets, force=force, as_json=as_json)
        return
    if finetune:
        output = output or fitted.with_name(f"{fitted.name}-finetuned")
        if chosen.init_from is None:
            if not (fitted / "run.json").exists():
                plain = with_relation(chosen, 0).without_moves()  # features are read from crops as they are
                fit_heads(plain, overrides, fitted, features, jobs, force=False, as_json=False)
            chosen = chosen.model_copy(update={"init_from": fitted})
        chosen = chosen.trained()
    output = output or fitted
    if resume:
        check_run(output)
    elif is_main_process():
        check_free(output, force=force)
    plan = resolve(chosen, overrides)
    check_label_options(plan)
    if is_main_process():
        warn_of_store(plan)
        for note in plan.notes:
            click.echo(f"Note: {note}", err=True)
        if not as_json:
            _print_mirroring(plan)
            _print_alone(plan)

    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # silences advice on the use of torch
    # torch takes seconds to import, so mistakes are reported first.
    from wsegs.training.samples.class_map_check import class_map_doubts

    if is_main_process():
        for doubt in class_map_doubts(plan):
            click.echo(f"Note: {doubt}", err=True)
    from wsegs.training.lightning.trainer import TrainerOptions
    from wsegs.training.train import train as train_network

    keep_freed_memory()
    options = TrainerOptions(accelerator, devices, nodes, strategy, workers, cache)
    try:
        summary = train_network(chosen, None, output, plan=plan, options=options, resume=resume, force=force)
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
    _print_summary(summary, output)
    click.echo(f"next: {after_training(plan, output, summary['splits'])}")


def _print_mirroring(plan: TrainingPlan) -> None:
    """Print what mirrored images exchange, or why there are none."""
    pairs = list(dict.fromkeys(pair for source in plan.sources for pair in source.mirror.names))
    if plan.unmirrored:
        click.echo(plan.unmirrored)
    elif plan.flips and pairs:
        more = f", and {len(pairs) - 5} more pairs" if len(pairs) > 5 else ""
        shown = ", ".join(f"{one} and {other}" for one, other in pairs[:5])
        click.echo(f"mirrored images exchange {shown}{more}")


def _print_alone(plan: TrainingPlan) -> None:
    """Print of how many people there is no pair of images, where a loss is of pairs."""
    identity = plan.task("identity")
    if identity is not None and plan.main.alone:
        click.echo(f"{plan.main.alone} of {len(identity.outputs)} people have one image to train on, and so no pair")


def _print_summary(summary: Mapping[str, Any], output: Path) -> None:
    images, best = summary["images"], summary["best"]
    carved = " (people carved out of train)" if summary["validation_carved_out_of_train"] else ""
    if not summary["validation_held_out"]:
        carved = " of them"
    click.echo(
        f"{output}: {summary['network']}, {images['train']} images, validated on {images['validation']}{carved};"
        f" {summary['steps']} steps ({summary['epochs']:g} epochs) in {summary['seconds']:.0f} s,"
        f" {summary['images_per_second']:.1f} images/s, {summary['precision']}"
    )
    if "leaks" in summary:
        click.echo(f"note: {summary['leaks']['text']}")
    overlap = summary.get("parser_overlap", {})
    for what in ("images", "people"):
        if overlap.get(what):
            click.echo(f"the parser was trained on {overlap[what]} {what} of the {overlap['test_images']} test images")
    if summary["without_face"] and "segmentation" in summary["tasks"]:
        click.echo(f"without a face, so without masks: {summary['without_face']} of the training images")
    scores = ", ".join(f"{_title(name)} {_score(name, best[name])}" for name in best if _is_score(name))
    on = "the validation images" if summary["validation_held_out"] else "images that were trained on; the last is kept"
    click.echo(f"best, after {best['step']:.0f} steps: {scores} on {on}")
    if "fit" in summary:
        print_fit(summary["fit"])
    for name, file in summary["files"].items():
        click.echo(f"{name}: {file}")


_SHARES = ("accuracy", "average_precision", "mean_iou", "auc")
_NUMBERS = ("mean_absolute_error", "correlation")


def _is_score(name: str) -> bool:
    """Return whether a column of ``metrics.csv`` is a validation score and not a loss."""
    return name.startswith("val_") and name.endswith((*_SHARES, *_NUMBERS))


def _title(name: str) -> str:
    return name.removeprefix("val_").replace("_", " ").replace("iou", "IoU")


def _score(name: str, value: float | None) -> str:
    if value is None:
        return "undefined"
    return f"{value:.2%}" if name.endswith(_SHARES) else f"{value:.4g}"
