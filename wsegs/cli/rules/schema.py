"""``wsegs rules schema``."""

from __future__ import annotations

from pathlib import Path

import click
import cloup

from wsegs.cli.options import output_options

# "\b" keeps click from joining the lines that follow.
_HELP = """Print the JSON Schema of rule files, with which editors complete and check rules while you type.

Editors that use the YAML language server read it if a rule file begins with

\b
# yaml-language-server: $schema=schema.json
"""


@cloup.command(help=_HELP)
@output_options(None, "Write the schema to this file.  [default: print it]", summary=False)
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
