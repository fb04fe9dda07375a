"""``wsegs preview``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click
import cloup

from wsegs.cli.options import argument, moved_data_option, output_options
from wsegs.errors import OptionError


@cloup.command()
@argument("path", "Mask store that wsegs masks made.", metavar="[MASKS]", default=Path("masks.h5"))
@cloup.option_group(
    "Picture",
    cloup.option(
        "--faces",
        metavar="N",
        type=click.IntRange(min=1),
        default=12,
        help="Show at most N faces, evenly spaced in the store.",
    ),
    cloup.option(
        "--attribute",
        "attributes",
        metavar="NAME",
        multiple=True,
        help="Draw one face with the mask of this attribute. Repeat the option for several attributes.",
    ),
    cloup.option("--all-attributes", is_flag=True, help="Draw one face with the mask of every attribute."),
    cloup.option(
        "--image", metavar="NAME", help="File name of the image to draw.  [default: the first that has a face]"
    ),
    cloup.option(
        "--rules",
        help="Try this rule file without a mask store: MASKS is then a landmarks.h5.",
    ),
    moved_data_option,
)
@output_options("preview.png", "The picture to write, a PNG file.", summary=False)
def preview(
    path: Path,
    output: Path,
    data: Path | None,
    faces: int,
    attributes: tuple[str, ...],
    all_attributes: bool,
    image: str | None,
    rules: str | None,
    force: bool,
) -> None:
    """Draw a contact sheet of a mask store: faces with their landmarks and base regions, or the masks of one face."""
    if attributes and all_attributes:
        raise OptionError("--attribute and --all-attributes: expected one of the two, got both")
    names: tuple[str, ...] | Literal["all"] = "all" if all_attributes else attributes
    if rules is None:
        from wsegs.reports.preview import preview_store
        from wsegs.store import MaskStore

        with MaskStore(path) as store:
            count = preview_store(store, output, data=data, faces=faces, attributes=names, image=image, force=force)
    else:
        from wsegs.landmarks.table import read_landmarks
        from wsegs.reports.preview import preview_rules
        from wsegs.rules import load_rules

        count = preview_rules(
            read_landmarks(path),
            load_rules(rules),
            output,
            data=data,
            faces=faces,
            attributes=names,
            image=image,
            force=force,
        )
    click.echo(f"{output}: {count} face{'s' if count > 1 else ''}")
