"""``wsegs rules new``."""

from __future__ import annotations

from pathlib import Path

import click

from wsegs.cli.options import data_option, force_option, labels_option, output_option


@click.command()
@output_option("rules.yaml", "The rule file.")
@data_option
@labels_option
@click.option("--attribute", "attributes", multiple=True, help="An attribute instead of a data set's; may be repeated.")
@click.option("--scheme", default="ibug68", help="The landmark scheme that the rules will speak of.")
@force_option
def new(
    output: Path, data: Path | None, labels: Path | None, attributes: tuple[str, ...], scheme: str, force: bool
) -> None:
    """Write a commented rule file to begin with, for the attributes of a data set."""
    from wsegs.files import check_output, complete_or_absent
    from wsegs.rules.starter import starter_text
    from wsegs.schemes import find_scheme

    check_output(output, force=force)
    names = attributes or _attributes_of(data, labels)
    with complete_or_absent(output) as temporary:
        temporary.write_text(starter_text(find_scheme(scheme), names, scheme), encoding="utf-8")
    click.echo(f"{output}: {len(names)} attributes")
    click.echo(f"next: wsegs rules check {output}; wsegs rules preview {output}")


def _attributes_of(data: Path | None, labels: Path | None) -> tuple[str, ...]:
    """Return the attributes of a data set; none where the user named none."""
    from wsegs.datasets import open_dataset
    from wsegs.datasets.labels import read_labels

    if data is not None:
        return open_dataset(data, labels=labels).attribute_names
    return read_labels(labels).attribute_names if labels is not None else ()
