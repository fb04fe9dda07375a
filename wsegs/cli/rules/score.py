"""``wsegs rules score``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import cloup

from wsegs.cli.guidance.message_options import message_options
from wsegs.cli.options import PATH, argument, force_option, jobs_options, json_option, print_json
from wsegs.cli.rules.parsing_masks import (
    describe_faces,
    load_faces,
    parsing_mask_options,
    print_left_out,
    warn_of_classes,
)

if TYPE_CHECKING:
    from wsegs.rules.tuning.score import RegionSummary

_COLUMNS = {"iou": "IoU", "std": "std", "precision": "precision", "recall": "recall", "median": "median"}


@cloup.command()
@argument("rules", "Rule file: a path, or the name of a shipped one.", metavar="FILE", type=str)
@parsing_mask_options
@jobs_options
@cloup.option_group(
    "Output",
    cloup.option(
        "--csv", "csv_file", type=PATH, help="Also write the scores of each image and region to this CSV file."
    ),
    cloup.option(
        "--worst", "picture", type=PATH, help="Also draw the faces with the lowest scores of each region to this PNG."
    ),
    cloup.option(
        "--worst-count",
        type=click.IntRange(1, 20),
        default=3,
        help="Number of faces for each region in the picture of --worst.",
    ),
    force_option,
    json_option,
)
@message_options
def score(
    rules: str,
    class_map: str,
    jobs: int,
    csv_file: Path | None,
    picture: Path | None,
    worst_count: int,
    force: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Score the regions of a rule file by human parsing masks.

    A region is scored on the images where its classes have at least 10 pixels (the class map may set another number).
    IoU is the mean intersection over union on these images, std its standard deviation, and missed the share of
    images where rules and mask have no pixel in common. Precision is over the images where the rules draw anything.
    """
    from wsegs.human_masks.scoring import score_faces, write_scores
    from wsegs.io.files import check_output, find_shipped
    from wsegs.reports.worst_faces import check_picture, draw_worst_faces
    from wsegs.rules import load_rules
    from wsegs.rules.tuning.class_map import load_classes
    from wsegs.rules.tuning.score import common_regions, mean_over_regions, summarise_scores

    rule_set, classes = load_rules(rules), load_classes(class_map)
    common = common_regions(rule_set, classes)
    inputs = [find_shipped("rules", rules), find_shipped("rules/classes", class_map), *given["landmarks"]]
    if csv_file is not None:
        check_output(csv_file, force=force, others=inputs)
    if picture is not None:
        written = [] if csv_file is None else [csv_file]
        check_picture(check_output(picture, force=force, others=[*inputs, *written]))
    faces = load_faces(given, [rule_set.scheme], jobs)
    doubt = warn_of_classes(faces, rule_set, classes)
    (scores,) = score_faces(faces, [rule_set], classes)
    summaries = summarise_scores(scores)
    mean = mean_over_regions(summaries)
    if csv_file is not None:
        write_scores(csv_file, faces, scores)
    if picture is not None:
        draw_worst_faces(picture, faces, rule_set, classes, scores, count=worst_count)
    only_rules = [name for name in rule_set.region_names if name not in common]
    only_classes = [name for name in classes.regions if name not in common]
    if as_json:
        regions = [asdict(summary) for summary in summaries]
        print_json(
            {
                "rules": rules,
                "sha256": rule_set.sha256,
                "class_map": class_map,
                **describe_faces(faces, given),
                "regions": regions,
                "mean": mean,
                "doubt": doubt or None,
                "regions_only_in_rules": only_rules,
                "regions_only_in_class_map": only_classes,
                "csv": csv_file and str(csv_file),
                "worst": picture and str(picture),
            }
        )
        return
    _print_table(summaries, mean)
    print_left_out(faces, {rules: only_classes, class_map: only_rules})
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
