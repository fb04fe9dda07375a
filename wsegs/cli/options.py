"""Options that several commands share, each written once."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click
import cloup

from wsegs.cli.guidance.message_options import message_options

Command = TypeVar("Command", bound=Callable[..., Any])

DEFAULT_DATA = Path("data/celeba")
# Shipped rule file for each shipped landmark scheme.
RULES_OF_SCHEME = {"ibug68": "celeba", "celeba5": "celeba-5points", "mediapipe478": "celeba-478points"}
PATH = click.Path(path_type=Path)

# CelebA, LFWA or a plain folder; also from WSEGS_DATA. None where the user gave neither.
data_option = cloup.option(
    "--data",
    type=PATH,
    envvar="WSEGS_DATA",
    show_envvar=True,
    help="Folder of the data set: CelebA, CelebAMask-HQ, LFWA, UTKFace, or any folder of images."
    f"  [default: {DEFAULT_DATA}]",
)

# Where the images of a file of landmarks or masks lie, if they have moved.
moved_data_option = cloup.option(
    "--data",
    type=PATH,
    envvar="WSEGS_DATA",
    show_envvar=True,
    help="Folder of the images, if they have moved.  [default: where their landmarks were found]",
)

labels_option = cloup.option(
    "--labels",
    type=PATH,
    envvar="WSEGS_LABELS",
    show_envvar=True,
    help="CSV file with a row for each image: its file name, its attributes (1 and 0, or 1 and -1; blank is unknown),"
    " and if known split and identity. Also separated by tabs or semicolons.  [default: labels.csv in the data set]",
)

numbers_option = cloup.option(
    "--numbers",
    metavar="NAME",
    multiple=True,
    help="Read this column of the labels as numbers, such as age. Repeat the option for several columns.",
)

categories_option = cloup.option(
    "--categories",
    metavar="NAME",
    multiple=True,
    help="Read this column of the labels as categories, such as race. Repeat the option for several columns. Without"
    " a table of labels, 'class' is the folder that an image lies in.",
)

unknown_option = cloup.option(
    "--unknown",
    metavar="VALUE",
    help="This value of an attribute is unknown, beside empty fields and NaN: 0 where -1 is absent, as in MAAD-Face."
    "  [default: none]",
)

data_scale_option = cloup.option(
    "--data-scale",
    metavar="SCALE",
    help="Scale the data set's own points and boxes, for images that were resized: 178x218 from images of this"
    " size, or a number such as 0.5; 1 takes them unchecked.  [default: they must fit the images]",
)

images_option = cloup.option(
    "--images",
    type=click.Choice(["aligned", "wild"]),
    envvar="WSEGS_IMAGES",
    show_envvar=True,
    help="Which of CelebA's images: the aligned crops, or the originals in the wild.  [default: aligned]",
)

boxes_option = cloup.option(
    "--boxes",
    type=PATH,
    help="Table of boxes of the faces (CSV: file name, x, y, width, height in pixels of the image), as wsegs locate"
    " writes it, in place of the data set's own.  [default: the boxes of the data set, where it has some]",
)

limit_option = cloup.option(
    "--limit",
    metavar="N",
    type=click.IntRange(min=1),
    help="Use a random sample of N images, always the same ones, in which each split keeps its share."
    "  [default: all images]",
)


def label_options(command: Command) -> Command:
    """Add the options on images and labels that :func:`wsegs.datasets.open_dataset` takes, beside the folder."""
    for option in (unknown_option, categories_option, numbers_option, labels_option, images_option):
        command = option(command)
    return command


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that the user gave, such as those of :func:`label_options` for ``open_dataset``."""
    return {name: value for name, value in options.items() if value}


def _some_jobs(ctx: click.Context, param: click.Parameter, value: int) -> int:
    if value == 0:
        raise click.BadParameter("expected 1 or more, or -1 for one a core, got 0", ctx, param)
    return value


jobs_option = cloup.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=-1),
    default=-1,
    callback=_some_jobs,
    envvar="WSEGS_JOBS",
    show_envvar=True,
    help="Number of processes; -1 is one for each processor core.",
)

backend_option = cloup.option(
    "--backend",
    type=click.Choice(["loky", "dask"]),
    default="loky",
    help="Where the processes run: loky is this machine, dask all workers of a cluster (--jobs has no effect then).",
)

scheduler_option = cloup.option(
    "--scheduler",
    metavar="ADDRESS",
    envvar="WSEGS_SCHEDULER",
    show_envvar=True,
    help="Address of the Dask scheduler for --backend dask, tcp://HOST:PORT. Its workers must find the images under"
    " the same paths as this machine.",
)


process_options = cloup.option_group("Processes", jobs_option, backend_option, scheduler_option)
jobs_options = cloup.option_group("Processes", jobs_option)

force_option = cloup.option(
    "--force",
    is_flag=True,
    envvar="WSEGS_FORCE",
    show_envvar=True,
    help="Overwrite outputs that exist; without it the command refuses to.",
)

json_option = cloup.option(
    "--json",
    "as_json",
    is_flag=True,
    envvar="WSEGS_JSON",
    show_envvar=True,
    help="Print the summary as one JSON object, for programs to read.",
)

checkpoint_option = cloup.option(
    "--checkpoint",
    type=click.Choice(["best", "last", "trained"]),
    default="best",
    help="Which weights of the run: those of the best validation, those of the last one, or the network as it was"
    " trained, of a run whose support vector machines were fitted after that.",
)

# Where regions come from that a run reads, if not from its own rules or parser.
regions_options = (
    cloup.option(
        "--regions",
        type=PATH,
        help="Where the regions come from that a run reads: a mask store, the run of a parser, or a folder of class"
        " maps (PNG), joined by file name.  [default: the rules of the training, drawn from landmarks]",
    ),
    cloup.option(
        "--class-map",
        default="celebamask",
        help="Class map that says which classes of class maps or human masks make up which region.",
    ),
)

predictor_option = cloup.option(
    "--predictor",
    type=PATH,
    help="A dlib shape predictor of 68 points (.dat) of your own.  [default: the one of the extra 'wsegs[ibug68]']",
)


def argument(name: str, help_text: str, **settings: Any) -> Callable[[Command], Command]:
    """Add a positional argument, a path unless ``settings`` say otherwise."""
    if "default" in settings:
        help_text += f"  [default: {settings['default']}]"
    return cloup.argument(name, help=help_text, **{"type": PATH, **settings})


def output_option(default: str | None, help_text: str) -> Callable[[Command], Command]:
    """Add ``-o/--output`` with its default and what it holds.

    No variable is shared here: one command's output would overwrite another's.
    """
    return cloup.option("-o", "--output", type=PATH, default=default and Path(default), help=help_text)


def output_options(
    default: str | None, help_text: str, *further: Callable[[Any], Any], summary: bool = True
) -> Callable[[Command], Command]:
    """Add the group of ``--output``, ``further`` options, ``--force``; with ``summary`` ``--json``, ``-v``, ``-q``."""
    last = (force_option, json_option) if summary else (force_option,)
    group = cloup.option_group("Output", output_option(default, help_text), *further, *last)

    def add(command: Command) -> Command:
        decorated: Command = group(message_options(command) if summary else command)
        return decorated

    return add


def print_json(summary: Mapping[str, Any]) -> None:
    """Print a summary as one JSON object on standard output."""
    click.echo(json.dumps(summary, indent=2))


def percent_interval(row: Mapping[str, Any], name: str) -> str:
    """Return a share of a summary in percent with its interval: of ``name``, ``name_low`` and ``name_high``."""
    value, low, high = (row[f"{name}{end}"] for end in ("", "_low", "_high"))
    if value is None:
        return "-"
    return f"{value:.2%}" if low is None else f"{value:.2%} ({low:.2%} to {high:.2%})"


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


class NamesType(click.ParamType):  # type: ignore[type-arg]
    """Names, written NAME,NAME; becomes a tuple."""

    name = "NAME,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Return the names, or fail with what was expected."""
        if isinstance(value, tuple):
            return value
        names = tuple(name.strip() for name in str(value).split(","))
        if not all(names) or len(set(names)) < len(names):
            self.fail(f"expected names, each once, such as Male,Smiling, got '{value}'", param, ctx)
        return names


NAMES = NamesType()


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


class FactorsType(click.ParamType):  # type: ignore[type-arg]
    """Two factors, the least and the greatest, such as 0.8,1.2; becomes a tuple."""

    name = "LOW,HIGH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, float]:
        """Return two numbers above 0, the smaller first."""
        if isinstance(value, tuple):
            return value
        low, _, high = str(value).partition(",")
        try:
            factors = float(low), float(high)
        except ValueError:
            factors = (0.0, 0.0)
        if not 0 < factors[0] <= factors[1] < float("inf"):
            self.fail(f"expected two factors above 0, the smaller first, such as 0.8,1.2, got {value!r}", param, ctx)
        return factors


move_options = (
    cloup.option(
        "--rotate",
        metavar="DEGREES",
        type=NumberRange(0, 180),
        help="Turn crops by up to so many degrees, either way.  [default: the recipe's, or 0]",
    ),
    cloup.option(
        "--scale",
        type=FactorsType(),
        help="Scale crops about their middle by a factor between these two, such as 0.8,1.2.  [default: the recipe's,"
        " or 1,1]",
    ),
    cloup.option(
        "--shift",
        metavar="PIXELS",
        type=NumberRange(min=0),
        help="Shift crops by up to so many pixels of the network's images along each axis, either way.  [default: the"
        " recipe's, or 0]",
    ),
    cloup.option(
        "--colour",
        metavar="X",
        type=NumberRange(0, 1, max_open=True),
        help="Change brightness, contrast and saturation by factors between 1 - X and 1 + X.  [default: the recipe's,"
        " or 0]",
    ),
)
