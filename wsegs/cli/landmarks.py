"""``wsegs landmarks``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Literal

import click

from wsegs.cli.options import (
    DEFAULT_DATA,
    backend_options,
    data_option,
    force_option,
    images_option,
    jobs_option,
    json_option,
    label_type_options,
    labels_option,
    output_option,
    print_json,
)
from wsegs.cli.threads import use_one_thread
from wsegs.errors import DataError, OptionError

_FOUND_BY = {"imported": "imported", "data set": "from the data set", "data set box": "by the data's boxes"}


@click.command()
@data_option
@images_option
@labels_option
@label_type_options
@output_option("landmarks.h5", "The landmark table.")
@click.option(
    "--detectors",
    help="Tried in order: dlib, mtcnn, face-alignment; none for --import alone."
    "  [default: dlib,mtcnn; none with --from-data or a --scheme other than ibug68]",
)
@click.option(
    "--scheme",
    metavar="NAME|FILE.yaml",
    help="What the imported points are: ibug68, celeba5, mediapipe478 or a scheme file of your own."
    "  [default: ibug68; celeba5 with --from-data]",
)
@click.option("--from-data", is_flag=True, help="Take the five points that come with CelebA; nothing is searched.")
@click.option(
    "--boxes-from-data",
    is_flag=True,
    help="Take the faces' places from the data set (its five points or boxes, or where its aligned images hold the"
    " face) and only place the landmarks; a face without a known place is searched.",
)
@click.option(
    "--predictor",
    type=click.Path(path_type=Path),
    help="A dlib shape predictor of 68 points.  [default: the one of 'wsegs[ibug68]']",
)
@click.option(
    "--import",
    "imports",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="PATH",
    help="Landmarks made elsewhere: .pts, OpenFace's CSV, a CSV with x_0,...,y_0,..., or a folder of these."
    " They win over the detectors. May be given several times.",
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path),
    metavar="LANDMARKS",
    help="A landmarks.h5 made before: its faces are kept, and only the other images are searched or imported.",
)
@click.option(
    "--export",
    metavar="FILE.csv",
    help="Also write the landmarks as CSV; 'csv' means beside the output.",
)
@jobs_option
@backend_options
@click.option("--limit", type=click.IntRange(min=1), help="Only the first so many images.")
@click.option(
    "--split",
    type=click.Choice(["train", "validation", "test", "all"]),
    default="all",
    help="Only the images of one split.",
)
@click.option(
    "--max-side",
    type=click.IntRange(min=0),
    default=1024,
    help="Detectors see larger images reduced to this; 0 is never. JPEGs twice as large or more are decoded at a half,"
    " a quarter or an eighth, no smaller than this, and landmarks placed there.",
)
@force_option
@json_option
def landmarks(
    data: Path | None,
    images: str | None,
    labels: Path | None,
    numbers: tuple[str, ...],
    categories: tuple[str, ...],
    output: Path,
    detectors: str | None,
    scheme: str | None,
    from_data: bool,
    boxes_from_data: bool,
    predictor: Path | None,
    imports: tuple[Path, ...],
    keep: Path | None,
    export: str | None,
    jobs: int,
    backend: Literal["loky", "dask"],
    scheduler: str | None,
    limit: int | None,
    split: str,
    max_side: int,
    force: bool,
    as_json: bool,
) -> None:
    """Find facial landmarks: a data set to landmarks.h5.

    The detectors are tried in order until one finds the face. Where an image has several, the face that matches the
    data set's box counts, else the largest near the centre. After Ctrl-C the same command goes on where it was.
    """
    use_one_thread()

    from wsegs.datasets import open_dataset
    from wsegs.io.files import check_output
    from wsegs.io.parallel import check_scheduler
    from wsegs.landmarks.find import find_landmarks, summarise
    from wsegs.landmarks.imports import read_imports
    from wsegs.landmarks.table import read_landmarks
    from wsegs.schemes import CELEBA5, IBUG68, find_scheme

    lists = (output.with_suffix(".missing.csv"), output.with_suffix(".unmatched.csv"))
    check_output(output, force=force, others=imports)
    for path in lists:
        check_output(path, force=True, others=imports)
    exported = _export_path(export, output)
    if exported is not None:
        # An unfinished run may have come to its export already; when it began, there was none.
        unfinished = output.with_name(f"{output.name}.partial").exists()
        check_output(exported, force=force or unfinished, others=(*imports, output, *lists))
    points = find_scheme(scheme) if scheme else CELEBA5 if from_data else IBUG68
    if detectors is None:
        detectors = "dlib,mtcnn" if points.agrees_with(IBUG68) else "none"
    names = tuple(name.strip() for name in detectors.split(","))
    if names == ("none",) and not imports and keep is None and not from_data:
        raise OptionError(
            f"--detectors none: {points.name} needs --import, --keep or --from-data,"
            " else there is nothing to find landmarks by"
        )

    dataset = open_dataset(data or DEFAULT_DATA, images=images, labels=labels, numbers=numbers, categories=categories)
    imported = read_imports(imports, dataset.images, points)
    earlier = None if keep is None else read_landmarks(keep)
    chosen = dataset.indices_of(split)[:limit]
    if not len(chosen):
        raise DataError(f"--split {split}: {dataset.root}: none of {len(dataset)} images is of this split")
    scheduler = check_scheduler(backend, scheduler)
    searched = 0

    def begin(images: int) -> None:
        nonlocal searched
        searched = images

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
            earlier=earlier,
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
    summary: dict[str, Any] = {
        "output": str(output),
        "scheme": points.name,
        **summarise(table),
        "unmatched": unmatched,
        "seconds": round(seconds, 1),
        "faces_per_second": round(searched / seconds, 1),
        "missing_list": str(output.with_suffix(".missing.csv")),
        "unmatched_list": str(output.with_suffix(".unmatched.csv")),
        "export": None if exported is None else str(exported),
    }
    _print_licences(table.provenance["detectors"])
    if as_json:
        print_json(summary)
    else:
        _print_summary(summary)


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
    images = summary["images"]

    def line(name: str, count: int, more: str = "") -> None:
        share = f"{100 * count / images:6.2f} %" if images else ""
        click.echo(f"  {name:<20}{count:>8} {share}  {more}".rstrip())

    click.echo(f"{summary['output']}: landmarks ({summary['scheme']}) of {summary['found']} of {images} images")
    for name, count in summary["found_by"].items():
        line(_FOUND_BY.get(name, f"by {name}"), count)
    line("no face", summary["no_face"], summary["missing_list"] if summary["no_face"] else "")
    line("unreadable", summary["unreadable"], summary["missing_list"] if summary["unreadable"] else "")
    line("several faces", summary["several_faces"])
    if summary["unmatched"]:
        click.echo(f"  {'unmatched names':<20}{summary['unmatched']:>8}           {summary['unmatched_list']}")
    if summary["export"]:
        click.echo(f"  exported to {summary['export']}")
    click.echo(f"  {summary['seconds']:.1f} s, {summary['faces_per_second']:.1f} faces a second")
    rules = {"ibug68": "celeba", "celeba5": "celeba-5points", "mediapipe478": "celeba-478points"}
    click.echo(f"Next: wsegs masks {summary['output']} --rules {rules.get(summary['scheme'], 'RULES.yaml')}")
