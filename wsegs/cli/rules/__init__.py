"""``wsegs rules``: the tools for people who write rule files, a module each."""

from __future__ import annotations

import click

from wsegs.cli.lazy import LazyGroup

_COMMANDS = {
    "new": ("wsegs.cli.rules.new", "Write a rule file to begin with."),
    "check": ("wsegs.cli.rules.check", "Find every error and warning in a rule file."),
    "preview": ("wsegs.cli.rules.preview", "Draw regions and attributes over a face."),
    "score": ("wsegs.cli.rules.score", "Hold regions against human masks."),
    "compare": ("wsegs.cli.rules.compare", "Hold two rule files against human masks, on the same faces."),
    "fit": ("wsegs.cli.rules.fit", "Better numbers for a rule file from some human masks."),
    "schema": ("wsegs.cli.rules.schema", "Print the JSON Schema of rule files, for editors."),
}


@click.group(cls=LazyGroup, commands=_COMMANDS)
def rules() -> None:
    """Check, preview, score and fit rule files; rules/README.md is their language."""
