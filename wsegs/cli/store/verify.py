"""``wsegs store verify``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import cloup

from wsegs.cli.guidance.message_options import message_options
from wsegs.cli.options import PATH, argument, json_option, print_json
from wsegs.errors import OptionError

if TYPE_CHECKING:
    from wsegs.store.findings import Findings

_MOST_LINES = 20


@cloup.command()
@argument(
    "path",
    "Mask store (masks.h5), table of landmarks (landmarks.h5) or features (features.h5).",
    metavar="[FILE]",
    default=Path("masks.h5"),
)
@cloup.option_group(
    "Checks",
    cloup.option(
        "--rules", help="Check that the masks were drawn by this rule file: a path, or the name of a shipped one."
    ),
    cloup.option("--landmarks", type=PATH, help="Check that the masks were drawn from this landmarks.h5."),
    cloup.option("--data", type=PATH, help="Check that the images in this folder are those of the file."),
    cloup.option(
        "--recheck",
        metavar="N",
        type=click.IntRange(min=-1),
        default=100,
        help="Draw the masks of N images again and compare them; -1 draws all, 0 none.",
    ),
)
@cloup.option_group("Output", json_option)
@message_options
def verify(
    path: Path, rules: str | None, landmarks: Path | None, data: Path | None, recheck: int, as_json: bool
) -> None:
    """Find damage in a mask store, a table of landmarks or features, and name the images that have it.

    Finds any changed byte, and any disagreement with the rules, landmarks and images that the options name. The exit
    code is 1 if something is wrong.
    """
    from wsegs.features.format import is_feature_file
    from wsegs.features.verify import verify_features
    from wsegs.rules import load_rules
    from wsegs.store.verify import verify_file

    if path.is_file() and is_feature_file(path):
        if rules is not None or landmarks is not None or data is not None:
            raise OptionError(f"{path}: features have no rules, landmarks or images inside to compare with")
        findings = verify_features(path)
    else:
        findings = verify_file(
            path,
            rules=None if rules is None else load_rules(rules),
            landmarks=landmarks,
            data=data,
            redraw=None if recheck == -1 else recheck,
        )
    if as_json:
        print_json(findings.as_json())
    else:
        _print_findings(findings)
    if findings.lines:
        sys.exit(1)


def _print_findings(findings: Findings) -> None:
    for line in findings.lines[:_MOST_LINES]:
        click.echo(f"{findings.path}: {line}")
    if len(findings.lines) > _MOST_LINES:
        click.echo(f"{findings.path}: and {len(findings.lines) - _MOST_LINES} more; --json lists all")
    checked = findings.checked
    if checked["sha256"] == "none" and checked.get("checksums") == "none":
        click.echo(f"{findings.path}: written without sha256 and checksums, so not every changed byte can be found")
    what = ", ".join(f"{name}: {value}" for name, value in checked.items())
    result = f"{len(findings.lines)} findings" if findings.lines else "nothing wrong"
    click.echo(f"{findings.path}: a {findings.kind}, {result} ({what})")
