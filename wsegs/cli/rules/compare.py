"""``wsegs rules compare``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from wsegs.cli.options import json_option, print_json
from wsegs.cli.rules.truth import classes_option, describe_faces, say_what_is_left_out, truth_options

if TYPE_CHECKING:
    from wsegs.rules.tuning.compare import Comparison


@click.command()
@click.argument("a")
@click.argument("b")
@truth_options
@classes_option
@json_option
def compare(a: str, b: str, classes: str, as_json: bool, **truth: Any) -> None:
    """Hold the rule files A and B against the same human parsing masks.

    The interval holds the mean difference of the intersection over union, B less A, with 95 % confidence: a bootstrap
    over the faces. Where it excludes zero, one is better. A and B may be of different landmark schemes.
    """
    from wsegs.human_masks.parsed_faces import load_parsed_faces
    from wsegs.human_masks.scoring import score_faces
    from wsegs.rules import load_rules
    from wsegs.rules.tuning.class_map import load_classes
    from wsegs.rules.tuning.compare import compare_scores
    from wsegs.rules.tuning.score import common_regions

    rule_sets, class_map = [load_rules(a), load_rules(b)], load_classes(classes)
    regions = [common_regions(rules, class_map) for rules in rule_sets]
    faces = load_parsed_faces(**truth, schemes=[rules.scheme for rules in rule_sets])
    comparisons, mean = compare_scores(*score_faces(faces, rule_sets, class_map))
    compared = [comparison.region for comparison in comparisons]
    lacking = {
        name: [region for region in class_map.regions if region not in has]
        for name, has in zip((a, b), regions, strict=True)
    }
    if as_json:
        print_json(
            {
                "a": a,
                "b": b,
                "classes": classes,
                **describe_faces(faces, truth),
                "regions": [{**asdict(comparison), "better": comparison.better} for comparison in comparisons],
                "mean": {**asdict(mean), "better": mean.better},
                "regions_not_compared": [region for region in class_map.regions if region not in compared],
            }
        )
        return
    click.echo(f"A: {a}\nB: {b}")
    width = max(len("region"), *map(len, compared))
    click.echo(f"{'region':<{width}}{'images':>9}{'A':>9}{'B':>9}{'B - A':>9}   95 % interval")
    for comparison in [*comparisons, mean]:
        click.echo(f"{comparison.region:<{width}}{_cells(comparison)}")
    say_what_is_left_out(faces, lacking)


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
