"""``wsegs rules``: tools for people who write rule files, one module for each."""

from __future__ import annotations

import click

from wsegs.cli.lazy import LazyGroup

_COMMANDS = {
    "new": ("wsegs.cli.rules.new", "Write a rule file to start from."),
    "check": ("wsegs.cli.rules.check", "Find every error and warning in a rule file."),
    "preview": ("wsegs.cli.rules.preview", "Draw regions and attributes over a face."),
    "score": ("wsegs.cli.rules.score", "Score regions by human parsing masks."),
    "compare": ("wsegs.cli.rules.compare", "Compare two rule files by human parsing masks."),
    "fit": ("wsegs.cli.rules.fit", "Fit the numbers of a rule file to human parsing masks."),
    "groups": ("wsegs.cli.rules.groups", "Group the attributes of a rule file by their regions."),
    "schema": ("wsegs.cli.rules.schema", "Print the JSON Schema of rule files, for editors."),
}


@click.group(cls=LazyGroup, commands=_COMMANDS)
def rules() -> None:
    """Write, check, preview, score and fit rule files; rules/README.md explains their language."""
