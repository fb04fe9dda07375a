"""``wsegs rules groups``."""

from __future__ import annotations

from pathlib import Path

import click
import cloup

from wsegs.cli.options import argument, output_options


@cloup.command()
@argument("rules", "Rule file: a path, or the name of a shipped one.", metavar="FILE", type=str)
@output_options(None, "The YAML file to write.  [default: print it]", summary=False)
def groups(rules: str, output: Path | None, force: bool) -> None:
    """Group the attributes of a rule file by their regions, for wsegs train attributenet --groups."""
    from wsegs.io.files import atomic_write, check_output
    from wsegs.rules import load_rules
    from wsegs.rules.groups import attribute_groups

    if output is not None:
        check_output(output, force=force, others=[rules])
    found = attribute_groups(load_rules(rules))
    text = "".join(f"{_quoted(name)}: [{', '.join(map(_quoted, found[name]))}]\n" for name in found)
    if output is None:
        click.echo(text, nl=False)
        return
    with atomic_write(output) as temporary:
        temporary.write_text(text, encoding="utf-8")
    count = sum(map(len, found.values()))
    click.echo(f"{output}: {count} attributes in {len(found)} groups")


def _quoted(name: str) -> str:
    """Return a name as YAML reads it, quoted where it is no plain word of letters."""
    plain = name.replace("_", "").replace("+", "")
    words = {"null", "true", "false", "yes", "no", "on", "off"}
    is_plain = plain.isalnum() and not plain.isdigit() and name[0].isalpha() and name.lower() not in words
    return name if is_plain else "'" + name.replace("'", "''") + "'"
