"""``wsegs rules``: the tools for people who write rule files, a module each."""

from __future__ import annotations

import click

from wsegs.cli.lazy import LazyGroup

_COMMANDS: dict[str, tuple[str, str]] = {}


@click.group(cls=LazyGroup, commands=_COMMANDS)
def rules() -> None:
    """Check, preview, score and fit rule files; rules/README.md is their language."""
