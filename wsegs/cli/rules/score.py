"""``wsegs rules score``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wsegs.cli.options import force_option, json_option, print_json
from wsegs.cli.rules.truth import classes_option, describe_faces, say_what_is_left_out, truth_options

if TYPE_CHECKING:
    from wsegs.rules.tuning.score import RegionSummary

_COLUMNS = {"iou": "IoU", "std": "std", "precision": "precision", "recall": "recall", "median": "median"}


@click.command()
@click.argument("rules", metavar="FILE")
@truth_options
@classes_option
@click.option("--csv", "csv_file", type=click.Path(path_type=Path), help="Also write a row for each image and region.")
@click.option(
    "--worst", "picture", type=click.Path(path_type=Path), help="Also draw the worst faces of each region, a PNG file."
)
@click.option("--worst-count", type=click.IntRange(1, 20), default=3, help="Faces of each region on that picture.")
@force_option
@json_option
def score(
    rules: str,
    classes: str,
    csv_file: Path | None,
    picture: Path | None,
    worst_count: int,
    force: bool,
    as_json: bool,
    **truth: Any,
) -> None:
    """Hold the regions of the rule file FILE against human parsing masks.

    A region counts on the images where its classes have 10 pixels or more (the class map may say another number).
    IoU is the mean intersection over union of these images, std its standard deviation, and missed the share of
    images where rules and people have no pixel in common. Precision is over the images where the rules drew anything.
    """
    from wsegs.human_masks.parsed_faces import load_parsed_faces
    from wsegs.human_masks.scoring import score_faces, write_scores
    from wsegs.io.files import check_output, find_shipped
    from wsegs.reports.worst_faces import check_picture, draw_worst_faces
    from wsegs.rules import load_rules
    from wsegs.rules.tuning.class_map import load_classes
    from wsegs.rules.tuning.score import common_regions, mean_over_regions, summarise_scores

    rule_set, class_map = load_rules(rules), load_classes(classes)
    common = common_regions(rule_set, class_map)
    inputs = [find_shipped("rules", rules), find_shipped("rules/classes", classes), *truth["landmarks"]]
    if csv_file is not None:
        check_output(csv_file, force=force, others=inputs)
    if picture is not None:
        written = [] if csv_file is None else [csv_file]
        check_picture(check_output(picture, force=force, others=[*inputs, *written]))
    faces = load_parsed_faces(**truth, schemes=[rule_set.scheme])
    (scores,) = score_faces(faces, [rule_set], class_map)
    summaries = summarise_scores(scores)
    mean = mean_over_regions(summaries)
    if csv_file is not None:
        write_scores(csv_file, faces, scores)
    if picture is not None:
        draw_worst_faces(picture, faces, rule_set, class_map, scores, count=worst_count)
    only_rules = [name for name in rule_set.region_names if name not in common]
    only_classes = [name for name in class_map.regions if name not in common]
    if as_json:
        regions = [asdict(summary) for summary in summaries]
        print_json(
            {
                "rules": rules,
                "sha256": rule_set.sha256,
                "classes": classes,
                **describe_faces(faces, truth),
                "regions": regions,
                "mean": mean,
                "regions_only_in_rules": only_rules,
                "regions_only_in_classes": only_classes,
                "csv": csv_file and str(csv_file),
                "worst": picture and str(picture),
            }
        )
        return
    _print_table(summaries, mean)
    say_what_is_left_out(faces, {rules: only_classes, classes: only_rules})
    for path in (csv_file, picture):
        if path is not None:
            click.echo(path)


def _print_table(summaries: list[RegionSummary], mean: dict[str, float | None]) -> None:
    width = max(len("region"), *(len(summary.region) for summary in summaries))
    titles = "".join(f"{title:>11}" for title in (*_COLUMNS.values(), "missed"))
    click.echo(f"{'region':<{width}}{'images':>9}{titles}")
    for summary in summaries:
        click.echo(f"{summary.region:<{width}}{summary.images:>9}{_cells(asdict(summary))}")
    click.echo(f"{'mean':<{width}}{'':>9}{_cells(mean)}")


def _cells(row: dict[str, Any]) -> str:
    cells = ["-" if row[name] is None else f"{row[name]:.3f}" for name in _COLUMNS]
    return "".join(f"{cell:>11}" for cell in (*cells, "-" if row["missed"] is None else f"{row['missed']:.1%}"))
