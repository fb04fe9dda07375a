"""``wsegs evaluate --where``: its options, what it writes and prints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import cloup

from wsegs.cli.options import PATH, percent_interval

if TYPE_CHECKING:
    from wsegs.evaluation.images import OpenImages
    from wsegs.evaluation.region_readers import RegionReader
    from wsegs.evaluation.runs import Run

PICTURE = "where.png"

where_options = cloup.option_group(
    "Where it looks",
    cloup.option(
        "--where",
        is_flag=True,
        help="Measure where the network looks for each attribute, against masks: by the maps that it draws, by its"
        " shares of regions, or else by class activation (Grad-CAM), which runs it once for each attribute.",
    ),
    cloup.option(
        "--where-by",
        type=click.Choice(["own", "activation"]),
        default="own",
        help="By what --where knows: the network's own maps or shares where it has some, or class activation for every"
        " network, so that two of different kinds compare.",
    ),
    cloup.option(
        "--where-masks",
        type=PATH,
        help="A mask store of these images, whose regions --where compares with.  [default: that of the training, if it"
        " has them; else its rules, drawn by --landmarks]",
    ),
)


def prepare_where(
    run: Run,
    opened: OpenImages,
    split: str,
    *,
    by: str,
    store: Path | None,
    human: Path | None,
    class_map: str,
    regions: RegionReader | None,
    jobs: int,
    limit: int | None,
) -> Callable[[Path], dict[str, Any]]:
    """Open the masks that a run's maps are measured by.

    Returns
    -------
    What measures where the run looks, writes ``where.csv`` and ``where.png`` into a folder and returns the summary.

    Raises
    ------
    OptionError, DataError, MissingError
        If there are no such masks, or nothing says where the network looks.
    """
    from wsegs.evaluation.predictor import Predictor
    from wsegs.evaluation.where.attention import open_attention
    from wsegs.evaluation.where.look import look
    from wsegs.evaluation.where.masks import open_masks
    from wsegs.evaluation.where.write import write_where
    from wsegs.reports.run_parts.where_picture import draw_where

    predict = Predictor(run)
    attention = open_attention(run, predict, activation=by == "activation")
    masks = open_masks(run, opened, attention.size, store=store, human=human, class_map=class_map)

    def measure(folder: Path) -> dict[str, Any]:
        found = look(run, opened, split, attention, masks, predict, regions=regions, jobs=jobs, limit=limit)
        folder.mkdir(parents=True, exist_ok=True)
        if found.examples:
            draw_where(found.examples, folder / PICTURE, title=f"Where {run.path.name} looks: {found.method}")
        return write_where(found, folder)

    return measure


def print_where(summary: Mapping[str, Any]) -> None:
    """Print where a run looks, against each kind of masks."""
    click.echo(f"\nwhere it looks, by {summary['method']} (95 % over {summary['over']}):")
    for against in summary["against"]:
        click.echo(f"  against {against['masks']} ({against['source']}), {against['faces']} faces:")
        labelled = against["present"]["attributes"] or against["absent"]["attributes"]
        for side in ("present", "absent") if labelled else ("any",):
            row = against[side]
            if not row["attributes"]:
                click.echo(f"    {side}: no attribute whose mask leaves room to miss it")
                continue
            click.echo(
                f"    {side} ({row['attributes']} attributes, masks cover {row['area']:.1%}): energy inside"
                f" {percent_interval(row, 'energy')}, pointing game {percent_interval(row, 'pointing')},"
                f" IoU {percent_interval(row, 'iou')}"
            )
