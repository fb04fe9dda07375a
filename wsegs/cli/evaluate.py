"""``wsegs evaluate``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from wsegs.cli.options import (
    DEFAULT_DATA,
    data_option,
    force_option,
    images_option,
    jobs_option,
    json_option,
    label_type_options,
    labels_option,
    output_option,
    print_json,
)
from wsegs.errors import MissingError, OptionError

if TYPE_CHECKING:
    from wsegs.evaluation.runs import Run


@click.command()
@click.argument("run_folders", metavar="RUN...", type=click.Path(path_type=Path), nargs=-1, required=True)
@data_option
@images_option
@labels_option
@label_type_options
@click.option(
    "--split", type=click.Choice(["train", "validation", "test", "all"]), default="test", help="Which images."
)
@click.option(
    "--landmarks",
    "landmarks_file",
    type=click.Path(path_type=Path),
    help="Where faces lie in images that are not aligned; they are found on the fly without it.",
)
@click.option(
    "--parsing", is_flag=True, help="How well the run parses faces; always so for a run that does nothing else."
)
@click.option(
    "--masks",
    type=click.Path(path_type=Path),
    help="A mask store with its images inside, instead of --data; for parsing any.  [default: that of the training]",
)
@click.option(
    "--truth", type=click.Path(path_type=Path), help="Parsing: the human masks.  [default: those of the training]"
)
@output_option(None, "Folder of the tables and the chart.  [default: RUN/evaluation-DATA-SPLIT]")
@click.option("--checkpoint", type=click.Choice(["best", "last"]), default="best", help="Which weights of the run.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many images.")
@jobs_option
@force_option
@json_option
def evaluate(
    run_folders: tuple[Path, ...],
    data: Path | None,
    images: str | None,
    labels: Path | None,
    numbers: tuple[str, ...],
    categories: tuple[str, ...],
    split: str,
    landmarks_file: Path | None,
    parsing: bool,
    masks: Path | None,
    truth: Path | None,
    output: Path | None,
    checkpoint: Literal["best", "last"],
    limit: int | None,
    jobs: int,
    force: bool,
    as_json: bool,
) -> None:
    """Measure RUN, a folder that wsegs train made, on a split of any data set.

    Without --data it is the data set of the training, or its mask store if that keeps the images. No masks are needed,
    and landmarks only where the images are not aligned. Of several runs the predicted probabilities are averaged.

    A parser is measured on the images of a mask store, by the intersection over union of each class.
    """
    from wsegs.datasets import open_dataset
    from wsegs.io.files import check_output
    from wsegs.landmarks.table import read_landmarks
    from wsegs.store import MaskStore
    from wsegs.training.run_folder import BEST, LAST, check_run

    for folder in run_folders:
        check_run(folder, BEST if checkpoint == "best" else LAST)
    if data is not None and not data.exists():
        raise MissingError(f"{data}: no such folder; --data names the data set")
    if output is not None:
        if (output / "run.json").exists():
            raise OptionError(
                f"--output: {output} is a run, whose tables would be overwritten; expected another folder"
            )
        check_output(output, force=force)
    # torch takes seconds to import; what can be wrong without it was said before.
    from wsegs.evaluation.crop_sources import store_dataset, training_store
    from wsegs.evaluation.crops import label_types, run_data_folder
    from wsegs.evaluation.evaluate import average, write_evaluation
    from wsegs.evaluation.evaluate import evaluate as evaluate_run
    from wsegs.evaluation.runs import load_run

    runs = [load_run(folder, checkpoint) for folder in run_folders]
    workers = (os.cpu_count() or 1) if jobs == -1 else jobs
    if parsing or not runs[0].plan.network.heads:
        if len(runs) > 1:
            raise OptionError("RUN: expected one run of a parser, got several; only attributes are averaged")
        _evaluate_parsing(runs[0], output, split, masks, data, truth, checkpoint, limit, workers, force, as_json)
        return
    if truth is not None:
        raise OptionError("--truth: is for parsing; --parsing measures it")
    if masks is not None and landmarks_file is not None:
        raise OptionError("--landmarks: a mask store has landmarks of its own; expected --masks or --landmarks")
    store = MaskStore(masks) if masks is not None else None
    if data is None and not numbers and not categories:
        numbers, categories = label_types(runs[0].info)
    if data is None and store is None:
        data = run_data_folder(runs[0].info)
        store = training_store(runs[0].info) if data is None else None
    if store is not None:
        dataset, data = store_dataset(store), store.path
    else:
        data = data or DEFAULT_DATA
        dataset = open_dataset(data, images=images, labels=labels, numbers=numbers, categories=categories)
    beside = "".join(f"-with-{run.path.name}" for run in runs[1:])
    default = run_folders[0] / f"evaluation-{dataset.name}-{split}{beside}"
    folder = check_output(output or default, force=force)
    table = None if landmarks_file is None else read_landmarks(landmarks_file)
    evaluation = average(
        [evaluate_run(run, dataset, split, landmarks=table, store=store, jobs=workers, limit=limit) for run in runs]
    )
    run_name = " + ".join(map(str, run_folders))
    about = {"run": run_name, "checkpoint": checkpoint, "data": str(data), "name": dataset.name, "split": split}
    summary = write_evaluation(evaluation, folder, about)
    if as_json:
        print_json(summary)
        return
    _print_table(summary)
    click.echo(f"\n{run_name} on {summary['images']} images of {dataset.name} ({data}), split {split}")
    click.echo("crops: " + ", ".join(f"{count} {kind}" for kind, count in summary["crops"].items()))
    for problem in summary["unreadable"]:
        click.echo(f"left out: {problem}")
    for side, key in (("the run", "attributes_only_in_run"), ("the data set", "attributes_only_in_data")):
        if summary[key]:
            click.echo(f"attributes of {side} alone, not measured: {', '.join(summary[key])}")
    if summary["undefined_average_precision"]:
        names = ", ".join(summary["undefined_average_precision"])
        click.echo(f"labels of one kind only, so no average precision (and not in its mean): {names}")
    for name in ("metrics.csv", "metrics.json", "scores.csv", "attributes.png"):
        click.echo(f"{folder / name}")


def _evaluate_parsing(
    run: Run,
    output: Path | None,
    split: str,
    masks: Path | None,
    data: Path | None,
    truth: Path | None,
    checkpoint: str,
    limit: int | None,
    workers: int,
    force: bool,
    as_json: bool,
) -> None:
    from wsegs.evaluation.parsing import evaluate_parsing, write_parsing_evaluation
    from wsegs.io.files import check_output

    folder = check_output(output or run.path / f"parsing-{split}", force=force)
    evaluation = evaluate_parsing(run, split, masks=masks, data=data, parsing_masks=truth, jobs=workers, limit=limit)
    summary = write_parsing_evaluation(
        evaluation, folder, {"run": str(run.path), "checkpoint": checkpoint, "split": split}
    )
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


def _print_table(summary: dict[str, Any]) -> None:
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
