"""``wsegs rules compare``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
import cloup

from wsegs.cli.guidance.message_options import message_options
from wsegs.cli.options import argument, jobs_options, json_option, print_json
from wsegs.cli.rules.parsing_masks import (
    describe_faces,
    load_faces,
    parsing_mask_options,
    print_left_out,
    warn_of_classes,
)

if TYPE_CHECKING:
    from wsegs.rules.tuning.compare import Comparison


@cloup.command()
@argument("a", "Rule file A: a path, or the name of a shipped one.", type=str)
@argument("b", "Rule file B: a path, or the name of a shipped one.", type=str)
@parsing_mask_options
@jobs_options
@cloup.option_group("Output", json_option)
@message_options
def compare(a: str, b: str, class_map: str, jobs: int, as_json: bool, **given: Any) -> None:
    """Compare two rule files by the same human parsing masks.

    For each region, prints the mean intersection over union (IoU) of A and of B, and the 95 % interval of the mean
    difference B - A, by a bootstrap over the faces. If the interval excludes zero, one file is better. A and B may be
    written for different landmark schemes.
    """
    from wsegs.human_masks.scoring import score_faces
    from wsegs.rules import load_rules
    from wsegs.rules.tuning.class_map import load_classes
    from wsegs.rules.tuning.compare import compare_scores
    from wsegs.rules.tuning.score import common_regions

    rule_sets, classes = [load_rules(a), load_rules(b)], load_classes(class_map)
    regions = [common_regions(rules, classes) for rules in rule_sets]
    faces = load_faces(given, [rules.scheme for rules in rule_sets], jobs)
    warn_of_classes(faces, rule_sets[0], classes)
    comparisons, mean = compare_scores(*score_faces(faces, rule_sets, classes))
    compared = [comparison.region for comparison in comparisons]
    lacking = {
        name: [region for region in classes.regions if region not in has]
        for name, has in zip((a, b), regions, strict=True)
    }
    if as_json:
        print_json(
            {
                "a": a,
                "b": b,
                "class_map": class_map,
                **describe_faces(faces, given),
                "regions": [{**asdict(comparison), "better": comparison.better} for comparison in comparisons],
                "mean": {**asdict(mean), "better": mean.better},
                "regions_not_compared": [region for region in classes.regions if region not in compared],
            }
        )
        return
    click.echo(f"A: {a}\nB: {b}")
    width = max(len("region"), *map(len, compared))
    click.echo(f"{'region':<{width}}{'images':>9}{'A':>9}{'B':>9}{'B - A':>9}   95 % interval")
    for comparison in [*comparisons, mean]:
        click.echo(f"{comparison.region:<{width}}{_cells(comparison)}")
    print_left_out(faces, lacking)


def _cells(row: Comparison) -> str:
    if row.a is None or row.b is None or row.difference is None:
        return f"{row.images:>9}{'-':>9}{'-':>9}{'-':>9}   too few images"
    from wsegs.rules.tuning.compare import LEAST_IMAGES

    cells = f"{row.images:>9}{row.a:>9.3f}{row.b:>9.3f}{row.difference:>+9.3f}   "
    if row.low is None or row.high is None:
        return f"{cells}too few images"
    seen = f"{row.better} is better" if row.better else "no difference seen"
    verdict = seen if row.images >= LEAST_IMAGES else "too few images to tell"
    return f"{cells}{f'{row.low:+.3f} to {row.high:+.3f}':<18}{verdict}"
