"""``wsegs locate``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Literal

import click
import cloup

from wsegs.cli.guidance.mistakes import check_there
from wsegs.cli.guidance.next_steps import after_locating
from wsegs.cli.options import (
    DEFAULT_DATA,
    PATH,
    argument,
    checkpoint_option,
    data_option,
    given,
    jobs_options,
    label_options,
    limit_option,
    output_options,
    print_json,
)
from wsegs.cli.threads import use_one_thread
from wsegs.errors import OptionError

THRESHOLDS = (0.5, 0.5)


class ThresholdsType(click.ParamType):  # type: ignore[type-arg]
    """Shares of the peak's response, of LNet_o, or of LNet_o and LNet_s: 0.5 or 0.4,0.6; becomes a tuple."""

    name = "SHARE[,SHARE]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """Return one number or two, or fail with what was expected."""
        if isinstance(value, tuple):
            return value
        try:
            shares = tuple(float(part) for part in str(value).split(","))
        except ValueError:
            shares = ()
        if len(shares) not in (1, 2) or not all(0 <= share < 1 for share in shares):
            self.fail(f"expected a share from 0 to below 1, or two such as 0.4,0.6, got '{value}'", param, ctx)
        return shares


@cloup.command()
@argument("run_o", "Run of an LNet that saw whole images, which wsegs train lnet-o makes.", metavar="RUN_O")
@argument(
    "run_s",
    "Run of an LNet that saw heads and shoulders, which wsegs train lnet-s makes. Without it boxes are those of heads"
    " and shoulders, to train it on.",
    metavar="[RUN_S]",
    required=False,
)
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
)
@cloup.option_group(
    "Localisation",
    checkpoint_option,
    cloup.option(
        "--threshold",
        "thresholds",
        type=ThresholdsType(),
        help="Share of the highest response, 0 to 1, above which the cells about it belong to its window; of RUN_O, or"
        f" of both runs: 0.4,0.6.  [default: {THRESHOLDS[0]} for each]",
    ),
    cloup.option(
        "--choose-threshold",
        "landmarks",
        type=PATH,
        metavar="LANDMARKS",
        help="Choose the thresholds by the overlap with the boxes of these landmarks (landmarks.h5), on the images that"
        " RUN_O was validated on, or the validation split.",
    ),
    cloup.option(
        "--side",
        metavar="PIXELS",
        type=click.IntRange(min=0),
        help="Resize images so that their longest side has so many pixels before RUN_O sees them; 0 leaves them as they"
        " are, as the paper does.  [default: that of its training]",
    ),
    cloup.option(
        "--faces", metavar="N", type=click.IntRange(min=1), default=1, help="Locate at most N faces in an image."
    ),
)
@jobs_options
@output_options(
    "boxes.csv",
    "The table of boxes to write: name, x, y, width, height, score.",
    cloup.option(
        "--pictures",
        type=PATH,
        help="Folder for a picture of each image: its box, and where the networks respond.  [default: none]",
    ),
    cloup.option(
        "--beside",
        type=PATH,
        metavar="RUN",
        help="Draw the response map of this LNet of whole images, too, such as one without pre-training.",
    ),
)
def locate(
    run_o: Path,
    run_s: Path | None,
    data: Path | None,
    split: str,
    limit: int | None,
    checkpoint: Literal["best", "last"],
    thresholds: tuple[float, ...] | None,
    landmarks: Path | None,
    side: int | None,
    faces: int,
    jobs: int,
    output: Path,
    pictures: Path | None,
    beside: Path | None,
    force: bool,
    as_json: bool,
    **labels: Any,
) -> None:
    """Locate faces where LNets respond that learnt attribute tags and nothing else, coarse to fine.

    Writes a row for each face: its box in pixels of the image, and as its score the mean response in it. Images in
    which nothing responds are listed in a file beside the output. After Ctrl-C the same command continues where it
    stopped.
    """
    use_one_thread()

    from wsegs.datasets import open_dataset
    from wsegs.datasets.sample import sample_rows
    from wsegs.evaluation.localisation.networks import Locator, check_runs
    from wsegs.io.files import check_output
    from wsegs.landmarks.table import read_landmarks

    check_output(output, force=force, others=() if landmarks is None else (landmarks,))
    if pictures is not None and not output.with_name(f"{output.name}.partial").exists():
        check_output(pictures, force=force)
    runs = (run_o,) if run_s is None else (run_o, run_s)
    sides = check_runs(runs, checkpoint)
    if beside is not None:
        if pictures is None:
            raise OptionError("--beside: expected --pictures DIR, the pictures in which its map is drawn")
        check_runs((beside,), checkpoint)
    check_there({"--choose-threshold": landmarks})
    if thresholds is not None and landmarks is not None:
        raise OptionError("--threshold and --choose-threshold: expected one of them")
    if thresholds is not None and len(thresholds) > len(runs):
        raise OptionError(f"--threshold: expected one share, since there is no RUN_S, got {len(thresholds)}")
    if pictures is not None and pictures.exists() and not pictures.is_dir():
        raise OptionError(f"--pictures {pictures}: expected a folder, got a file")
    chosen = thresholds or THRESHOLDS
    locator = Locator(
        runs,
        checkpoint,
        sides if side is None else (side, *sides[1:]),
        (*chosen, *chosen)[:1] if run_s is None else (chosen[0], chosen[-1]),
        faces,
    )
    dataset = open_dataset(data or DEFAULT_DATA, **given(labels))
    table = None if landmarks is None else read_landmarks(landmarks)
    rows = dataset.indices_of(split)
    if not len(rows):
        raise OptionError(f"--split {split}: none of the {len(dataset)} images of {dataset.root} is of this split")
    if limit is not None:
        rows = rows[sample_rows(dataset.split[rows], limit)]
    # torch takes seconds to import, so mistakes are reported first.
    from dataclasses import replace

    from wsegs.evaluation.localisation.choose_thresholds import choose_thresholds
    from wsegs.evaluation.localisation.locate_images import locate_images

    draw = None
    if pictures is not None:
        from wsegs.reports.localisation.response_maps import ResponsePictures

        draw = ResponsePictures(pictures.absolute(), None if beside is None else beside.absolute())
    picked = None
    if table is not None:
        picked = choose_thresholds(dataset, locator, table, jobs=jobs)
        locator = replace(locator, thresholds=picked.thresholds)
    start = time.perf_counter()
    try:
        located = locate_images(dataset.select(rows), locator, output, draw=draw, jobs=jobs, force=force)
    except KeyboardInterrupt:
        if output.with_name(f"{output.name}.partial").exists():
            click.echo(f"\n{output}.partial keeps what was found; the same command goes on from there", err=True)
        raise
    seconds = time.perf_counter() - start
    missing = located.missing
    summary: dict[str, Any] = {
        "output": str(output),
        "runs": [str(run) for run in runs],
        "images": len(rows),
        "located": located.located,
        "faces": sum(len(found.faces) for found in located.found),
        "thresholds": list(locator.thresholds),
        "chosen_on": None if picked is None else {"images": picked.images, "overlap": round(picked.overlap, 4)},
        "sides": list(locator.sides),
        "without_face": len(missing),
        "missing_list": str(output.with_suffix(".missing.csv")) if missing else None,
        "pictures": None if pictures is None else str(pictures),
        "seconds": round(seconds, 1),
    }
    if as_json:
        print_json(summary)
        return
    shares = ", ".join(f"{share:g}" for share in locator.thresholds)
    how = "" if picked is None else f", of a mean overlap of {picked.overlap:.2f} on {picked.images} validation images"
    click.echo(f"{output}: {summary['faces']} faces in {located.located} of {len(rows)} images, {seconds:.1f} s")
    click.echo(f"threshold: {shares}{how}")
    if missing:
        name, why = missing[0]
        click.echo(f"without a face: {len(missing)} ({summary['missing_list']}), such as {name}: {why}")
    if pictures is not None:
        click.echo(f"pictures: {pictures}")
    click.echo(f"next: {after_locating(output, data or DEFAULT_DATA, labels, runs)}")
