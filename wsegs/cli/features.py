"""``wsegs features``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click
import cloup

from wsegs.cli.guidance.next_steps import after_features
from wsegs.cli.options import PATH, argument, moved_data_option, output_options, print_json, process_options
from wsegs.cli.threads import use_one_thread
from wsegs.errors import OptionError

if TYPE_CHECKING:
    from wsegs.training.recipe import Recipe


@cloup.command()
@argument("masks", "Mask store whose images and regions are read.", metavar="[MASKS]", default=Path("masks.h5"))
@cloup.option_group(
    "Network",
    cloup.option(
        "--recipe",
        default="region-probe",
        help="Recipe that names backbone, size, strides and regions: a shipped one, or a YAML file.",
    ),
    cloup.option(
        "--parser", type=PATH, help="Run of a parser whose classes are the regions.  [default: the store's regions]"
    ),
    moved_data_option,
)
@process_options
@output_options(None, "The file to write.  [default: features.h5 beside masks.h5, NAME.features.h5 beside NAME.h5]")
def features(
    masks: Path,
    recipe: str,
    parser: Path | None,
    data: Path | None,
    jobs: int,
    backend: Literal["loky", "dask"],
    scheduler: str | None,
    output: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Read what a frozen backbone says in each region of each image, into a file of features.

    wsegs train region-probe does it by itself, and wsegs train facetracer with gradients and colours. After Ctrl-C the
    same command continues where it stopped.
    """
    use_one_thread()
    from wsegs.io.files import check_output
    from wsegs.io.processes.parallel import check_scheduler
    from wsegs.training.recipe import load_recipe
    from wsegs.training.resolve import Overrides, resolve

    region = {} if parser is None else {"regions.from": "parser", "regions.parser": parser}
    chosen: Recipe = load_recipe(recipe, region)
    if chosen.fit is None:
        raise OptionError(f"--recipe {recipe}: has no 'fit', so its network is not read for features")
    if chosen.trains:
        raise OptionError(f"--recipe {recipe}: its network has features after its training, which wsegs train reads")
    plan = resolve(chosen, Overrides(masks=masks, data=data))
    from wsegs.training.fitting.feature_files import build_planned_features, features_path

    output = check_output(output or features_path(plan), force=force)
    where = check_scheduler(backend, scheduler)
    try:
        summary = build_planned_features(plan, output, jobs=jobs, scheduler=where, force=force)
    except KeyboardInterrupt:
        partial = output.with_name(f"{output.name}.partial")
        if partial.exists():
            click.echo(f"{partial} keeps what was read; the same command goes on from there", err=True)
        raise
    if as_json:
        print_json(summary)
        return
    click.echo(
        f"{output}: {summary['images']} images, {summary['features']} features of {summary['regions']} regions and the"
        f" whole image, {summary['bytes'] / 1e6:.1f} MB"
    )
    if summary["mean_face"]:
        click.echo(f"without a face, read by the mean face's regions: {summary['mean_face']}")
    for problem in summary["unreadable"][:5]:
        click.echo(f"cannot be read: {problem}")
    if len(summary["unreadable"]) > 5:
        click.echo(f"cannot be read: {len(summary['unreadable']) - 5} more; --json lists them")
    other = "" if output == features_path(plan) else f" --features {shlex.quote(str(output))}"
    options = {"--parser": parser, "--data": data}
    more = "".join(f" {name} {shlex.quote(str(path))}" for name, path in options.items() if path is not None)
    click.echo(f"next: {after_features(recipe, masks, other, more)}")
