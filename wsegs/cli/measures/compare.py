"""``wsegs compare``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import cloup

from wsegs.cli.options import argument, output_options, print_json
from wsegs.errors import MissingError

_SCORES = ("accuracy", "average_precision", "balanced_accuracy")


@cloup.command()
@argument("first", "A run that was evaluated, or the folder of one evaluation; differences are from it.", metavar="RUN")
@argument("second", "Another run, or its evaluation on the same images.", metavar="RUN")
@cloup.option_group(
    "Chart",
    cloup.option(
        "--score",
        type=click.Choice(_SCORES),
        default="accuracy",
        help="Draw this score in the charts; the table has all three.",
    ),
)
@output_options(None, "Folder for the table and the charts.  [default: compared-with-FIRST in the second RUN]")
def compare(first: Path, second: Path, score: str, output: Path | None, force: bool, as_json: bool) -> None:
    """Compare two runs on the same images: the second less the first, attribute by attribute.

    Reads what wsegs evaluate wrote, and compares on every test set that both runs were evaluated on. Intervals are of
    the difference: a bootstrap over people, or over faces where nobody is known, in which both runs are measured on the
    same samples. Charts have a panel for each test set.
    """
    from wsegs.io.files import check_output

    for folder in (first, second):
        if not folder.is_dir():
            raise MissingError(
                f"{folder}: no such folder; RUN is a folder that wsegs train made, or an evaluation of it"
            )
    folder = check_output(output or second / f"compared-with-{first.name}", force=force)
    from wsegs.evaluation.comparison.paired import compare_runs, write_comparisons
    from wsegs.io.files import atomic_write
    from wsegs.reports.curves.comparison import draw_differences, draw_scores

    comparisons = compare_runs(first, second)
    titles = (first.name, second.name) if first.name != second.name else (str(first), str(second))
    folder.mkdir(parents=True, exist_ok=True)
    summary = write_comparisons(comparisons, titles, folder)
    draw_scores(comparisons, titles, folder / "scores.png", score)
    draw_differences(comparisons, titles, folder / "differences.png", score)
    with atomic_write(folder / "comparison.json") as temporary:
        temporary.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    if as_json:
        print_json({**summary, "output": str(folder)})
        return
    for test_set in summary["test_sets"]:
        _print_test_set(test_set, titles)
    for name in ("differences.csv", "comparison.json", "scores.png", "differences.png"):
        click.echo(folder / name)


def _print_test_set(test_set: Mapping[str, Any], runs: tuple[str, str]) -> None:
    people = f" of {test_set['people']} people" if test_set["over"] == "people" else ""
    click.echo(f"{test_set['name']}: {test_set['images']} faces{people}, intervals over {test_set['over']}")
    width = max(len(run) for run in runs)
    click.echo(f"{'mean':<18}  {runs[0]:>{width}}  {runs[1]:>{width}}  {'difference (95 %)':>24}  better on (decided)")
    for score in _SCORES:
        row = test_set[score]
        values = (f"{_percent(row[side]):>{width}}" for side in ("first", "second"))
        difference = "-"
        if row["difference"] is not None:
            difference = f"{100 * row['difference']:+.2f}"
            if row["difference_low"] is not None:
                difference += f" ({100 * row['difference_low']:+.2f} to {100 * row['difference_high']:+.2f})"
        better = f"{row['second_better']} ({row['decided_for_second']}) against"
        better += f" {row['first_better']} ({row['decided_for_first']}) of {row['attributes']}"
        click.echo(f"{score.replace('_', ' '):<18}  {'  '.join(values)}  {difference:>24}  {better}")
    click.echo("")


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.2%}"
