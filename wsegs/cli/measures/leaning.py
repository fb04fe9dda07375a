"""How ``wsegs evaluate`` tells what predictions lean on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from wsegs.cli.options import percent_interval

_SCORES = ("accuracy", "average_precision", "balanced_accuracy")


def print_leaning(summary: Mapping[str, Any]) -> None:
    """Print groups, and what else attributes lean on, with intervals over people."""
    for by, found in summary.get("groups", {}).items():
        click.echo(f"\ngroups by {by}, mean over the other attributes (95 % over {summary['bootstrap']['over']}):")
        for row in found["groups"]:
            people = f" of {row['people']} people" if summary["bootstrap"]["over"] == "people" else ""
            scores = ", ".join(f"{name.replace('_', ' ')} {percent_interval(row, name)}" for name in _SCORES)
            click.echo(f"  {row['group']} ({row['faces']} faces{people}): {scores}")
        for score, gap in found["gaps"].items():
            text = percent_interval(gap, "gap")
            click.echo(f"  {score.replace('_', ' ')}: worst is {gap['worst']}, behind {gap['best']} by {text}")
    if "balanced" in summary:
        text = percent_interval(summary["balanced"], "accuracy")
        click.echo(f"\nif each attribute were present on half of the faces, by weights: accuracy {text}")
    if "reliance" in summary:
        found = summary["reliance"]
        texts = {name: percent_interval(found, name) for name in ("rare_accuracy", "common_accuracy")}
        excess = "-" if found["excess"] is None else f"{found['excess']:+.3f}"
        click.echo(
            f"the {found['pairs']} pairs of attributes that are related most in the {found['related_in']}: predictions"
            f" correlate by {excess} more than labels; accuracy {texts['rare_accuracy']} on faces that disagree with"
            f" the correlation, {texts['common_accuracy']} on those that agree"
        )
