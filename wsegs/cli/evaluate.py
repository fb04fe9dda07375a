"""``wsegs evaluate``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

import click

from wsegs.cli.options import (
    DEFAULT_DATA,
    data_option,
    force_option,
    images_option,
    jobs_option,
    json_option,
    labels_option,
    output_option,
    print_json,
)
from wsegs.errors import OptionError


@click.command()
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@data_option
@images_option
@labels_option
@click.option(
    "--split", type=click.Choice(["train", "validation", "test", "all"]), default="test", help="Which images."
)
@click.option(
    "--landmarks",
    "landmarks_file",
    type=click.Path(path_type=Path),
    help="Where faces lie in images that are not aligned; they are found on the fly without it.",
)
@output_option(None, "Folder of the tables and the chart.  [default: RUN/evaluation-DATA-SPLIT]")
@click.option("--checkpoint", type=click.Choice(["best", "last"]), default="best", help="Which weights of the run.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many images.")
@jobs_option
@force_option
@json_option
def evaluate(
    run_folder: Path,
    data: Path | None,
    images: str | None,
    labels: Path | None,
    split: str,
    landmarks_file: Path | None,
    output: Path | None,
    checkpoint: Literal["best", "last"],
    limit: int | None,
    jobs: int,
    force: bool,
    as_json: bool,
) -> None:
    """Measure RUN, a folder that wsegs train made, on a split of any data set.

    Without --data it is the data set of the training. No masks are needed, and landmarks only where the images are
    not aligned.
    """
    from wsegs.datasets import open_dataset
    from wsegs.files import check_output
    from wsegs.landmarks.table import read_landmarks
    from wsegs.training.crops import run_data_folder
    from wsegs.training.evaluate import evaluate as evaluate_run
    from wsegs.training.evaluate import write_evaluation
    from wsegs.training.runs import load_run

    run = load_run(run_folder, checkpoint)
    if data is None:
        data = run_data_folder(run.info) or DEFAULT_DATA
    dataset = open_dataset(data, images=images, labels=labels)
    if output is not None and (output / "run.json").exists():
        raise OptionError(f"--output: {output} is a run, whose tables would be overwritten; expected another folder")
    folder = check_output(output or run_folder / f"evaluation-{dataset.name}-{split}", force=force)
    table = None if landmarks_file is None else read_landmarks(landmarks_file)
    workers = (os.cpu_count() or 1) if jobs == -1 else jobs
    evaluation = evaluate_run(run, dataset, split, landmarks=table, jobs=workers, limit=limit)
    about = {"run": str(run_folder), "checkpoint": checkpoint, "data": str(data), "name": dataset.name, "split": split}
    summary = write_evaluation(evaluation, folder, about)
    if as_json:
        print_json(summary)
        return
    _print_table(summary)
    click.echo(f"\n{run_folder} on {summary['images']} images of {dataset.name} ({data}), split {split}")
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
