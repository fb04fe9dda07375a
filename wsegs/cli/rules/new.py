"""``wsegs rules new``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from wsegs.cli.options import force_option, label_type_options, labels_option, output_option


@click.command()
@output_option("rules.yaml", "The rule file.")
@click.option("--data", type=click.Path(path_type=Path), help="Data set whose attributes the file is for.")
@labels_option
@label_type_options
@click.option("--attribute", "attributes", multiple=True, help="An attribute instead of a data set's; may be repeated.")
@click.option("--scheme", default="ibug68", help="The landmark scheme that the rules will speak of, by name or file.")
@force_option
def new(
    output: Path,
    data: Path | None,
    labels: Path | None,
    numbers: tuple[str, ...],
    categories: tuple[str, ...],
    attributes: tuple[str, ...],
    scheme: str,
    force: bool,
) -> None:
    """Write a commented rule file to begin with, for the attributes of a data set."""
    from wsegs.errors import OptionError
    from wsegs.io.files import atomic_write, check_output
    from wsegs.rules.starter import starter_text
    from wsegs.schemes import find_scheme, scheme_names

    if attributes and (data is not None or labels is not None):
        raise OptionError("--attribute: expected either attributes by name or those of --data and --labels, got both")
    is_file = scheme not in scheme_names()
    found = find_scheme(scheme)
    check_output(output, force=force, others=[scheme] if is_file else [])
    names = tuple(dict.fromkeys(attributes)) or _attributes_of(data, labels, numbers, categories)
    if not all(names):
        raise OptionError("--attribute: expected a name, got nothing")
    # A rule file looks for a scheme file from where it lies itself.
    written = Path(os.path.relpath(scheme, output.parent)).as_posix() if is_file else scheme
    with atomic_write(output) as temporary:
        temporary.write_text(starter_text(found, names, written), encoding="utf-8")
    click.echo(f"{output}: attributes: {len(names)}")
    image = "" if found.average else " IMAGE"
    click.echo(f"next: wsegs rules check {output}; wsegs rules preview {output}{image}")


def _attributes_of(
    data: Path | None, labels: Path | None, numbers: tuple[str, ...], categories: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the attributes of a data set; none where the user named none."""
    from wsegs.datasets import open_dataset
    from wsegs.datasets.labels import read_labels

    if data is not None:
        return open_dataset(data, labels=labels, numbers=numbers, categories=categories).attribute_names
    return read_labels(labels, numbers, categories).attribute_names if labels is not None else ()
