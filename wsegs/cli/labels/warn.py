"""Say that a file has labels of its own: on stderr if they were corrected since, or that an option would be ignored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from wsegs.errors import OptionError

if TYPE_CHECKING:
    from wsegs.landmarks.relabel import Labelled
    from wsegs.training.plan import TrainingPlan


def warn_of_labels(labelled: Labelled, remedy: str) -> None:
    """Say on stderr if the data set has other labels by now than a file; ``remedy`` is what takes them."""
    from wsegs.landmarks.relabel import find_label_difference

    difference = find_label_difference(labelled)
    if difference is not None:
        click.echo(f"Note: {difference}; those of the file are used; {remedy}", err=True)


def check_label_options(plan: TrainingPlan) -> None:
    """Raise OptionError if the command line says how a data set is opened, and a mask store is trained on."""
    context = click.get_current_context()
    for name in ("images", "labels", "numbers", "categories", "unknown", "data_scale"):
        given = context.get_parameter_source(name) == ParameterSource.COMMANDLINE
        count = name == "labels" and isinstance(context.params[name], tuple)
        if plan.main.kind != "store" or not given or count:
            continue
        raise OptionError(
            f"--{name.replace('_', '-')}: the mask store {plan.main.path.name} has images, labels and crops of its own;"
            " it is an option of wsegs landmarks, from which wsegs masks takes them (labels: --update FILE --relabel)"
        )


def warn_of_store(plan: TrainingPlan) -> None:
    """Say on stderr if the mask store of a training has other labels than its data set by now."""
    from wsegs.landmarks.relabel import relabel_command
    from wsegs.store import MaskStore

    if plan.main.kind == "store":
        remedy = f"{relabel_command('LANDMARKS')} and wsegs masks LANDMARKS --force take the new ones"
        warn_of_labels(MaskStore(plan.main.path), remedy)
