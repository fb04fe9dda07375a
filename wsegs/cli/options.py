"""Options that several commands share, each written once."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

DEFAULT_DATA = Path("data/celeba")


def data_option(command: Command) -> Command:
    """Add ``--data``: the data set, also from ``WSEGS_DATA``. None where the user gave neither."""
    return click.option(
        "--data",
        type=click.Path(path_type=Path),
        envvar="WSEGS_DATA",
        show_envvar=True,
        help=f"Folder of the data set: CelebA, LFWA, UTKFace, or any folder of images.  [default: {DEFAULT_DATA}]",
    )(command)


def labels_option(command: Command) -> Command:
    """Add ``--labels``: the table of a plain folder."""
    return click.option(
        "--labels",
        type=click.Path(path_type=Path),
        envvar="WSEGS_LABELS",
        show_envvar=True,
        help="CSV of a plain folder: file name, attributes, split, identity, --numbers, --categories."
        "  [default: DATA/labels.csv]",
    )(command)


def label_type_options(command: Command) -> Command:
    """Add ``--numbers`` and ``--categories``: labels that are no binary attributes."""
    command = click.option(
        "--categories",
        metavar="NAME",
        multiple=True,
        help="A column of the labels that holds categories, such as race; may be repeated. 'class' without a table of"
        " labels: the folder that an image lies in.",
    )(command)
    return click.option(
        "--numbers",
        metavar="NAME",
        multiple=True,
        help="A column of the labels that holds numbers, such as age; may be repeated.",
    )(command)


def images_option(command: Command) -> Command:
    """Add ``--images``: which of CelebA's two sets of images. None where the user did not say."""
    return click.option(
        "--images",
        type=click.Choice(["aligned", "wild"]),
        envvar="WSEGS_IMAGES",
        show_envvar=True,
        help="CelebA: the aligned crops or the originals in the wild.  [default: aligned]",
    )(command)


def _some_jobs(ctx: click.Context, param: click.Parameter, value: int) -> int:
    if value == 0:
        raise click.BadParameter("expected 1 or more, or -1 for one a core, got 0", ctx, param)
    return value


def jobs_option(command: Command) -> Command:
    """Add ``-j/--jobs``: processes, through joblib."""
    return click.option(
        "-j",
        "--jobs",
        type=click.IntRange(min=-1),
        default=-1,
        callback=_some_jobs,
        envvar="WSEGS_JOBS",
        show_envvar=True,
        help="Processes; -1 is one a core.",
    )(command)


def backend_options(command: Command) -> Command:
    """Add ``--backend`` and ``--scheduler``: where the processes are."""
    command = click.option(
        "--scheduler",
        metavar="ADDRESS",
        envvar="WSEGS_SCHEDULER",
        show_envvar=True,
        help="--backend dask: the scheduler, tcp://HOST:PORT. Its workers read images by the same paths as this"
        " machine, so that these must lie on disks that all of them share.",
    )(command)
    return click.option(
        "--backend",
        type=click.Choice(["loky", "dask"]),
        default="loky",
        help="Processes of this machine, or all workers of a Dask cluster (then -j has no effect).",
    )(command)


def force_option(command: Command) -> Command:
    """Add ``--force``: overwrite an output that exists."""
    return click.option("--force", is_flag=True, envvar="WSEGS_FORCE", show_envvar=True, help="Overwrite the output.")(
        command
    )


def json_option(command: Command) -> Command:
    """Add ``--json``: the summary for a program to read."""
    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        envvar="WSEGS_JSON",
        show_envvar=True,
        help="Print the summary as JSON.",
    )(command)


def output_option(default: str | None, help_text: str) -> Callable[[Command], Command]:
    """Add ``-o/--output`` with its default and what it holds.

    No variable is shared here: one command's output would overwrite another's.
    """

    def decorate(command: Command) -> Command:
        return click.option(
            "-o",
            "--output",
            type=click.Path(path_type=Path),
            default=default and Path(default),
            help=help_text,
        )(command)

    return decorate


def print_json(summary: Mapping[str, Any]) -> None:
    """Print a summary as one JSON object on standard output."""
    click.echo(json.dumps(summary, indent=2))


class NumberRange(click.FloatRange):
    """A number within bounds; nan, which no comparison keeps out, is none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number, or fail with what was expected."""
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"expected a number, got '{value}'", param, ctx)
        return number


class SizeType(click.ParamType):  # type: ignore[type-arg]
    """A size in pixels, written HEIGHTxWIDTH; becomes (H, W)."""

    name = "HxW"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Return (H, W), or fail with what was expected."""
        if isinstance(value, tuple):
            return value
        height, cross, width = str(value).lower().partition("x")
        if not (cross and height.isdecimal() and width.isdecimal() and int(height) and int(width)):
            self.fail(f"expected HEIGHTxWIDTH such as 218x178, got '{value}'", param, ctx)
        if max(int(height), int(width)) > 4096:
            self.fail(f"expected at most 4096 pixels a side, got '{value}'", param, ctx)
        return int(height), int(width)


SIZE = SizeType()


class Shard(click.ParamType):  # type: ignore[type-arg]
    """One of several shares, written K/N, counted from 1; becomes (K, N)."""

    name = "K/N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Return (K, N), or fail with what was expected."""
        if isinstance(value, tuple):
            return value
        number, slash, of = str(value).partition("/")
        if not (slash and number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
            self.fail(f"expected K/N from 1/N to N/N such as 2/8, got '{value}'", param, ctx)
        return int(number), int(of)
