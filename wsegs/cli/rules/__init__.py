"""``wsegs rules``: the tools for people who write rule files, a module each."""

from __future__ import annotations

import click

from wsegs.cli.lazy import LazyGroup

_COMMANDS: dict[str, tuple[str, str]] = {
    "score": ("wsegs.cli.rules.score", "Hold regions against human masks."),
    "compare": ("wsegs.cli.rules.compare", "Hold two rule files against human masks, on the same faces."),
}


@click.group(cls=LazyGroup, commands=_COMMANDS)
def rules() -> None:
    """Check, preview, score and fit rule files; rules/README.md is their language."""
