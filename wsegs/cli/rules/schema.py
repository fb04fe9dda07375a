"""``wsegs rules schema``."""

from __future__ import annotations

from pathlib import Path

import click

from wsegs.cli.options import force_option, output_option

# "\b" keeps click from joining the lines that follow.
_HELP = """Print the JSON Schema of rule files, by which editors complete and check them while typing.

An editor that speaks the YAML language server reads it where a rule file begins with

\b
# yaml-language-server: $schema=schema.json
"""


@click.command(help=_HELP)
@output_option(None, "Write it to this file instead of printing it.")
@force_option
def schema(output: Path | None, force: bool) -> None:
    """Print the schema, or write it."""
    from wsegs.io.files import atomic_write, check_output
    from wsegs.rules.language.schema import schema_text

    if output is None:
        click.echo(schema_text(), nl=False)
        return
    with atomic_write(check_output(output, force=force)) as temporary:
        temporary.write_text(schema_text(), encoding="utf-8")
    click.echo(f"{output}: the JSON Schema of rule files")
