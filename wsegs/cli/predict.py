"""``wsegs predict``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
import cloup

from wsegs.cli.guidance.message_options import message_options
from wsegs.cli.options import (
    PATH,
    argument,
    checkpoint_option,
    force_option,
    json_option,
    print_json,
    regions_options,
)

if TYPE_CHECKING:
    from wsegs.evaluation.predict import Prediction


@cloup.command()
@argument("run_folder", "Folder that wsegs train made.", metavar="RUN")
@argument(
    "images", "Image files; with --masks, names of images in the store.", metavar="IMAGE...", nargs=-1, required=True
)
@cloup.option_group(
    "Input",
    checkpoint_option,
    cloup.option(
        "--masks", "store_path", type=PATH, help="Read the images from this mask store, which must keep its images."
    ),
    *regions_options,
)
@cloup.option_group(
    "Output",
    cloup.option(
        "--maps",
        "--heatmaps",
        "heatmaps",
        type=PATH,
        help="Folder for a picture of each image that shows where each attribute was seen, or what each region adds to"
        " it.",
    ),
    force_option,
    json_option,
)
@message_options
def predict(
    run_folder: Path,
    images: tuple[Path, ...],
    store_path: Path | None,
    regions: Path | None,
    class_map: str,
    heatmaps: Path | None,
    checkpoint: Literal["best", "last"],
    force: bool,
    as_json: bool,
) -> None:
    """Predict the attributes of images.

    Prints the probability of each attribute: those that are present above a line, those that are absent below it, the
    most probable first. Images that cannot be read are listed at the end, and the exit code is then 1.
    """
    from wsegs.io.files import check_output
    from wsegs.store import MaskStore
    from wsegs.training.run_folder import BEST, LAST, check_run

    check_run(run_folder, BEST if checkpoint == "best" else LAST)
    # torch takes seconds to import, so mistakes are reported first.
    from wsegs.evaluation.predict import Failure, check_maps, map_files
    from wsegs.evaluation.predict import predict as predict_images
    from wsegs.evaluation.region_readers import open_regions
    from wsegs.evaluation.runs import load_run

    run = load_run(run_folder, checkpoint)
    store = None if store_path is None else MaskStore(store_path)
    reader = None
    if regions is not None:
        names = [image.as_posix() if store else image.name for image in images]
        run, reader = open_regions(run, regions, class_map, names)
    pictures: list[Path | None] = [None] * len(images)
    if heatmaps is not None:
        check_maps(run)
        pictures = [check_output(picture, force=force) for picture in map_files(heatmaps, images)]
    done: list[dict[str, Any]] = []
    failures: list[Failure] = []
    for result, picture in zip(predict_images(run, images, store, reader), pictures, strict=True):
        if isinstance(result, Failure):
            failures.append(result)
            continue
        if picture is not None:
            _draw(result, picture)
        ranked = result.ranked()
        done.append({"image": str(result.path), "crop": result.crop_kind, "attributes": dict(ranked)} | result.other)
        present = [name for name, is_present in zip(result.attribute_names, result.present, strict=True) if is_present]
        if result.regions_from:
            done[-1]["regions"] = result.regions_from
        if picture is not None:
            done[-1]["maps"] = str(picture)
        if not as_json:
            _print(done[-1], present)
        done[-1]["present"] = present
    if as_json:
        failed = [{"image": str(failure.path), "reason": failure.reason} for failure in failures]
        print_json({"run": str(run_folder), "images": done, "unreadable": failed})
    for failure in failures:
        click.echo(f"Error: {failure.path}: {failure.reason}", err=True)
    if failures:
        sys.exit(1)


def _draw(result: Prediction, picture: Path) -> None:
    from wsegs.reports.heatmaps import draw_heatmaps
    from wsegs.reports.shares import draw_shares

    names, title = result.attribute_names, result.path.name
    if result.shares is not None and result.regions is not None:
        draw_shares(result.crop, result.shares, result.regions, names, result.probabilities, picture, title=title)
        return
    assert result.maps is not None
    draw_heatmaps(result.crop, result.maps, names, result.probabilities, picture, title=title)


def _print(image: dict[str, Any], present: Sequence[str]) -> None:
    regions = f"; regions: {image['regions']}" if "regions" in image else ""
    click.echo(f"{image['image']} ({image['crop']}{regions})")
    width = max(map(len, image["attributes"]), default=0)
    absent = False
    for name, probability in image["attributes"].items():
        if name not in present and not absent:
            absent = True
            click.echo("  " + "-" * (width + 8))  # present above, absent below
        click.echo(f"  {name:<{width}}  {probability:>6.1%}")
    for name, said in image.items():
        if name not in ("image", "crop", "regions", "attributes", "maps"):
            click.echo(f"  {name}: {said}")
    if "maps" in image:
        click.echo(f"  {image['maps']}")
