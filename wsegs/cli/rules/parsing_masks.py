"""What the commands share that measure rules against human parsing masks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click
import cloup

from wsegs.cli.options import PATH, SIZE, NumberRange, predictor_option

if TYPE_CHECKING:
    from wsegs.human_masks.parsed_faces import ParsedFaces
    from wsegs.rules import RuleSet
    from wsegs.rules.tuning.class_map import ClassMap
    from wsegs.schemes import LandmarkScheme

Command = TypeVar("Command", bound=Callable[..., Any])


def _names(ctx: click.Context, param: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in value.split(","))


_MASK_OPTIONS = cloup.option_group(
    "Parsing masks",
    cloup.option(
        "--parsing-masks",
        type=PATH,
        required=True,
        help="Folder of human parsing masks with images/NAME.jpg and masks/NAME.png, PNG files whose pixels are class"
        " numbers; or CelebAMask-HQ as downloaded. With --images, the folder of the masks alone.",
    ),
    cloup.option(
        "--images",
        type=PATH,
        help="Folder of the images; masks are joined to them by file name.  [default: images/ in --parsing-masks]",
    ),
    cloup.option(
        "--class-map",
        default="celebamask",
        help="Class map, which says what classes of the masks each region stands for: a YAML file, or the name of a"
        " shipped one.",
    ),
    cloup.option(
        "--fold",
        type=click.Choice(["first", "second", "all"]),
        default="all",
        help="Use only one half of the images, split by a hash of the file name: fit on one, report on the other.",
    ),
)
_LANDMARK_OPTIONS = cloup.option_group(
    "Landmarks",
    cloup.option(
        "--landmarks",
        type=PATH,
        multiple=True,
        metavar="LANDMARKS",
        help="A landmarks.h5 of these images. Repeat the option for tables of several landmark schemes.  [default:"
        " landmarks are found in the images]",
    ),
    cloup.option(
        "--detectors",
        default="dlib,mtcnn",
        callback=_names,
        help="Landmarkers to try in this order, separated by commas, where no --landmarks are given: dlib, mtcnn,"
        " face-alignment.",
    ),
    predictor_option,
)
_FRAME_OPTIONS = cloup.option_group(
    "Frame",
    cloup.option(
        "--size",
        type=SIZE,
        default="218x218",
        help="Height and width in pixels that images and masks are scaled to; those of another shape keep it.",
    ),
    cloup.option(
        "--turn",
        metavar="DEGREES",
        type=NumberRange(-360, 360),
        default=0.0,
        help="Turn images and masks counterclockwise by so many degrees first, to test rules on tilted faces.",
    ),
    cloup.option(
        "--scale",
        metavar="FACTOR",
        type=NumberRange(min=0.05, max=8),
        default=1.0,
        help="Scale images and masks by this factor first, to test rules on faces of other sizes.",
    ),
)


def parsing_mask_options(command: Command) -> Command:
    """Add the options that :func:`load_faces` takes, and ``--class-map``."""
    return _MASK_OPTIONS(_LANDMARK_OPTIONS(_FRAME_OPTIONS(command)))


def load_faces(given: Mapping[str, Any], schemes: Sequence[LandmarkScheme], jobs: int) -> ParsedFaces:
    """Return the faces that the options ask for; see :func:`wsegs.human_masks.parsed_faces.load_parsed_faces`."""
    from wsegs.human_masks.parsed_faces import load_parsed_faces

    return load_parsed_faces(**given, schemes=schemes, jobs=jobs)


def warn_of_classes(faces: ParsedFaces, rules: RuleSet, classes: ClassMap) -> str:
    """Say on stderr why the masks may be numbered otherwise, and return it; "" if there is no reason."""
    from wsegs.human_masks.class_check import doubt_classes

    doubt = doubt_classes(faces, rules, classes)
    if doubt:
        click.echo(f"Note: {doubt}", err=True)
    return doubt


def describe_faces(faces: ParsedFaces, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return which faces were used and how, ready for JSON; ``given`` are the options."""
    return {
        "parsing_masks": str(given["parsing_masks"]),
        "images": len(faces) + len(faces.no_face),
        "faces": len(faces),
        "no_face": list(faces.no_face),
        "fold": given["fold"],
        "size": list(faces.size),
        "turn": given["turn"],
        "scale": given["scale"],
        "landmarks": [str(path) for path in given["landmarks"]],
        "detectors": [] if given["landmarks"] else list(given["detectors"]),
    }


def print_left_out(faces: ParsedFaces, lacking: Mapping[str, Sequence[str]]) -> None:
    """Print how many images have a face, and a line for each file (name -> regions) that lacks regions."""
    images = len(faces) + len(faces.no_face)
    click.echo(f"{len(faces)} of {images} images have landmarks, {faces.size[0]}x{faces.size[1]}")
    for name, regions in lacking.items():
        if regions:
            click.echo(f"not in {name}: {', '.join(regions)}")
