"""``wsegs rules preview``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import cloup

from wsegs.cli.options import PATH, argument, output_options

if TYPE_CHECKING:
    from wsegs.schemes import LandmarkScheme


@cloup.command()
@argument("file", "Rule file: a path, or the name of a shipped one.")
@argument(
    "image",
    "Picture of a face to draw over.  [default: the average face of the scheme, or of --landmarks]",
    required=False,
)
@cloup.option_group(
    "Landmarks",
    cloup.option(
        "--landmarks",
        type=PATH,
        help="A landmarks.h5 that has the landmarks of IMAGE, whose labels are then those of its masks; without an"
        " IMAGE the average of its faces is drawn.  [default: landmarks are found in IMAGE]",
    ),
)
@output_options("preview.png", "The picture to write, a PNG file.", summary=False)
def preview(file: Path, image: Path | None, output: Path, landmarks: Path | None, force: bool) -> None:
    """Draw the regions and attributes of a rule file over a face."""
    import numpy as np

    from wsegs.errors import OptionError
    from wsegs.io.files import check_output
    from wsegs.reports.canvas import write_png
    from wsegs.reports.rule_preview import draw_rules
    from wsegs.rules import load_rules

    rules = load_rules(file)
    if output.suffix.lower() != ".png":
        raise OptionError(f"--output: expected a name that ends in .png, got '{output}'")
    check_output(output, force=force, others=[] if image is None else [image])
    if image is None and landmarks is not None:
        points, count = average_of(landmarks, rules.scheme)
        picture = draw_rules(rules, points, None, f"the average of {count} faces of {landmarks}")
    elif image is None:
        if not rules.scheme.average:
            raise OptionError(
                f"{file}: the landmark scheme '{rules.scheme.name}' has no average face; name an IMAGE, or a"
                " landmarks.h5 of this scheme, the average of whose faces is drawn (--landmarks)"
            )
        picture = draw_rules(rules, np.array(rules.scheme.average), None, "the average face")
    else:
        pixels, points, labels = _face(image, landmarks, rules.scheme)
        picture = draw_rules(rules, points, pixels, str(image), labels)
    write_png(picture, output)
    click.echo(f"{output}: {len(rules.region_names)} regions, {len(rules.attribute_names)} attributes")


def average_of(landmarks: Path, scheme: LandmarkScheme) -> tuple[Any, int]:
    """Return the average face of a table of landmarks, in the points of a scheme, and of how many faces it is."""
    from wsegs.errors import DataError
    from wsegs.landmarks.doubt import average_face
    from wsegs.landmarks.table import read_landmarks

    table = read_landmarks(landmarks)
    try:
        faces = table.scheme.convert(table.landmarks[table.found], scheme)
        return average_face(faces, scheme), len(faces)
    except DataError as error:
        raise DataError(f"--landmarks {landmarks}: {error}") from None


def _face(image: Path, landmarks: Path | None, scheme: LandmarkScheme) -> tuple[Any, Any, dict[str, int]]:
    """Return an image, its landmarks, and the labels that a table of landmarks has of it."""
    from wsegs.errors import DataError, OptionError
    from wsegs.io.images import open_photo, read_image
    from wsegs.schemes import IBUG68

    pixels = read_image(image)
    if landmarks is not None:
        from wsegs.landmarks.image_sizes import check_size
        from wsegs.landmarks.table import read_landmarks

        table = read_landmarks(landmarks)
        rows = [row for row, name in enumerate(table.images) if name == str(image) or Path(name).name == image.name]
        rows = [row for row in rows if table.found[row]]
        if len(rows) != 1:
            raise OptionError(f"--landmarks {landmarks}: expected one face of an image '{image.name}', got {len(rows)}")
        check_size(image, pixels.shape[1::-1], table.image_size[rows[0]], str(landmarks))
        labels = dict(zip(table.attribute_names, table.attributes[rows[0]].tolist(), strict=True))
        return pixels, table.scheme.convert(table.landmarks[rows], scheme)[0], labels
    from wsegs.landmarks.chain import MAX_SIDE, landmarks_of_image

    face = landmarks_of_image(open_photo(image, MAX_SIDE))
    if face.landmarks is None:
        raise DataError(f"{image}: no face was found")
    return pixels, IBUG68.convert(face.landmarks[None], scheme)[0], {}
