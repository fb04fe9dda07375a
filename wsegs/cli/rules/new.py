"""``wsegs rules new``."""

from __future__ import annotations

import os
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import cloup

from wsegs.cli.options import PATH, given, label_options, output_options
from wsegs.cli.rules.preview import average_of


@cloup.command()
@cloup.option_group(
    "Attributes",
    cloup.option("--data", type=PATH, help="Folder of the data set whose attributes the rule file is for."),
    label_options,
    cloup.option(
        "--attribute",
        "attributes",
        metavar="NAME",
        multiple=True,
        help="Write this attribute instead of those of a data set. Repeat the option for several attributes.",
    ),
)
@cloup.option_group(
    "Landmarks",
    cloup.option(
        "--scheme",
        metavar="NAME|FILE.yaml",
        default="ibug68",
        help="Landmark scheme whose points the rules name: ibug68, celeba5, mediapipe478, or a scheme file of your"
        " own.",
    ),
    cloup.option(
        "--landmarks",
        type=PATH,
        help="A landmarks.h5 of the scheme, the average of whose faces says how long things are.  [default: the average"
        " face of the scheme]",
    ),
)
@output_options("rules.yaml", "The rule file to write.", summary=False)
def new(
    output: Path,
    data: Path | None,
    attributes: tuple[str, ...],
    scheme: str,
    landmarks: Path | None,
    force: bool,
    **labels: Any,
) -> None:
    """Write a commented rule file to start from, with regions for the attributes of a data set."""
    from wsegs.errors import OptionError
    from wsegs.io.files import atomic_write, check_output
    from wsegs.rules.starter import starter_text
    from wsegs.schemes import find_scheme, scheme_names

    if attributes and (data is not None or labels["labels"] is not None):
        raise OptionError("--attribute: expected either attributes by name or those of --data and --labels, got both")
    is_file = scheme not in scheme_names()
    found = find_scheme(scheme)
    files = [Path(scheme)] if is_file else []
    check_output(output, force=force, others=files if landmarks is None else [*files, landmarks])
    if landmarks is not None:
        average, _ = average_of(landmarks, found)
        found = replace(found, average=tuple(map(tuple, average.tolist())))
    names = tuple(dict.fromkeys(attributes)) or _attributes_of(data, given(labels))
    if not all(names):
        raise OptionError("--attribute: expected a name, got nothing")
    # A rule file looks for a scheme file from where it lies itself.
    written = Path(os.path.relpath(scheme, output.parent)).as_posix() if is_file else scheme
    with atomic_write(output) as temporary:
        temporary.write_text(starter_text(found, names, written), encoding="utf-8")
    click.echo(f"{output}: attributes: {len(names)}")
    quoted = shlex.quote(str(output))
    preview = f"; wsegs rules preview {quoted}" if found.average else ""  # else it takes a picture of a face
    if landmarks is not None:
        preview += f" --landmarks {shlex.quote(str(landmarks))}"
    click.echo(f"next: wsegs rules check {quoted}{preview}")


def _attributes_of(data: Path | None, labels: dict[str, Any]) -> tuple[str, ...]:
    """Return the attributes of a data set, or of a table of labels alone; none where the user named neither."""
    from wsegs.datasets import open_dataset
    from wsegs.datasets.labels import read_labels

    if data is not None:
        return open_dataset(data, **labels).attribute_names
    if "labels" not in labels:
        return ()
    return read_labels(
        labels["labels"], labels.get("numbers", ()), labels.get("categories", ()), labels.get("unknown")
    ).attribute_names
