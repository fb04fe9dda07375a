"""``wsegs report``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from wsegs.cli.options import data_option, force_option, json_option, output_option, print_json


@click.command()
@click.argument("run_folders", metavar="RUN...", type=click.Path(path_type=Path), nargs=-1, required=True)
@data_option
@output_option(None, "The page.  [default: report.html in the first RUN]")
@click.option("--checkpoint", type=click.Choice(["best", "last"]), default="best", help="Which weights of the runs.")
@force_option
@json_option
def report(
    run_folders: tuple[Path, ...],
    data: Path | None,
    output: Path | None,
    checkpoint: Literal["best", "last"],
    force: bool,
    as_json: bool,
) -> None:
    """Write one HTML page about each RUN, a folder that wsegs train made.

    Learning curves, the scores of the evaluations that lie in the run, which region each attribute listens to, the
    activation maps of the last convolution, parsed faces (what of this the network has), recipe and provenance. The
    page holds its pictures and needs no server; it shows some validation images.
    """
    from wsegs.evaluation.runs import load_run
    from wsegs.io.files import check_output
    from wsegs.reports.run_report import write_report

    runs = [load_run(folder, checkpoint) for folder in run_folders]
    summary = write_report(runs, check_output(output or run_folders[0] / "report.html", force=force), data=data)
    if as_json:
        print_json(summary)
        return
    for run, figures in summary["figures"].items():
        click.echo(f"{run}: {', '.join(figures)}")
    click.echo(summary["output"])
