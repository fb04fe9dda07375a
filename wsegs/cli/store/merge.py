"""``wsegs store merge``."""

from __future__ import annotations

from pathlib import Path

import click
import cloup

from wsegs.cli.options import argument, output_options, print_json


@cloup.command()
@argument("shards", "All N shards of a mask store.", metavar="SHARD...", nargs=-1, required=True)
@output_options("masks.h5", "The mask store to write.")
def merge(shards: tuple[Path, ...], output: Path, force: bool, as_json: bool) -> None:
    """Join all shards that wsegs masks --shard wrote; the store equals, byte for byte, that of one run."""
    from wsegs.store.writing.merge import merge_shards

    summary = merge_shards(shards, output, force=force)
    if as_json:
        print_json(summary)
    else:
        click.echo(
            f"{output}: {summary['images']} images of {summary['shards']} shards, {summary['bytes'] / 1e6:.1f} MB"
        )
