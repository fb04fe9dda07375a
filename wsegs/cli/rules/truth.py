"""The options of commands that hold rules against human masks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from wsegs.cli.options import SIZE, jobs_option

Command = TypeVar("Command", bound=Callable[..., Any])


def _names(ctx: click.Context, param: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in value.split(","))


_OPTIONS = (
    click.option(
        "--truth",
        type=click.Path(path_type=Path),
        required=True,
        help="Folder with images/NAME.jpg and masks/NAME.png; with --images the folder of the masks alone.",
    ),
    click.option("--images", type=click.Path(path_type=Path), help="Folder of the images.  [default: TRUTH/images]"),
    click.option(
        "--landmarks",
        type=click.Path(path_type=Path),
        multiple=True,
        metavar="LANDMARKS",
        help="A landmarks.h5 of these images; once for each landmark scheme. They are found without it.",
    ),
    click.option("--detectors", default="dlib", callback=_names, help="Find landmarks: dlib, mtcnn, face-alignment."),
    click.option(
        "--predictor",
        type=click.Path(path_type=Path),
        help="A dlib shape predictor of 68 points.  [default: the one of 'wsegs[ibug68]']",
    ),
    click.option("--size", type=SIZE, default="218x218", help="Images and masks are scaled to this."),
    click.option(
        "--half",
        type=click.Choice(["first", "second", "all"]),
        default="all",
        help="Only half of the images, by a hash of the name: one to fit on, one to report on.",
    ),
    click.option("--turn", type=float, default=0.0, help="Turn images and masks by so many degrees first."),
    click.option(
        "--scale", type=click.FloatRange(min=0.05, max=8), default=1.0, help="Scale images and masks by this first."
    ),
    jobs_option,
)

classes_option = click.option(
    "--classes", default="celebamask", help="Which classes a region stands for: a YAML file, or a shipped one's name."
)


def truth_options(command: Command) -> Command:
    """Add the options that :func:`wsegs.store.parsed_faces.load_truth` takes, under its names."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
