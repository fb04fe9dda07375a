"""``wsegs rules check``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import cloup

from wsegs.cli.options import PATH, NumberRange, argument, json_option, print_json

if TYPE_CHECKING:
    from wsegs.landmarks.table import LandmarkTable
    from wsegs.rules.check import Faces


@cloup.command()
@argument("file", "Rule file: a path, or the name of a shipped one.")
@cloup.option_group(
    "Checks",
    cloup.option(
        "--landmarks",
        type=PATH,
        help="A landmarks.h5: also warn of regions that are empty on its faces, and of attributes that its data set"
        " does not have.",
    ),
    cloup.option(
        "--empty",
        metavar="PERCENT",
        type=NumberRange(min=0, max=100),
        default=1.0,
        help="With --landmarks, warn of a region that is empty on at least this percentage of the faces.",
    ),
    cloup.option("--strict", is_flag=True, help="Exit with code 1 on warnings too, not only on errors."),
)
@cloup.option_group("Output", json_option)
def check(file: Path, landmarks: Path | None, empty: float, strict: bool, as_json: bool) -> None:
    """Find every error and warning in a rule file, each with file, line and column."""
    from wsegs.io.files import find_shipped
    from wsegs.io.yaml_source import read_yaml_text
    from wsegs.rules.check import check_rules

    path = find_shipped("rules", str(file))
    text = read_yaml_text(path, "a rule file")
    program, findings = check_rules(text, str(file), path.parent)
    if program is not None and landmarks is not None:
        from wsegs.landmarks.table import read_landmarks

        table = read_landmarks(landmarks)
        _, findings = check_rules(
            text,
            str(file),
            path.parent,
            faces=_faces(table.as_scheme(program.scheme)),
            attribute_names=table.attribute_names,
            least_empty=empty / 100,
        )
    errors = sum(finding.severity == "error" for finding in findings)
    warnings = len(findings) - errors
    if as_json:
        print_json(
            {"file": str(file), "errors": errors, "warnings": warnings, "findings": [f.as_json() for f in findings]}
        )
    else:
        for finding in findings:
            click.echo(str(finding))
        counts = ", ".join(
            f"{n} {word}{'s' if n != 1 else ''}" for n, word in ((errors, "error"), (warnings, "warning"))
        )
        what = "" if program is None else f"{len(program.regions)} regions, {len(program.attributes)} attributes, "
        click.echo(f"{file}: {what}{counts}")
    if errors or (strict and warnings):
        raise SystemExit(1)


def _faces(table: LandmarkTable) -> Faces:
    """Return the faces of a landmark file in the frame that masks would be drawn in."""
    from wsegs.geometry.frame import usual_frame
    from wsegs.geometry.matrices import transform_points
    from wsegs.rules.check import Faces

    frame = usual_frame(table.image_size)
    found = table.found
    affine = frame.affine(table.scheme.five_points(table.landmarks[found]), table.image_size[found])
    return Faces(transform_points(table.landmarks[found], affine), frame.size)
