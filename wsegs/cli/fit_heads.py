"""The part of ``wsegs train`` that fits heads on features, and what it prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wsegs.cli.guidance.next_steps import after_training
from wsegs.cli.labels.warn import check_label_options, warn_of_store
from wsegs.cli.options import print_json
from wsegs.errors import OptionError

if TYPE_CHECKING:
    from wsegs.training.fitting.lnets import LNets
    from wsegs.training.plan import TrainingPlan
    from wsegs.training.recipe import Recipe
    from wsegs.training.resolve import Overrides


def fit_heads(
    recipe: Recipe,
    overrides: Overrides,
    output: Path,
    features: Path | None,
    jobs: int | None,
    lnets: LNets | None = None,
    *,
    force: bool,
    as_json: bool,
) -> None:
    """Fit the heads of a recipe and print the summary.

    See :func:`wsegs.training.fitting.fit.fit_probe` and :func:`wsegs.training.fitting.views.fit_views`.
    """
    from wsegs.nets import signature_of
    from wsegs.training.fitting.lnets import check_lnets
    from wsegs.training.resolve import resolve
    from wsegs.training.run_folder import check_free

    check_free(output, force=force)
    if lnets is not None:
        check_lnets(lnets)
    plan = resolve(recipe, overrides)
    check_label_options(plan)
    by_views = signature_of(plan.network.name).wants("views")
    if lnets is not None and (plan.main.frame.kind != "box" or not by_views):
        raise OptionError(
            "--locate: expected a recipe that fits heads on crops about boxes (lnets-anet), got"
            f" '{plan.network.name}' on crops '{plan.main.frame.kind}'"
        )
    warn_of_store(plan)
    if by_views:
        _fit_views(recipe, plan, output, features, lnets, force=force, as_json=as_json)
        return
    # torch takes seconds to import, so mistakes are reported first.
    from wsegs.training.fitting.fit import default_features, fit_probe

    path = features or default_features(plan)
    try:
        summary = fit_probe(recipe, plan, output, features=features, jobs=-1 if jobs is None else jobs, force=force)
    except KeyboardInterrupt:
        partial = path.with_name(f"{path.name}.partial")
        if partial.exists():
            click.echo(f"{partial} keeps what was read; the same command goes on from there", err=True)
        raise
    if as_json:
        print_json(summary)
    else:
        _print(summary)
        click.echo(f"next: {after_training(plan, output, summary['splits'])}")


def _fit_views(
    recipe: Recipe,
    plan: TrainingPlan,
    output: Path,
    features: Path | None,
    lnets: LNets | None,
    *,
    force: bool,
    as_json: bool,
) -> None:
    if features is not None:
        raise OptionError(f"--features: network '{plan.network.name}' reads its features anew, they are in no file")
    # torch takes seconds to import, so mistakes are reported first.
    from wsegs.training.fitting.views import fit_views

    summary = fit_views(recipe, plan, output, lnets=lnets, force=force)
    if as_json:
        print_json(summary)
        return
    images, seconds = summary["images"], summary["seconds"]
    click.echo(
        f"{summary['output']}: {summary['network']}, {summary['views']} views of each face, fitted on {images['train']}"
        f" images of {summary['people']} people, {summary['feature_count']} features; {seconds['features']:.0f} s for"
        f" the features, {seconds['fit']:.0f} s for the fit"
    )
    if lnets is not None:
        click.echo(f"keeps the LNets of {lnets.runs[0]} and {lnets.runs[1]}, which find the faces of new pictures")
    if summary["unreadable"]:
        click.echo(f"left out: {summary['unreadable']} images that cannot be read")
    print_fit(summary)
    for name, file in summary["files"].items():
        click.echo(f"{name}: {file}")
    click.echo(f"next: {after_training(plan, output, summary['splits'])}")


def _print(summary: Mapping[str, Any]) -> None:
    images, seconds = summary["images"], summary["seconds"]
    backbone = f" on {summary['backbone']}" if summary["backbone"] else ""
    click.echo(
        f"{summary['output']}: {summary['network']}{backbone}, fitted on {images['train']} images,"
        f" {len(summary['regions'])} regions, {summary['feature_count']} features; {seconds['features']:.0f} s for the"
        f" features, {seconds['fit']:.0f} s for the fit"
    )
    print_fit(summary)
    if "leaks" in summary:
        click.echo(f"note: {summary['leaks']['text']}")
    if summary["fewer_labels"]:
        click.echo(f"--labels: {summary['fewer_labels']} were asked for, {images['train']} images have labels")
    if summary["prior"] is None:
        click.echo("without a prior: these regions belong to no rules, so no attribute has regions of its own")
    if summary["mean_face"]:
        click.echo(f"without a face, read by the mean face's regions: {summary['mean_face']} of all images")
    for name, file in summary["files"].items():
        click.echo(f"{name}: {file}")


def print_fit(summary: Mapping[str, Any]) -> None:
    """Print how penalties were chosen, and the scores on images that the fit has not seen."""
    taken = Counter(summary["penalty"].values())
    many = ", ".join(f"{penalty:g} ({taken[penalty]})" for penalty in sorted(taken, reverse=True))
    click.echo(f"penalties by {summary['chosen_by']}, and for how many attributes: {many}")
    click.echo(f"{_scores(summary['scores'])} {summary['measured_on']}")
    if "held_out" in summary:
        count = len(summary["held_out"]["attributes"])
        click.echo(f"of the {count} attributes that the training did not see: {_scores(summary['held_out']['scores'])}")
    if summary["skipped"]:
        names = ", ".join(summary["skipped"])
        click.echo(f"not fitted, since all their labels are alike: {names}")


def _scores(scores: Mapping[str, float | None]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value:.2%}" for name, value in scores.items() if value is not None)
