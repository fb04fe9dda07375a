"""Say on stderr that labels were corrected since they were read into a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from wsegs.landmarks.relabel import Labelled
    from wsegs.training.plan import TrainingPlan


def warn_of_labels(labelled: Labelled, remedy: str) -> None:
    """Say on stderr if the data set has other labels by now than a file; ``remedy`` is what takes them."""
    from wsegs.landmarks.relabel import find_label_difference

    difference = find_label_difference(labelled)
    if difference is not None:
        click.echo(f"Note: {difference}; those of the file are used; {remedy}", err=True)


def warn_of_store(plan: TrainingPlan) -> None:
    """Say on stderr if the mask store of a training has other labels than its data set by now."""
    from wsegs.landmarks.relabel import relabel_command
    from wsegs.store import MaskStore

    if plan.main.kind == "store":
        remedy = f"{relabel_command('LANDMARKS')} and wsegs masks LANDMARKS --force take the new ones"
        warn_of_labels(MaskStore(plan.main.path), remedy)
