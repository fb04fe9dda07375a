"""Options by the names that they had before: taken, and their present names said."""

from __future__ import annotations

from collections.abc import Sequence

import click

FORMER_NAMES = {
    "--truth": "--parsing-masks",
    "--classes": "--class-map",
    "--half": "--fold",
    "--keep": "--update",
    "--only-common": "--shared-attributes-only",
    "--start-from": "--init-from",
    "--redraw": "--recheck",
    "--tilt": "--align-eyes",
}


def with_present_names(arguments: Sequence[str]) -> list[str]:
    """Return a command line with the present names of its options; each that had another is said on stderr."""
    present = []
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if name in FORMER_NAMES:
            click.echo(f"Note: {name} is called {FORMER_NAMES[name]} now", err=True)
            name = FORMER_NAMES[name]
        present.append(f"{name}{equals}{value}")
    return present
