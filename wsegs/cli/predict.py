"""``wsegs predict``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
import cloup

from wsegs.cli.guidance.message_options import message_options
from wsegs.cli.guidance.mistakes import check_some_image, check_there
from wsegs.cli.options import (
    PATH,
    argument,
    boxes_option,
    checkpoint_option,
    data_scale_option,
    force_option,
    json_option,
    output_option,
    print_json,
    regions_options,
)
from wsegs.errors import DataError, OptionError

if TYPE_CHECKING:
    from wsegs.evaluation.known_faces import KnownFaces
    from wsegs.evaluation.predict import Failure, Prediction
    from wsegs.evaluation.runs import Run


@cloup.command()
@argument("run_folder", "Folder that wsegs train made.", metavar="RUN")
@argument(
    "images",
    "Image files, or folders of images; with --masks, names of images in the store.",
    metavar="IMAGE...",
    nargs=-1,
    required=True,
)
@cloup.option_group(
    "Input",
    checkpoint_option,
    cloup.option(
        "--masks", "store_path", type=PATH, help="Read the images from this mask store, which must keep its images."
    ),
    boxes_option,
    cloup.option(
        "--data",
        type=PATH,
        help="Folder of the data set that the images are of, whose boxes or points say which face is meant.  [default:"
        " the largest face near the centre]",
    ),
    data_scale_option,
    *regions_options,
)
@cloup.option_group(
    "Output",
    output_option(None, "Also write a CSV file with a row for each image.  [default: no file]"),
    cloup.option(
        "--maps",
        "--heatmaps",
        "heatmaps",
        type=PATH,
        help="Folder for a picture of each image that shows where each attribute was seen, what each region adds to it,"
        " or the regions that a parser drew. Of a parser: a PNG of class numbers, of the image's size, and a picture of"
        " them in overlays/.",
    ),
    force_option,
    json_option,
)
@message_options
def predict(
    run_folder: Path,
    images: tuple[Path, ...],
    store_path: Path | None,
    boxes: Path | None,
    data: Path | None,
    data_scale: str | None,
    regions: Path | None,
    class_map: str,
    output: Path | None,
    heatmaps: Path | None,
    checkpoint: Literal["best", "last", "trained"],
    force: bool,
    as_json: bool,
) -> None:
    """Predict the attributes of images, or parse their faces with the run of a parser.

    Prints the probability of each attribute: those that are present above a line, those that are absent below it, the
    most probable first; of a parser, the share of each class.

    Loose pictures are brought to where the training images had their faces: the face of each is found on the fly,
    unless the run was trained on whole aligned images and the picture has their size, which then counts as aligned. A
    run that reads by landmarks (region-probe, facetracer, panda, bbox) finds them in every picture.

    Images that cannot be read are listed at the end, and the
    exit code is then 1.
    """
    from wsegs.io.files import check_output
    from wsegs.store import MaskStore
    from wsegs.training.run_folder import check_run_or_file

    check_run_or_file(run_folder, checkpoint)
    check_there({"--masks": store_path, "--regions": regions, "--data": data, "--boxes": boxes})
    for option, value in (("--data", data), ("--boxes", boxes)):
        if value is not None and store_path is not None:
            raise OptionError(
                f"{option}: a mask store has landmarks and crops of its own; expected --masks or {option}"
            )
    if data_scale is not None and data is None:
        raise OptionError("--data-scale: expected --data beside it, whose boxes and points are scaled")
    if store_path is None:
        check_some_image(images)
        images = _files(images)
    if output is not None:
        check_output(output, force=force, others=images)
    faces = None
    if data is not None:
        from wsegs.evaluation.known_faces import faces_of_files
        from wsegs.landmarks.scaling import parse_scale

        scale = None if data_scale is None else parse_scale(data_scale, "--data-scale", ())
        faces = faces_of_files(data, images, scale)
    # torch takes seconds to import, so mistakes are reported first.
    from wsegs.datasets.boxes import boxes_by_path
    from wsegs.evaluation.crop_sources import check_boxes
    from wsegs.evaluation.predict import Failure, check_maps, map_files
    from wsegs.evaluation.predict import predict as predict_images
    from wsegs.evaluation.region_readers import open_regions
    from wsegs.io.processes.allocator import keep_freed_memory
    from wsegs.model_export.opening import open_run

    keep_freed_memory()
    run = open_run(run_folder, checkpoint)
    check_boxes(run, boxes is not None)
    if run.class_names and not run.plan.network.heads:
        if store_path is not None or regions is not None:
            raise OptionError("--masks, --regions: a parser reads image files alone")
        results = _parse(run, images, faces, heatmaps, force)
    else:
        store = None if store_path is None else MaskStore(store_path)
        reader = None
        if regions is not None:
            names = [image.as_posix() if store else image.name for image in images]
            run, reader = open_regions(run, regions, class_map, names)
        found_boxes = None if boxes is None else boxes_by_path(boxes, images)
        pictures: list[Path | None] = [None] * len(images)
        if heatmaps is not None:
            check_maps(run)
            pictures = [check_output(picture, force=force) for picture in map_files(heatmaps, images)]
        found = zip(predict_images(run, images, store, reader, faces, found_boxes), pictures, strict=True)
        results = (result if isinstance(result, Failure) else _attributes(run, result, file) for result, file in found)
    done: list[dict[str, Any]] = []
    failures: list[Failure] = []
    for result in results:
        if isinstance(result, Failure):
            failures.append(result)
            continue
        if not as_json:
            _print(result)
        done.append(result)
    if output is not None:
        _write_csv(output, done, run.attribute_names or run.class_names)
    if as_json:
        failed = [{"image": str(failure.path), "reason": failure.reason} for failure in failures]
        print_json({"run": str(run_folder), "images": done, "unreadable": failed})
    elif output is not None:
        click.echo(f"{output}: {len(done)} images")
    for failure in failures:
        click.echo(f"Error: {failure.path}: {failure.reason}", err=True)
    if failures:
        sys.exit(1)


def _files(images: Sequence[Path]) -> tuple[Path, ...]:
    """Return files, with the images of each folder in its place."""
    from wsegs.datasets.listing import list_images

    files: list[Path] = []
    for path in images:
        if not path.is_dir():
            files.append(path)
            continue
        inside = [path / name for name in list_images(path)]
        if not inside:
            raise DataError(f"{path}: no image in this folder or below it")
        files += inside
    return tuple(files)


def _attributes(run: Run, result: Prediction, picture: Path | None) -> dict[str, Any]:
    """Return what is said of an image, as JSON holds it, and draw it."""
    present = [name for name, is_present in zip(result.attribute_names, result.present, strict=True) if is_present]
    image: dict[str, Any] = {"image": str(result.path), "crop": result.crop_kind, "attributes": dict(result.ranked())}
    image |= result.other
    if result.regions_from:
        image["regions"] = result.regions_from
    if picture is not None:
        _draw(run, result, picture)
        image["maps"] = str(picture)
    return image | {"present": present}


def _parse(
    run: Run, images: Sequence[Path], faces: KnownFaces | None, folder: Path | None, force: bool
) -> Iterator[dict[str, Any] | Failure]:
    """Yield the classes of images; with a folder, write class maps and pictures of them."""
    from wsegs.evaluation.parse import parse_images
    from wsegs.evaluation.predict import Failure, map_files
    from wsegs.io.files import check_output
    from wsegs.reports.figures import draw_classes, write_classes

    maps = [] if folder is None else map_files(folder, images)
    overlays = [] if folder is None else map_files(folder / "overlays", images)
    for file in (*maps, *overlays):
        check_output(file, force=force)
    for number, result in enumerate(parse_images(run, images, faces)):
        if isinstance(result, Failure):
            yield result
            continue
        image: dict[str, Any] = {"image": str(result.path), "crop": result.crop_kind, "classes": result.shares}
        if folder is not None:
            write_classes(result.classes, maps[number])
            draw_classes(result.image, result.classes, result.names, overlays[number])
            image |= {"maps": str(maps[number]), "overlay": str(overlays[number])}
        yield image


def _draw(run: Run, result: Prediction, picture: Path) -> None:
    from wsegs.reports.figures import draw_parsed_faces
    from wsegs.reports.heatmaps import draw_heatmaps
    from wsegs.reports.shares import draw_shares

    names, title = result.attribute_names, result.path.name
    if result.shares is not None and result.regions is not None:
        draw_shares(result.crop, result.shares, result.regions, names, result.probabilities, picture, title=title)
    elif result.maps is not None:
        draw_heatmaps(result.crop, result.maps, names, result.probabilities, picture, title=title)
    else:
        assert result.regions is not None
        draw_parsed_faces(result.crop[None], result.regions[None], run.region_names, picture)


def _write_csv(file: Path, images: Sequence[dict[str, Any]], names: Sequence[str]) -> None:
    """Write a row for each image: how it was cropped, then a column for each thing that is said of it."""
    from wsegs.io.files import write_table

    rows = []
    for image in images:
        row = {
            "image": image["image"],
            "crop": image["crop"],
            **image.get("attributes", {}),
            **image.get("classes", {}),
        }
        if "present" in image:
            row["present"] = " ".join(image["present"])
        for name, said in image.items():
            if name in _OWN_KEYS:
                continue
            values = said.items() if isinstance(said, dict) else [("", said)]
            row |= {f"{name} {key}".strip(): value for key, value in values}
        rows.append(row)
    first = ["image", "crop", *names]
    columns = [*first, *sorted({name for row in rows for name in row} - {*first})]
    texts = (
        [f"{value:.5f}" if isinstance(value := row.get(name, ""), float) else value for name in columns] for row in rows
    )
    write_table(file, columns, texts)


_OWN_KEYS = {"image", "crop", "regions", "attributes", "classes", "maps", "overlay", "present"}


_MOST_PROBABLE = 5  # categories of an image that are shown


def _in_words(said: Any) -> str:
    """Return what a task other than attributes says: a number, a person, the most probable categories."""
    if isinstance(said, float):
        return f"{said:.4g}"
    if not isinstance(said, Mapping):
        return str(said)
    if "probability" in said:
        return f"{said['identity']} {said['probability']:.1%}"
    ranked = sorted(said.items(), key=lambda item: -item[1])[:_MOST_PROBABLE]
    more = f", and {len(said) - len(ranked)} more" if len(said) > len(ranked) else ""
    return ", ".join(f"{name} {probability:.1%}" for name, probability in ranked) + more


def _print(image: dict[str, Any]) -> None:
    regions = f"; regions: {image['regions']}" if "regions" in image else ""
    click.echo(f"{image['image']} ({image['crop']}{regions})")
    shares = image.get("attributes") or image.get("classes", {})
    width = max(map(len, shares), default=0)
    absent = "present" not in image
    for name, probability in shares.items():
        if not absent and name not in image["present"]:
            absent = True
            click.echo("  " + "-" * (width + 8))  # present above, absent below
        click.echo(f"  {name:<{width}}  {probability:>6.1%}")
    for name, said in image.items():
        if name not in _OWN_KEYS:
            click.echo(f"  {name}: {_in_words(said)}")
    for name in ("maps", "overlay"):
        if name in image:
            click.echo(f"  {image[name]}")
