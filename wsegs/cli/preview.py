"""``wsegs preview``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from wsegs.cli.options import data_option, force_option, output_option
from wsegs.errors import OptionError


@click.command()
@click.argument("path", metavar="[MASKS]", type=click.Path(path_type=Path), default=Path("masks.h5"))
@output_option("preview.png", "The picture.")
@data_option
@click.option("--faces", type=click.IntRange(min=1), default=12, help="Faces on the contact sheet, at most.")
@click.option("--attribute", "attributes", multiple=True, help="Draw one face with this mask; may be repeated.")
@click.option("--all-attributes", is_flag=True, help="Draw one face with every mask.")
@click.option("--image", help="Name of the image to draw.  [default: the first with a face]")
@click.option("--rules", help="MASKS is a landmark file: try these rules on it, without a mask store.")
@force_option
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
    """Draw a contact sheet of MASKS (masks.h5): faces, landmarks, base regions; or the masks of one face."""
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
