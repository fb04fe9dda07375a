"""``wsegs report``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click
import cloup

from wsegs.cli.guidance.mistakes import check_there
from wsegs.cli.options import argument, checkpoint_option, moved_data_option, output_options, print_json


@cloup.command()
@argument("run_folders", "Folders that wsegs train made.", metavar="RUN...", nargs=-1, required=True)
@cloup.option_group("Runs", checkpoint_option, moved_data_option)
@cloup.option_group(
    "Page",
    cloup.option(
        "--neurons",
        is_flag=True,
        help="Show hidden layers, too: neurons by their mean faces, what each layer tells of attributes, groups of"
        " attributes, and where each attribute is looked for. Takes a minute or more.",
    ),
)
@output_options(None, "The HTML file to write.  [default: report.html in the first RUN]")
def report(
    run_folders: tuple[Path, ...],
    data: Path | None,
    neurons: bool,
    output: Path | None,
    checkpoint: Literal["best", "last", "trained"],
    force: bool,
    as_json: bool,
) -> None:
    """Write one HTML page about one or several runs.

    The page shows what the network has of these: learning curves, the scores of evaluations that lie in the run, how
    each attribute weighs the regions, activation maps of the last convolution, parsed faces, the recipe, provenance.
    Of several runs with different numbers of training images (--labels N), the scores of the evaluations that they
    share are drawn against these numbers. Its pictures are inside the file; some of them show validation images.
    """
    from wsegs.io.files import check_output
    from wsegs.training.run_folder import check_run

    for folder in run_folders:
        check_run(folder, checkpoint)
    check_there({"--data": data})
    page = check_output(output or run_folders[0] / "report.html", force=force)
    # torch takes seconds to import, so mistakes are reported first.
    from wsegs.evaluation.runs import load_run
    from wsegs.reports.run_report import write_report

    runs = [load_run(folder, checkpoint) for folder in run_folders]
    summary = write_report(runs, page, data=data, neurons=neurons)
    if as_json:
        print_json(summary)
        return
    for run, figures in summary["figures"].items():
        click.echo(f"{run}: {', '.join(figures)}")
    click.echo(summary["output"])
