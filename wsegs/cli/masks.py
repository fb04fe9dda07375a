"""``wsegs masks``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
import cloup
from click.core import ParameterSource

from wsegs.cli.guidance.next_steps import after_masks, after_shard
from wsegs.cli.labels.warn import warn_of_labels
from wsegs.cli.options import (
    RULES_OF_SCHEME,
    SIZE,
    NumberRange,
    Shard,
    argument,
    moved_data_option,
    output_options,
    print_json,
    process_options,
)
from wsegs.cli.threads import use_one_thread
from wsegs.errors import OptionError

if TYPE_CHECKING:
    from wsegs.landmarks.table import LandmarkTable
    from wsegs.store.writing.encode_crops import CropOptions
    from wsegs.store.writing.refine_rows import RefineOptions


_NAMED = 10  # unreadable images that are printed; --json lists all


@cloup.command()
@argument("landmarks", "Table of landmarks that wsegs landmarks made.", default=Path("landmarks.h5"))
@cloup.option_group(
    "Rules",
    cloup.option(
        "--rules",
        help="Rule file that says which regions belong to each attribute: a path, or the name of a shipped one."
        "  [default: celeba, or the shipped one for landmarks of another scheme]",
    ),
    cloup.option(
        "--shared-attributes-only",
        is_flag=True,
        help="Keep only the attributes that both the rule file and the data set have. Without it, an attribute"
        " that only one of them has is an error.",
    ),
)
@cloup.option_group(
    "Frame",
    cloup.option(
        "--frame",
        type=click.Choice(["image", "face"]),
        default="image",
        help="What the masks cover: whole images, which must all have one size, or a crop about each face.",
    ),
    cloup.option(
        "--size",
        type=SIZE,
        help="Height and width of the masks in pixels.  [default: those of the images; 218x178 for --frame face]",
    ),
    cloup.option(
        "--zoom",
        type=NumberRange(min=0.1, max=10),
        default=1.25,
        help="Size of the face in a crop of --frame face; 1 makes it as large as in the aligned images of CelebA.",
    ),
    cloup.option(
        "--align-eyes/--no-align-eyes",
        default=False,
        help="Rotate each crop of --frame face so that the face is upright, its eyes level. Without it the head keeps"
        " its tilt, as in the paper.",
    ),
)
@cloup.option_group(
    "Refinement by colour",
    cloup.option(
        "--refine",
        is_flag=False,
        flag_value="all",
        metavar="[REGION,...]",
        help="Refine regions by the colours of the image, which is read again: without a value, all regions that"
        " --refinement has (hair, neck, ears); with names, these regions alone."
        "  [default: regions stay as the rules draw them]",
    ),
    cloup.option(
        "--refinement",
        help="Refinement file that says how --refine works on each region: a path, or the name of a shipped one."
        "  [default: celeba]",
    ),
)
@cloup.option_group(
    "Images",
    cloup.option(
        "--with-images",
        is_flag=True,
        help="Keep the cropped images in the store as JPEG, so that training, evaluation and pictures need one file.",
    ),
    cloup.option(
        "--image-quality",
        type=click.IntRange(min=1, max=100),
        help="JPEG quality of the images that --with-images keeps, 1 to 100. A JPEG file that fits the frame is copied"
        " as it is.  [default: 95]",
    ),
    moved_data_option,
    cloup.option(
        "--shard",
        type=Shard(),
        help="Draw the K-th of N equal parts of the images, such as 1/8, so that several machines share the work. The"
        " part is written to masks.K-of-N.h5 unless -o names another file; wsegs store merge joins all parts.",
    ),
)
@process_options
@output_options(
    "masks.h5",
    "The mask store to write.",
    cloup.option(
        "--layout",
        type=click.Choice(["regions", "dense"]),
        default="regions",
        help="How masks are stored: one integer for each pixel, or also the Boolean channel of each attribute, which"
        " other programs can read without wsegs.",
    ),
)
def masks(
    landmarks: Path,
    rules: str | None,
    output: Path,
    frame: Literal["image", "face"],
    size: tuple[int, int] | None,
    zoom: float,
    align_eyes: bool,
    layout: Literal["regions", "dense"],
    shared_attributes_only: bool,
    refine: str | None,
    refinement: str | None,
    with_images: bool,
    image_quality: int | None,
    data: Path | None,
    shard: tuple[int, int] | None,
    jobs: int,
    backend: Literal["loky", "dask"],
    scheduler: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Draw a mask for every attribute of every image, by rules on its landmarks, into a mask store.

    After Ctrl-C the same command continues where it stopped.
    """
    use_one_thread()

    from wsegs.geometry.frame import Frame, image_frame
    from wsegs.io.processes.parallel import check_scheduler
    from wsegs.landmarks.relabel import relabel_command
    from wsegs.landmarks.table import open_landmarks
    from wsegs.rules import load_rules
    from wsegs.store import MaskStore
    from wsegs.store.writing.build import build_store

    if output.exists() and landmarks.exists() and output.samefile(landmarks):
        raise OptionError(f"--output: {output} is the input; expected another file")
    if refinement is not None and refine is None:
        raise OptionError("--refinement: expected --refine beside it")
    given = click.get_current_context().get_parameter_source
    if given("data") == ParameterSource.COMMANDLINE and refine is None and not with_images:
        raise OptionError("--data: expected --refine or --with-images beside it; masks are drawn without the images")
    if image_quality is not None and not with_images:
        raise OptionError("--image-quality: expected --with-images beside it")
    if refine is not None and Path(refine).is_file():
        raise OptionError(
            f"--refine: expected names of regions, got the file {refine}; LANDMARKS comes before --refine"
        )
    if shard is not None and given("output") == ParameterSource.DEFAULT:
        output = output.with_name(f"{output.stem}.{shard[0]}-of-{shard[1]}{output.suffix}")
    with open_landmarks(landmarks) as table:
        warn_of_labels(table, f"{relabel_command(landmarks)} takes the new ones")
        rule_set = load_rules(rules or RULES_OF_SCHEME.get(table.scheme.name, "celeba"))
        if frame == "image":
            store_frame = image_frame(table.image_size[table.image_size[:, 0] > 0], size)
        else:
            store_frame = Frame("face", size or (218, 178), align_eyes=align_eyes, zoom=zoom)
        how = None if refine is None else _refine_options(refine, refinement or "celeba", table, data, landmarks)
        try:
            summary = build_store(
                table,
                rule_set,
                store_frame,
                output,
                layout=layout,
                shared_attributes_only=shared_attributes_only,
                refine=how,
                images=_image_options(image_quality, table, data, landmarks) if with_images else None,
                shard=shard,
                jobs=jobs,
                scheduler=check_scheduler(backend, scheduler),
                force=force,
            )
        except KeyboardInterrupt:
            partial = output.with_name(f"{output.name}.partial")
            if partial.exists():
                click.echo(f"{partial} keeps what was drawn; the same command goes on from there", err=True)
            raise
    if as_json:
        print_json(summary)
        return
    _print_summary(summary, output, store_frame.size)
    if shard is not None:
        click.echo(f"shard {shard[0]} of {shard[1]}; when all are drawn, next: {after_shard(output, *shard)}")
        return
    with MaskStore(output) as store:
        click.echo(f"next: {after_masks(store, data)}")


def _print_summary(summary: Mapping[str, Any], output: Path, size: tuple[int, int]) -> None:
    click.echo(
        f"{output}: {summary['images']} images, {summary['faces']} with a face, {summary['regions']} regions,"
        f" {summary['attributes']} attributes, {size[0]}x{size[1]},"
        f" {summary['bytes'] / 1e6:.1f} MB ({summary['bytes'] / summary['images'] / 1e3:.2f} KB an image)"
    )
    if summary["reduced_from"]:
        click.echo(f"landmarks: {summary['reduced_from']} reduced to {summary['scheme']}, the scheme of the rules")
    if summary["left_out"]:
        click.echo(f"left out: {summary['left_out']} images that could not be read or have no face to crop about")
    if summary["refined"]:
        refined = summary["refined"]
        click.echo(f"refined by pixels: {', '.join(refined['regions'])}")
        if refined["unrefined_faces"]:
            click.echo(f"not refined: {refined['unrefined_faces']} faces whose images could not be read")
    for problem in summary["unreadable"][:_NAMED]:
        click.echo(f"without its image: {problem}")
    if len(summary["unreadable"]) > _NAMED:
        click.echo(f"without their images: {len(summary['unreadable']) - _NAMED} more; --json lists them")
    for name, count in summary["empty_regions"].items():
        click.echo(f"region {name} is empty on {count} faces ({count / max(1, summary['faces']):.1%})")


def _refine_options(
    regions: str, refinement: str, table: LandmarkTable, data: Path | None, landmarks: Path
) -> RefineOptions:
    """Return the options of --refine, --refinement and --data."""
    from wsegs.refine import load_refinement
    from wsegs.store.writing.refine_rows import RefineOptions

    how = load_refinement(refinement)
    if regions != "all":
        how = how.only([name.strip() for name in regions.split(",")])
    return RefineOptions(how, _image_root(table, data, landmarks))


def _image_options(quality: int | None, table: LandmarkTable, data: Path | None, landmarks: Path) -> CropOptions:
    """Return the options of --with-images, --image-quality and --data."""
    from wsegs.store.writing.encode_crops import QUALITY, CropOptions

    return CropOptions(_image_root(table, data, landmarks), QUALITY if quality is None else quality)


def _image_root(table: LandmarkTable, data: Path | None, landmarks: Path) -> Path:
    from wsegs.store.images import find_root

    return find_root(table.provenance, table.images[0] if table.images else "", data, str(landmarks))
