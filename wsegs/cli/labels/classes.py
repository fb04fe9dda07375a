"""``wsegs classes``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import cloup

from wsegs.cli.guidance.next_steps import after_classes
from wsegs.cli.options import argument, output_options, print_json
from wsegs.errors import MissingError


class NamedFolder(click.ParamType):  # type: ignore[type-arg]
    """A class and a folder of its pictures, written NAME=FOLDER; becomes a pair."""

    name = "NAME=FOLDER"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Path]:
        """Return name and folder, or fail with what was expected."""
        name, equals, folder = str(value).partition("=")
        if not (name and equals and folder):
            self.fail(f"expected NAME=FOLDER such as face=data/celeba, got '{value}'", param, ctx)
        return name, Path(folder)


@cloup.command()
@argument(
    "classes",
    "A class and the folder of a data set whose pictures are of it. A class may have several: face=data/celeba"
    " other=data/scenes other=data/objects.",
    metavar="NAME=FOLDER...",
    nargs=-1,
    required=True,
    type=NamedFolder(),
)
@cloup.option_group(
    "Pictures",
    cloup.option(
        "--side",
        metavar="PIXELS",
        type=click.IntRange(8, 4096),
        default=128,
        help="Side in pixels of the squares that all pictures become, cut from their middle. Smaller pictures are left"
        " out, since enlarged ones are told by their blur.",
    ),
    cloup.option(
        "--count",
        metavar="N",
        type=click.IntRange(min=2),
        help="Number of pictures of each class, a random sample.  [default: as many as the smallest class has]",
    ),
    cloup.option(
        "--colours",
        is_flag=True,
        help="Keep colours. Without it all pictures are grey, since the pictures of one class often are.",
    ),
    cloup.option("--seed", type=click.IntRange(min=0), default=0, help="Seed of the sample."),
)
@output_options("classes", "Folder to write, with a folder for each class.")
def classes(
    classes: tuple[tuple[str, Path], ...],
    side: int,
    count: int | None,
    colours: bool,
    seed: int,
    output: Path,
    force: bool,
    as_json: bool,
) -> None:
    """Write a folder for each class from other data sets: as many pictures of each, of one size and all grey.

    wsegs train reads such a folder as the category 'class'. Of a data set with splits the train split alone is taken.
    """
    folders: dict[str, list[Path]] = {}
    for name, folder in classes:
        if not folder.is_dir():
            raise MissingError(f"{folder}: no such folder of pictures of '{name}'")
        folders.setdefault(name, []).append(folder)
    from wsegs.datasets.class_pictures import write_class_pictures

    summary = write_class_pictures(folders, output, side=side, count=count, colours=colours, seed=seed, force=force)
    if as_json:
        print_json(summary)
        return
    for name, found in summary["classes"].items():
        left = ", ".join(f"{found[what]} {title}" for what, title in _LEFT_OUT.items() if found[what])
        click.echo(f"{name}: {summary['pictures']} of {found['found']} pictures{f'; left out: {left}' if left else ''}")
    click.echo(f"{output}: pictures of {side}x{side}, {'in colour' if colours else 'grey'}")
    click.echo(f"next: {after_classes(output, side)}")


_LEFT_OUT = {"too_small": "too small", "unreadable": "unreadable"}
