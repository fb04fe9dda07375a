"""``wsegs masks``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click
from click.core import ParameterSource

from wsegs.cli.options import (
    SIZE,
    NumberRange,
    Shard,
    backend_options,
    force_option,
    jobs_option,
    json_option,
    output_option,
    print_json,
)
from wsegs.cli.threads import use_one_thread
from wsegs.errors import OptionError

if TYPE_CHECKING:
    from wsegs.landmarks.table import LandmarkTable
    from wsegs.store.writing.encode_crops import CropOptions
    from wsegs.store.writing.refine_rows import RefineOptions


# For landmarks of other schemes than that of the default.
_RULES = {"celeba5": "celeba-5points", "mediapipe478": "celeba-478points"}

_NAMED = 10  # of the images that cannot be read; --json lists all


@click.command()
@click.argument("landmarks", type=click.Path(path_type=Path), default=Path("landmarks.h5"))
@click.option(
    "--rules",
    help="Rule file, by path or by the name of a shipped one.  [default: celeba, or what there is for the landmarks]",
)
@output_option("masks.h5", "The mask store.")
@click.option(
    "--frame",
    type=click.Choice(["image", "face"]),
    default="image",
    help="The image as it is, or a crop about the face from its landmarks.",
)
@click.option("--size", type=SIZE, help="Size of the frame.  [default: the images' own; 218x178 for --frame face]")
@click.option(
    "--tilt",
    type=click.Choice(["keep", "remove"]),
    default="keep",
    help="--frame face: keep the head's tilt, as the paper does, or rotate it away.",
)
@click.option(
    "--zoom",
    type=NumberRange(min=0.1, max=10),
    default=1.25,
    help="--frame face: size of the face; 1 is that of the aligned CelebA images.",
)
@click.option(
    "--layout",
    type=click.Choice(["regions", "dense"]),
    default="regions",
    help="One integer a pixel, or the boolean channels beside it for readers without wsegs.",
)
@click.option("--only-common", is_flag=True, help="Keep only the attributes that both rules and data set know.")
@click.option(
    "--refine",
    is_flag=False,
    flag_value="all",
    metavar="[REGION,...]",
    help="Let the images' colours decide where landmarks only bet (hair, neck, ears): all such regions, or these.",
)
@click.option(
    "--refinement",
    help="How --refine refines which regions, by path or by the name of a shipped file.  [default: celeba]",
)
@click.option(
    "--with-images",
    is_flag=True,
    help="Keep the images in the store, cropped to the frame, so that training opens one file.",
)
@click.option(
    "--image-quality",
    type=click.IntRange(min=1, max=100),
    help="--with-images: quality of the JPEGs; one that lies in the frame as it is, is copied.  [default: 95]",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    envvar="WSEGS_DATA",
    show_envvar=True,
    help="--refine, --with-images: where the images lie now.  [default: where the landmarks were found]",
)
@click.option(
    "--shard",
    type=Shard(),
    help="Draw only the K-th of N shares of the images, for several machines: 1/8, 2/8, ... Written to"
    " masks.K-of-N.h5 unless -o says otherwise; wsegs store merge joins them.",
)
@jobs_option
@backend_options
@force_option
@json_option
def masks(
    landmarks: Path,
    rules: str | None,
    output: Path,
    frame: Literal["image", "face"],
    size: tuple[int, int] | None,
    tilt: str,
    zoom: float,
    layout: Literal["regions", "dense"],
    only_common: bool,
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
    """Draw attribute masks: LANDMARKS (landmarks.h5) and rules to a mask store."""
    use_one_thread()

    from wsegs.geometry.frame import Frame, image_frame
    from wsegs.io.parallel import check_scheduler
    from wsegs.landmarks.table import open_landmarks
    from wsegs.rules import load_rules
    from wsegs.store.writing.build import build_store

    if output.exists() and landmarks.exists() and output.samefile(landmarks):
        raise OptionError(f"--output: {output} is the input; expected another file")
    if refinement is not None and refine is None:
        raise OptionError("--refinement: expected --refine beside it")
    given = click.get_current_context().get_parameter_source
    if given("data") == ParameterSource.COMMANDLINE and refine is None and not with_images:
        raise OptionError("--data: expected --refine or --with-images beside it, masks are drawn without the images")
    if image_quality is not None and not with_images:
        raise OptionError("--image-quality: expected --with-images beside it")
    if refine is not None and Path(refine).is_file():
        raise OptionError(
            f"--refine: expected names of regions, got the file {refine}; LANDMARKS comes before --refine"
        )
    if shard is not None and given("output") == ParameterSource.DEFAULT:
        output = output.with_name(f"{output.stem}.{shard[0]}-of-{shard[1]}{output.suffix}")
    with open_landmarks(landmarks) as table:
        rule_set = load_rules(rules or _RULES.get(table.scheme.name, "celeba"))
        if frame == "image":
            store_frame = image_frame(table.image_size[table.image_size[:, 0] > 0], size)
        else:
            store_frame = Frame("face", size or (218, 178), keep_tilt=tilt == "keep", zoom=zoom)
        how = None if refine is None else _refine_options(refine, refinement or "celeba", table, data, landmarks)
        try:
            summary = build_store(
                table,
                rule_set,
                store_frame,
                output,
                layout=layout,
                only_common=only_common,
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
    click.echo(
        f"{output}: {summary['images']} images, {summary['faces']} with a face, {summary['regions']} regions,"
        f" {summary['attributes']} attributes, {store_frame.size[0]}x{store_frame.size[1]},"
        f" {summary['bytes'] / 1e6:.1f} MB ({summary['bytes'] / summary['images'] / 1e3:.2f} KB an image)"
    )
    if summary["reduced_from"]:
        click.echo(f"landmarks: {summary['reduced_from']} reduced to {summary['scheme']}, for which the rules are")
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
    if summary["shard"]:
        number, of = summary["shard"]
        click.echo(f"shard {number} of {of}; next, when all are there: wsegs store merge")
        return
    click.echo(f"next: wsegs preview {output}; wsegs train attparsenet {output}")


def _refine_options(
    regions: str, refinement: str, table: LandmarkTable, data: Path | None, landmarks: Path
) -> RefineOptions:
    """Return what --refine, --refinement and --data ask for."""
    from wsegs.refine import load_refinement
    from wsegs.store.writing.refine_rows import RefineOptions

    how = load_refinement(refinement)
    if regions != "all":
        how = how.only([name.strip() for name in regions.split(",")])
    return RefineOptions(how, _image_root(table, data, landmarks))


def _image_options(quality: int | None, table: LandmarkTable, data: Path | None, landmarks: Path) -> CropOptions:
    """Return what --with-images, --image-quality and --data ask for."""
    from wsegs.store.writing.encode_crops import QUALITY, CropOptions

    return CropOptions(_image_root(table, data, landmarks), QUALITY if quality is None else quality)


def _image_root(table: LandmarkTable, data: Path | None, landmarks: Path) -> Path:
    from wsegs.store.images import find_root

    return find_root(table.provenance, table.images[0] if table.images else "", data, str(landmarks))
