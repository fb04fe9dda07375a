"""``wsegs evaluate``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
import cloup

from wsegs.cli.guidance.mistakes import check_there
from wsegs.cli.measures.leaning import print_leaning
from wsegs.cli.measures.where import PICTURE, prepare_where, print_where, where_options
from wsegs.cli.options import (
    NAMES,
    PATH,
    argument,
    boxes_option,
    checkpoint_option,
    data_scale_option,
    given,
    jobs_options,
    label_options,
    limit_option,
    move_options,
    output_options,
    print_json,
    regions_options,
)
from wsegs.errors import MissingError, OptionError

if TYPE_CHECKING:
    from wsegs.evaluation.runs import Run


@cloup.command()
@argument("run_folders", "Folders that wsegs train made.", metavar="RUN...", nargs=-1, required=True)
@cloup.option_group(
    "Images",
    cloup.option(
        "--data",
        type=PATH,
        envvar="WSEGS_DATA",
        show_envvar=True,
        help="Folder of the data set to measure on: CelebA, LFWA, UTKFace, or any folder of images."
        "  [default: the data set of the training, and of CelebA the kind of images that it had]",
    ),
    label_options,
    data_scale_option,
    cloup.option(
        "--masks",
        type=PATH,
        help="Measure on the images of this mask store instead, which must keep its images. For parsing, any mask"
        " store will do.  [default: the mask store of the training, if it keeps its images]",
    ),
    cloup.option(
        "--split",
        type=click.Choice(["train", "validation", "test", "all"]),
        default="test",
        help="Measure on the images of this split; all is every image, as papers test on LFWA.",
    ),
    limit_option,
    cloup.option(
        "--landmarks",
        type=PATH,
        help="A landmarks.h5 of these images, if they are not aligned or the run reads features by region.  [default:"
        " faces are found on the fly]",
    ),
    boxes_option,
    *regions_options,
    cloup.option(
        "--calibrate",
        metavar="N",
        type=click.IntRange(min=1),
        help="Choose the thresholds of the attributes for accuracy on N labelled images, and measure on the people who"
        " are in none of them.",
    ),
)
@cloup.option_group(
    "Moved crops",
    "Measure on crops that are moved at random, each by SEED and its row; what the options leave out is as the run was"
    " trained.",
    cloup.option(
        "--moved",
        metavar="SEED",
        type=click.IntRange(min=0),
        help="Move the crops, the same way whenever SEED is the same.  [default: crops stay as they are]",
    ),
    *move_options,
)
@cloup.option_group(
    "Run",
    checkpoint_option,
    cloup.option(
        "--parsing",
        is_flag=True,
        help="Measure how well the run parses faces, and not its attributes. A run that only parses is always measured"
        " so.",
    ),
    cloup.option(
        "--parsing-masks",
        type=PATH,
        help="Folder of the human parsing masks to measure parsing by, or --where.  [default: that of the training, of"
        " a parser]",
    ),
)
@where_options
@cloup.option_group(
    "What it leans on",
    cloup.option(
        "--groups",
        metavar="NAME,...",
        type=NAMES,
        default=(),
        help="Divide the faces by these attributes or categories of the data set, such as Male,Young: scores of each"
        " group, the worst one, and how far it is behind.  [default: none]",
    ),
)
@jobs_options
@output_options(None, "Folder for the tables and the chart.  [default: RUN/evaluation-DATA-SPLIT]")
def evaluate(
    run_folders: tuple[Path, ...],
    data: Path | None,
    masks: Path | None,
    split: str,
    limit: int | None,
    landmarks: Path | None,
    boxes: Path | None,
    regions: Path | None,
    class_map: str,
    calibrate: int | None,
    moved: int | None,
    rotate: float | None,
    scale: tuple[float, float] | None,
    shift: float | None,
    colour: float | None,
    checkpoint: Literal["best", "last", "trained"],
    parsing: bool,
    parsing_masks: Path | None,
    where: bool,
    where_by: str,
    where_masks: Path | None,
    groups: tuple[str, ...],
    jobs: int,
    output: Path | None,
    force: bool,
    as_json: bool,
    **labels: Any,
) -> None:
    """Measure trained networks on a split of any data set.

    Needs no masks. For a run of whole aligned images nothing is searched in images that are aligned, be it another way
    than the training's. For a run of crops about the face, or one that reads by landmarks (region-probe, facetracer,
    panda, bbox), the face of each image is found on the fly, unless --landmarks says where it is; so it is in images
    of another size that are not aligned. The output says how many images were cropped in which way.

    The predicted probabilities of several runs are averaged. A parser is measured on the images of a mask store, by the
    intersection over union of each class.
    """
    from wsegs.io.files import check_output
    from wsegs.training.run_folder import check_run_or_file

    for folder in run_folders:
        check_run_or_file(folder, checkpoint)
        if folder.is_file() and data is None and masks is None:
            raise OptionError(f"{folder}: a file of a run does not say where images are; expected --data or --masks")
    if data is not None and not data.exists():
        raise MissingError(f"{data}: no such folder; --data names the data set")
    named = {
        "--masks": masks,
        "--landmarks": landmarks,
        "--regions": regions,
        "--parsing-masks": parsing_masks,
        "--boxes": boxes,
        "--where-masks": where_masks,
    }
    check_there({**named, "--labels": labels["labels"]})
    if where_masks is not None and not where:
        raise OptionError("--where-masks: is for --where, which measures by these masks")
    if where and len(run_folders) > 1:
        raise OptionError("--where: expected one run, got several; an average of runs has no maps")
    if where and run_folders[0].is_file():
        raise OptionError(
            f"--where: expected a run folder, got the file {run_folders[0]}, which gives out no activations"
        )
    if output is not None:
        if (output / "run.json").exists():
            raise OptionError(
                f"--output: {output} is a run, whose tables would be overwritten; expected another folder"
            )
        check_output(output, force=force)
    # torch takes seconds to import, so mistakes are reported first.
    from wsegs.datasets.leaks import describe_leaks, find_leaks
    from wsegs.datasets.tables.columns import respelled
    from wsegs.evaluation.comparison.predictions import LABELS, write_labels
    from wsegs.evaluation.crop_sources import chosen_moves
    from wsegs.evaluation.evaluate import chosen_images
    from wsegs.evaluation.evaluate import evaluate as evaluate_run
    from wsegs.evaluation.images import open_images, rows_in_use, trained_name
    from wsegs.evaluation.leaning.groups import find_groupings
    from wsegs.evaluation.leaning.measure import measure_leaning, people_of, write_leaning
    from wsegs.evaluation.region_readers import open_regions
    from wsegs.evaluation.results import RELATIONS, average, calibrated, write_evaluation
    from wsegs.evaluation.where.write import WHERE
    from wsegs.io.processes.allocator import keep_freed_memory
    from wsegs.model_export.opening import open_run
    from wsegs.reports.plots import plot_attribute_bars

    keep_freed_memory()
    runs = [open_run(folder, checkpoint) for folder in run_folders]
    named_moves = {"rotate": rotate, "scale": scale, "shift": shift, "colour": colour}
    ranges = {name: value for name, value in named_moves.items() if value is not None}  # 0 is given, too
    workers = (os.cpu_count() or 1) if jobs == -1 else jobs
    if parsing or not runs[0].plan.network.heads:
        if len(runs) > 1:
            raise OptionError("RUN: expected one run of a parser, got several; only attributes are averaged")
        if moved is not None or ranges:
            raise OptionError("--moved: parsing is measured on crops as they are; attributes on moved ones")
        options = {"masks": masks, "data": data, "parsing_masks": parsing_masks, "jobs": workers, "limit": limit}
        _evaluate_parsing(runs[0], output, split, checkpoint, options, force, as_json)
        return
    moves = chosen_moves(runs[0], moved, ranges)
    if regions is not None and len(runs) > 1:
        raise OptionError("--regions: expected one run, got several")
    if parsing_masks is not None and not where:
        raise OptionError("--parsing-masks: is for parsing, which --parsing measures, or for --where")
    if where and moves is not None:
        raise OptionError("--where: measures crops as they are; expected it without --moved")
    if where and calibrate is not None:
        raise OptionError("--where: measures all of the images; expected it without --calibrate")
    opened = open_images(runs[0], data, masks, landmarks, given({**labels, "boxes": boxes}))
    dataset = opened.dataset
    if groups:  # before the network reads all of the images
        spelt = replace(dataset, attribute_names=respelled(dataset.attribute_names, runs[0].attribute_names))
        find_groupings(spelt, groups, chosen_images(spelt, split, limit, opened.landmarks)[1])
    beside = "".join(f"-with-{run.path.name}" for run in runs[1:])
    name = f"evaluation-{dataset.name}-{split}{beside}{'' if moved is None else f'-moved-{moved}'}"
    first = run_folders[0]  # of a file, the folder is beside it
    default = first.with_name(f"{first.stem}-{name}") if first.is_file() else first / name
    folder = check_output(output or default, force=force)
    reader = None
    if regions is not None:
        runs[0], reader = open_regions(runs[0], regions, class_map, dataset.images)
    measure = None
    if where:
        measure = prepare_where(
            runs[0],
            opened,
            split,
            by=where_by,
            store=where_masks,
            human=parsing_masks,
            class_map=class_map,
            regions=reader,
            jobs=workers,
            limit=limit,
        )
    evaluation = average(
        [
            evaluate_run(
                run,
                dataset,
                split,
                landmarks=opened.landmarks,
                store=opened.store,
                regions=reader,
                jobs=workers,
                limit=limit,
                moves=moves,
            )
            for run in runs
        ]
    )
    if calibrate is not None:
        evaluation = calibrated(evaluation, dataset, calibrate)
    run_name = " + ".join(map(str, run_folders))
    about: dict[str, Any] = {
        "run": run_name,
        "checkpoint": checkpoint,
        "data": str(opened.path),
        "name": dataset.name,
        "split": split,
    }
    if moves is not None:
        about["moved"] = moves.as_json()
    about |= {"trained_on": trained_name(runs[0].info), "frame": runs[0].info.frame.kind}
    leaks = []
    if about["trained_on"] == dataset.name:
        root, used = None if opened.store else dataset.root, rows_in_use(runs, dataset, evaluation.images)
        leaks = find_leaks(dataset.images, dataset.identity, dataset.split, root, used)
    if leaks:
        about["leaks"] = {"text": describe_leaks(leaks), "splits": [asdict(leak) for leak in leaks]}
    folder.mkdir(parents=True, exist_ok=True)
    leans: dict[str, Any] = {}
    files = ["metrics.csv", "metrics.json", "scores.csv"]
    if evaluation.attribute_names:
        leaning = measure_leaning(evaluation, dataset, groups)
        leans = write_leaning(leaning, folder)
        people, known = people_of(evaluation, dataset), evaluation.labels.numpy()
        write_labels(folder / LABELS, evaluation.images, people.tolist(), evaluation.attribute_names, known)
        files += [LABELS, *leaning.files]
    summary = write_evaluation(evaluation, folder, about, leans)
    if measure is not None:  # which may take long: what is measured already is kept
        leans["where"] = measure(folder)
        files += [WHERE, *([PICTURE] if (folder / PICTURE).is_file() else [])]
        summary = write_evaluation(evaluation, folder, about, leans)
    if "relation_distance" in summary:
        files.append(RELATIONS)
    if summary["attributes"]:
        plot_attribute_bars(summary["attributes"], folder / "attributes.png")
        files.append("attributes.png")
    if as_json:
        print_json(summary)
        return
    _print_summary(summary)
    for name in files:
        click.echo(f"{folder / name}")


def _print_summary(summary: Mapping[str, Any]) -> None:
    if summary["attributes"]:
        _print_table(summary)
    for task, scores in summary.get("tasks", {}).items():
        values = (f"{name} {'-' if value is None else f'{value:.4g}'}" for name, value in scores.items())
        click.echo(f"{task}: {', '.join(values)}")
    click.echo(
        f"\n{summary['run']} on {summary['images']} images of {summary['name']} ({summary['data']}),"
        f" split {summary['split']}"
    )
    if summary["trained_on"] not in ("", summary["name"]):
        click.echo(f"trained on other images: {summary['trained_on']}; these are {summary['name']}")
    if "leaks" in summary:
        click.echo(f"note: {summary['leaks']['text']}")
    print_leaning(summary)
    if "where" in summary:
        print_where(summary["where"])
    click.echo("crops: " + ", ".join(f"{count} {kind}" for kind, count in summary["crops"].items()))
    if "moved" in summary:
        moved = summary["moved"]
        low, high = moved["scale"]
        click.echo(
            f"moved by seed {moved['seed']}: up to {moved['rotate']:g} degrees, {low:g} to {high:g} times,"
            f" {moved['shift']:g} pixels, colour {moved['colour']:g}"
        )
    if "regions" in summary:
        click.echo("regions: " + ", ".join(f"{count} from {source}" for source, count in summary["regions"].items()))
    if "calibrated_on" in summary:
        click.echo(f"thresholds: chosen on {summary['calibrated_on']} images, whose people are not measured")
    for problem in summary["unreadable"]:
        click.echo(f"left out: {problem}")
    for side, key in (("the run", "attributes_only_in_run"), ("the data set", "attributes_only_in_data")):
        if summary[key]:
            click.echo(f"only {side} has these attributes, so they are not measured: {', '.join(summary[key])}")
    if summary["undefined_average_precision"]:
        names = ", ".join(summary["undefined_average_precision"])
        click.echo(f"all labels are alike, so there is no average precision (nor in its mean): {names}")


def _evaluate_parsing(
    run: Run,
    output: Path | None,
    split: str,
    checkpoint: str,
    options: Mapping[str, Any],
    force: bool,
    as_json: bool,
) -> None:
    from wsegs.evaluation.parsing import evaluate_parsing, write_parsing_evaluation
    from wsegs.io.files import check_output

    first = (
        run.path.with_name(f"{run.path.stem}-parsing-{split}") if run.path.is_file() else run.path / f"parsing-{split}"
    )
    folder = check_output(output or first, force=force)
    about = {"run": str(run.path), "checkpoint": checkpoint, "split": split}
    summary = write_parsing_evaluation(evaluate_parsing(run, split, **options), folder, about)
    if as_json:
        print_json(summary)
        return
    width = max(len("class"), *(len(row["class"]) for row in summary["classes"]))
    click.echo(f"{'class':<{width}}  {'pixels':>12}  {'IoU':>8}")
    for row in [*summary["classes"], {"class": "mean", "iou": summary["mean_iou"]}]:
        overlap = "-" if row["iou"] is None else f"{row['iou']:.2%}"
        click.echo(f"{row['class']:<{width}}  {row.get('pixels', ''):>12}  {overlap:>8}")
    click.echo(f"\n{run.path} on {summary['images']} images, split {split}")
    for name in ("classes.csv", "metrics.json"):
        click.echo(folder / name)


def _print_table(summary: Mapping[str, Any]) -> None:
    columns = {
        "accuracy": "accuracy",
        "error": "error",
        "average_precision": "avg. precision",
        "balanced_accuracy": "balanced acc.",
        "majority_rate": "majority",
    }
    width = max(len("attribute"), *(len(row["attribute"]) for row in summary["attributes"]))
    click.echo(f"{'attribute':<{width}}  {'positives':>11}" + "".join(f"  {title:>14}" for title in columns.values()))
    for row in [*summary["attributes"], {"attribute": "mean", **summary["mean"]}]:
        positives = f"{row['positives']} / {row['labels']}" if "labels" in row else ""
        cells = ("-" if row[name] is None else f"{row[name]:.2%}" for name in columns)
        click.echo(f"{row['attribute']:<{width}}  {positives:>11}" + "".join(f"  {cell:>14}" for cell in cells))
