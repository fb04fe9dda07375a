"""The options of commands that hold rules against human masks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from wsegs.cli.options import SIZE, NumberRange, jobs_option

if TYPE_CHECKING:
    from wsegs.human_masks.parsed_faces import ParsedFaces

Command = TypeVar("Command", bound=Callable[..., Any])


def _names(ctx: click.Context, param: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in value.split(","))


_OPTIONS = (
    click.option(
        "--truth",
        "parsing_masks",
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
        "fold",
        type=click.Choice(["first", "second", "all"]),
        default="all",
        help="Only half of the images, by a hash of the name: one to fit on, one to report on.",
    ),
    click.option(
        "--turn", type=NumberRange(-360, 360), default=0.0, help="Turn images and masks by so many degrees first."
    ),
    click.option(
        "--scale", type=NumberRange(min=0.05, max=8), default=1.0, help="Scale images and masks by this first."
    ),
    jobs_option,
)

classes_option = click.option(
    "--classes", default="celebamask", help="Which classes a region stands for: a YAML file, or a shipped one's name."
)


def truth_options(command: Command) -> Command:
    """Add the options that :func:`wsegs.human_masks.parsed_faces.load_parsed_faces` takes, under its names."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def describe_faces(faces: ParsedFaces, truth: Mapping[str, Any]) -> dict[str, Any]:
    """Return which faces were used and how, ready for JSON; ``truth`` is what the options said."""
    return {
        "truth": str(truth["parsing_masks"]),
        "images": len(faces) + len(faces.no_face),
        "faces": len(faces),
        "no_face": list(faces.no_face),
        "half": truth["fold"],
        "size": list(faces.size),
        "turn": truth["turn"],
        "scale": truth["scale"],
        "landmarks": [str(path) for path in truth["landmarks"]],
        "detectors": [] if truth["landmarks"] else list(truth["detectors"]),
    }


def say_what_is_left_out(faces: ParsedFaces, lacking: Mapping[str, Sequence[str]]) -> None:
    """Print how many images have a face, and a line for each file (name -> regions) that lacks regions."""
    images = len(faces) + len(faces.no_face)
    click.echo(f"{len(faces)} of {images} images have landmarks, {faces.size[0]}x{faces.size[1]}")
    for name, regions in lacking.items():
        if regions:
            click.echo(f"not in {name}: {', '.join(regions)}")
