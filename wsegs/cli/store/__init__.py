"""``wsegs store``: tools for mask stores, one module for each."""

from __future__ import annotations

import click

from wsegs.cli.lazy import LazyGroup

_COMMANDS = {
    "info": ("wsegs.cli.store.info", "Show what a mask store holds."),
    "verify": ("wsegs.cli.store.verify", "Find damage in a mask store or a table of landmarks."),
    "merge": ("wsegs.cli.store.merge", "Join the shards of wsegs masks --shard to one mask store."),
}


@click.group(cls=LazyGroup, commands=_COMMANDS)
def store() -> None:
    """Look inside a mask store, verify it, or join its shards."""
