"""``wsegs landmarks``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Literal

import click
import cloup

from wsegs.cli.guidance.next_steps import after_landmarks
from wsegs.cli.labels.relabel import relabel_landmarks
from wsegs.cli.options import (
    DEFAULT_DATA,
    PATH,
    boxes_option,
    data_option,
    data_scale_option,
    given,
    label_options,
    limit_option,
    output_options,
    predictor_option,
    print_json,
    process_options,
)
from wsegs.cli.threads import use_one_thread
from wsegs.errors import DataError, OptionError

_FOUND_BY = {"imported": "imported", "data set": "from the data set", "data set box": "by the data's boxes"}


@cloup.command()
@cloup.option_group(
    "Data set",
    data_option,
    label_options,
    cloup.option(
        "--split",
        type=click.Choice(["train", "validation", "test", "all"]),
        default="all",
        help="Use only the images of this split of the data set.",
    ),
    limit_option,
    boxes_option,
)
@cloup.option_group(
    "Landmarkers",
    cloup.option(
        "--detectors",
        help="Landmarkers to try in this order, separated by commas, until one finds the face: dlib, mtcnn,"
        " face-alignment, and, for tight crops, whole, which takes the image for the face. 'none' searches nothing and"
        " takes what --import and --update have."
        "  [default: dlib,mtcnn; none with --from-data or a --scheme other than ibug68]",
    ),
    predictor_option,
    cloup.option(
        "--max-side",
        metavar="PIXELS",
        type=click.IntRange(min=0),
        default=1024,
        help="Shrink larger images so that their longer side has at most so many pixels before faces are searched;"
        " 0 never shrinks. JPEG files that are twice as large or more are decoded at a fraction of their size.",
    ),
    cloup.option(
        "--min-score",
        metavar="SCORE",
        type=click.FloatRange(0, 1),
        help="Reject faces of which the detector is less sure than this, from 0 to 1; those of which it says nothing"
        " stay. A rejected face has no crop and no mask, and is neither trained on nor measured.",
    ),
    cloup.option(
        "--reject",
        type=PATH,
        metavar="FILE",
        help="Reject the faces of the images that this file lists, one a line, or a CSV whose first column they are.",
    ),
    cloup.option(
        "--boxes-from-data",
        is_flag=True,
        help="Do not search for faces whose place the data set knows (by boxes, five points, or aligned images); only"
        " place the landmarks there. Other faces are searched.",
    ),
)
@cloup.option_group(
    "Landmarks that exist",
    cloup.option(
        "--import",
        "imports",
        type=PATH,
        multiple=True,
        metavar="PATH",
        help="Take landmarks made elsewhere: .pts, CSV (OpenFace, py-feat, or columns x_0, ... and y_0, ...), JSON"
        " (COCO keypoints, LabelMe), XML (dlib's imglab, CVAT for images), .npy, .npz, LaPa's .txt, or a folder of"
        " these. They win over landmarkers. Repeat the option for several paths.",
    ),
    cloup.option(
        "--import-scale",
        metavar="SCALE",
        help="Scale the imported points: 'image' from 0..1 to the image's width and height, 'file' from the size that"
        " the file says of each image, 178x218 from images of this size, or a number such as 0.5; 1 takes them"
        " unchecked. Those of --update are scaled to the images, too.  [default: points must fit the images]",
    ),
    cloup.option(
        "--update",
        type=PATH,
        metavar="LANDMARKS",
        help="Update a landmarks.h5 made before: keep its faces, and search or import only the other images. The"
        " result is written to --output.",
    ),
    cloup.option(
        "--relabel",
        is_flag=True,
        help="Take only labels, splits and people anew, from the data set as it is now, into the table of --update."
        " Faces are not searched. The table itself is replaced unless -o names another.",
    ),
    cloup.option(
        "--from-data",
        is_flag=True,
        help="Take the five points that come with CelebA; no face is searched.",
    ),
    data_scale_option,
    cloup.option(
        "--scheme",
        metavar="NAME|FILE.yaml",
        help="Landmark scheme of the points that are imported: ibug68, celeba5, mediapipe478, or a scheme file of your"
        " own.  [default: ibug68; celeba5 with --from-data]",
    ),
)
@process_options
@output_options(
    "landmarks.h5",
    "The table of landmarks to write.",
    cloup.option(
        "--export",
        metavar="FILE.csv",
        help="Also write the landmarks to this CSV file; 'csv' names it as the output.",
    ),
)
def landmarks(
    data: Path | None,
    output: Path,
    detectors: str | None,
    scheme: str | None,
    import_scale: str | None,
    from_data: bool,
    data_scale: str | None,
    boxes_from_data: bool,
    boxes: Path | None,
    predictor: Path | None,
    imports: tuple[Path, ...],
    update: Path | None,
    relabel: bool,
    export: str | None,
    jobs: int,
    backend: Literal["loky", "dask"],
    scheduler: str | None,
    limit: int | None,
    split: str,
    max_side: int,
    min_score: float | None,
    reject: Path | None,
    force: bool,
    as_json: bool,
    **labels: Any,
) -> None:
    """Find the landmarks of the face in each image of a data set.

    Landmarkers are tried in order until one is sure of a face. If an image has several faces, the one that matches the
    data set's box is taken, else, of those that the landmarker is sure of, the largest near the centre. Faces to look
    at are listed in a file beside the output. After Ctrl-C the same command continues where it stopped.
    """
    if relabel:
        if imports or from_data or export is not None or boxes is not None:
            raise OptionError(
                "--relabel: takes labels alone; expected no --import, --from-data, --boxes or --export beside it"
            )
        relabel_landmarks(update, data, output, given(labels), force=force, as_json=as_json)
        return
    use_one_thread()

    from wsegs.datasets import open_dataset
    from wsegs.datasets.description import describe_dataset, description_lines
    from wsegs.datasets.sample import sample_rows
    from wsegs.io.files import check_output
    from wsegs.io.processes.parallel import check_scheduler
    from wsegs.landmarks.doubtful import read_names
    from wsegs.landmarks.find import find_landmarks, summarise
    from wsegs.landmarks.imports import read_imports
    from wsegs.landmarks.scaling import parse_scale
    from wsegs.landmarks.table import read_landmarks
    from wsegs.schemes import CELEBA5, IBUG68, find_scheme

    lists = tuple(output.with_suffix(f".{name}.csv") for name in ("missing", "unmatched", "doubtful"))
    inputs = imports if reject is None else (*imports, reject)
    check_output(output, force=force, others=inputs)
    for path in lists:
        check_output(path, force=True, others=inputs)
    exported = _export_path(export, output)
    if exported is not None:
        # An unfinished run may have come to its export already; when it began, there was none.
        unfinished = output.with_name(f"{output.name}.partial").exists()
        check_output(exported, force=force or unfinished, others=(*inputs, output, *lists))
    points = find_scheme(scheme) if scheme else CELEBA5 if from_data else IBUG68
    if detectors is None:
        detectors = "dlib,mtcnn" if points.agrees_with(IBUG68) else "none"
    names = tuple(name.strip() for name in detectors.split(","))
    if names == ("none",) and not imports and update is None and not from_data:
        raise OptionError(
            f"--detectors none: {points.name} needs --import, --update or --from-data,"
            " else there is nothing to find landmarks by"
        )

    scales = {
        "import_scale": None if import_scale is None else parse_scale(import_scale, "--import-scale"),
        "data_scale": None if data_scale is None else parse_scale(data_scale, "--data-scale", ()),
    }
    dataset = open_dataset(data or DEFAULT_DATA, **given({**labels, "boxes": boxes}))
    imported = read_imports(imports, dataset.images, points, folder=dataset.root)
    rejected = () if reject is None else read_names(reject)
    earlier = None if update is None else read_landmarks(update)
    chosen = dataset.indices_of(split)
    if not len(chosen):
        raise DataError(f"--split {split}: {dataset.root}: none of {len(dataset)} images is of this split")
    if limit is not None:
        chosen = chosen[sample_rows(dataset.split[chosen], limit)]
    scheduler = check_scheduler(backend, scheduler)
    searched = 0

    described = describe_dataset(dataset, imports, None if limit is None else chosen)

    def begin(images: int) -> None:
        nonlocal searched
        searched = images
        if not as_json:
            for line in description_lines(described):
                click.echo(line)

    start = time.perf_counter()
    try:
        table = find_landmarks(
            dataset.select(chosen),
            output,
            detectors=names,
            predictor=predictor,
            max_side=max_side,
            scheme=points,
            imported=imported.select(chosen),
            from_data=from_data,
            **scales,
            earlier=earlier,
            reject=rejected,
            min_score=min_score,
            boxes_from_data=boxes_from_data,
            jobs=jobs,
            scheduler=scheduler,
            export=exported,
            force=force,
            begin=begin,
        )
    except KeyboardInterrupt:
        if output.with_name(f"{output.name}.partial").exists():
            click.echo(f"\n{output}.partial keeps what was found; the same command goes on from there", err=True)
        raise
    seconds = time.perf_counter() - start

    unmatched = len(dataset.unmatched) + len(imported.unmatched)
    whole = limit is None and split == "all"
    summary: dict[str, Any] = {
        "output": str(output),
        "scheme": points.name,
        **summarise(table),
        "without_row": dataset.left_out if whole else 0,
        "unmatched": unmatched,
        "notes": list(imported.notes),
        "seconds": round(seconds, 1),
        "faces_per_second": round(searched / seconds, 1),
        "missing_list": str(output.with_suffix(".missing.csv")),
        "unmatched_list": str(output.with_suffix(".unmatched.csv")),
        "doubtful_list": str(output.with_suffix(".doubtful.csv")),
        "export": None if exported is None else str(exported),
        "data": described,
    }
    _print_licences(table.provenance["detectors"])
    if "whole" not in names and names != ("none",) and 2 * (summary["no_face"] + summary["unsure"]) > summary["images"]:
        click.echo(
            f"Note: no face that is sure in {summary['no_face'] + summary['unsure']} of {summary['images']} images; if"
            " they are tight crops, --detectors whole takes each image for the face",
            err=True,
        )
    if as_json:
        print_json(summary)
    else:
        _print_summary(summary)
        following = after_landmarks(table, output, data or DEFAULT_DATA, scheme)
        if following:
            click.echo(f"next: {following}")


def _export_path(export: str | None, output: Path) -> Path | None:
    if export is None:
        return None
    path = output.with_suffix(".csv") if export == "csv" else Path(export)
    if path.suffix != ".csv":
        raise OptionError(f"--export {export}: expected 'csv' or a file name that ends in .csv")
    return path


def _print_licences(detectors: list[dict[str, str]]) -> None:
    """Say once, on stderr, whose weights were used and what they may be used for."""
    notes = {}
    for detector in detectors:
        for prefix in ("", "predictor_"):
            if f"{prefix}weights" in detector:
                notes[detector[f"{prefix}weights"]] = detector[f"{prefix}licence"]
    for weights, licence in notes.items():
        if licence != "MIT":
            click.echo(f"Note: {weights}: {licence}", err=True)


def _print_summary(summary: dict[str, Any]) -> None:
    images = summary["images"] + summary["without_row"]

    def line(name: str, count: int, more: str = "") -> None:
        share = f"{100 * count / images:6.2f} %" if images else ""
        click.echo(f"  {name:<20}{count:>8} {share}  {more}".rstrip())

    click.echo(f"{summary['output']}: landmarks ({summary['scheme']}) of {summary['found']} of {images} images")
    for name, count in summary["found_by"].items():
        line(_FOUND_BY.get(name, f"by {name}"), count)
    line("no face", summary["no_face"], summary["missing_list"] if summary["no_face"] else "")
    line("unreadable", summary["unreadable"], summary["missing_list"] if summary["unreadable"] else "")
    if summary["without_row"]:
        line("without a row", summary["without_row"], summary["unmatched_list"])
    if summary["rejected"]:
        line("rejected", summary["rejected"], summary["missing_list"])
    line("several faces", summary["several_faces"])
    if summary["doubtful"]:
        line("look at", summary["doubtful"], summary["doubtful_list"])
    if summary["several_frames"]:
        count = summary["several_frames"]
        click.echo(
            f"  {count} {'image has' if count == 1 else 'images have'} several pages or frames; the first counts"
        )
    if summary["unmatched"]:
        click.echo(f"  {'unmatched names':<20}{summary['unmatched']:>8}           {summary['unmatched_list']}")
    for note in summary["notes"]:
        click.echo(f"  {note}")
    if summary["export"]:
        click.echo(f"  exported to {summary['export']}")
    click.echo(f"  {summary['seconds']:.1f} s, {summary['faces_per_second']:.1f} faces a second")
