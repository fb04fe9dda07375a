"""``wsegs landmarks --relabel``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from wsegs.cli.options import DEFAULT_DATA, print_json
from wsegs.errors import DataError, OptionError

if TYPE_CHECKING:
    from wsegs.landmarks.table import LandmarkTable


def relabel_landmarks(
    update: Path | None, data: Path | None, output: Path, labels: dict[str, Any], *, force: bool, as_json: bool
) -> None:
    """Write the table ``update`` with the labels that its data set has now."""
    from wsegs.datasets import open_dataset
    from wsegs.datasets.description import describe_dataset, description_lines
    from wsegs.io.files import check_output
    from wsegs.io.lock import lock_output
    from wsegs.landmarks.relabel import relabelled
    from wsegs.landmarks.table import read_landmarks, write_landmarks

    if update is None:
        raise OptionError("--relabel: expected --update LANDMARKS beside it, the table whose labels are old")
    context = click.get_current_context()
    if context.get_parameter_source("output") == ParameterSource.DEFAULT:
        output, force = update, True
    context.with_resource(lock_output(output))
    check_output(output, force=force)
    table = read_landmarks(update)
    opened = {**table.provenance.get("data", {}).get("opened", {}), **labels}
    known = opened.pop("data", None)
    named = context.get_parameter_source("data") == ParameterSource.COMMANDLINE
    folder = data if named or known is None else Path(known)
    dataset = open_dataset(folder or DEFAULT_DATA, **opened)
    new = relabelled(table, dataset)
    without = len({*table.images} - {*dataset.images})
    if without == len(table):
        raise DataError(f"{dataset.root}: has no image of {update}; --data names its data set")
    differing = len(new) - sum(ours == theirs for ours, theirs in zip(_labels(table), _labels(new), strict=True))
    write_landmarks(output, new, force=True)
    described = describe_dataset(dataset)
    if as_json:
        summary = {"output": str(output), "images": len(new), "relabelled": differing, "without_labels": without}
        print_json({**summary, "data": described})
        return
    for line in description_lines(described):
        click.echo(line)
    click.echo(f"{output}: new labels of {differing} of {len(new)} images")
    if without:
        click.echo(f"  {without} images have no labels there: theirs are unknown now")
    click.echo(f"Next: wsegs masks {output} --force, if masks were drawn with the old labels")


def _labels(table: LandmarkTable) -> list[tuple[Any, ...]]:
    """Return what is known of each image, to compare."""
    import numpy as np

    columns = [table.identity.tolist(), table.split.tolist()]
    columns += [np.nan_to_num(values, nan=-np.inf).tolist() for _, values in sorted(table.numbers.items())]
    columns += [category.names_of_rows() for _, category in sorted(table.categories.items())]
    names = [*table.attribute_names, *sorted(table.numbers), *sorted(table.categories)]
    return [(names, *row) for row in zip(table.attributes.tolist(), *columns, strict=True)]
