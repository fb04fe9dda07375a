"""``wsegs rules fit``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import cloup

from wsegs.cli.options import PATH, NumberRange, argument, jobs_options, output_options, print_json
from wsegs.cli.rules.parsing_masks import (
    describe_faces,
    load_faces,
    parsing_mask_options,
    print_left_out,
    warn_of_classes,
)
from wsegs.errors import OptionError

if TYPE_CHECKING:
    from wsegs.human_masks.fitting import BeforeAfter, CurvePoint
    from wsegs.human_masks.parsed_faces import ParsedFaces


@cloup.command()
@argument("rules", "Rule file: a path, or the name of a shipped one.", metavar="FILE", type=str)
@parsing_mask_options
@cloup.option_group(
    "Fit",
    cloup.option(
        "--fit-to",
        metavar="N",
        type=click.IntRange(min=1),
        help="Fit to a random sample of N faces and report on the others.  [default: all faces]",
    ),
    cloup.option(
        "--also-turned",
        metavar="DEGREES",
        type=NumberRange(-180, 180),
        help="Fit to each face a second time, turned by so many degrees, so that numbers do not depend on the grid of"
        " pixels; 0 does not.  [default: 20, or 0 if a shape is not in the frame of the face]",
    ),
    cloup.option(
        "--curve",
        "picture",
        type=PATH,
        help="Also fit to 5, 10, 20, 50 and 100 masks, and plot the scores on the other faces to this file (.png, .pdf"
        " or .svg).",
    ),
    cloup.option(
        "--draws",
        type=click.IntRange(1, 100),
        default=5,
        help="Number of random samples of each size that --curve fits to.",
    ),
    cloup.option(
        "--seed", type=click.IntRange(min=0), default=0, help="Seed of the random samples of --fit-to and --curve."
    ),
)
@jobs_options
@output_options(None, "The fitted rule file to write.  [default: FILE itself, with --force]")
def fit(
    rules: str,
    class_map: str,
    jobs: int,
    output: Path | None,
    fit_to: int | None,
    also_turned: float | None,
    picture: Path | None,
    draws: int,
    seed: int,
    force: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Fit the numbers of a rule file that are marked fit: to human parsing masks.

    Writes the file back with only these numbers changed. --fold first fits to one half of the faces and also reports on
    the other half; --fit-to 20 then fits to twenty faces of that half. Without --fold, it reports on the faces that
    --fit-to left out.
    """
    from wsegs.human_masks.fitting import compare_before_after, fit_curve, fit_with_progress, read_views
    from wsegs.io.files import atomic_write, check_output, find_shipped
    from wsegs.io.lock import lock_output
    from wsegs.io.yaml_source import read_yaml_text
    from wsegs.rules import compile_rules
    from wsegs.rules.tuning.class_map import load_classes
    from wsegs.rules.tuning.fit import RuleFit

    path = find_shipped("rules", rules)
    read_yaml_text(path, "a rule file")  # refuses what is not a rule file
    text = path.read_bytes().decode()  # keeps its line ends
    rule_fit = RuleFit(text, rules, path.parent, load_classes(class_map))
    if output is None and not Path(rules).is_file():
        raise OptionError(f"{rules} is a shipped rule file, which stays as it is; -o names the fitted one")
    output = output or path
    click.get_current_context().with_resource(lock_output(output))
    check_output(output, force=force)
    compile_rules(text, str(output), output.parent)  # what it extends must be found from there, too
    if picture is not None:
        _check_picture(check_output(picture, force=force))

    faces = load_faces({**given, "fold": "all"}, [rule_fit.rules.scheme], jobs)
    doubt = warn_of_classes(faces, rule_fit.rules, rule_fit.classes)
    fitted_faces, other_faces = _draw_faces(faces, given["fold"], fit_to, seed)
    if picture is not None and not len(other_faces):
        raise OptionError("--curve: expected faces that are not fitted to; --fold first leaves the second half out")
    if also_turned is None:
        also_turned = 20 if rule_fit.turns_with_face else 0
    views = read_views(rule_fit, fitted_faces, also_turned)
    fitted = fit_with_progress(rule_fit, views)
    own = compare_before_after(rule_fit, fitted.rules, fitted_faces)
    others = compare_before_after(rule_fit, fitted.rules, other_faces) if len(other_faces) else None
    curve = [] if picture is None else fit_curve(rule_fit, views, other_faces, draws, seed)
    if picture is not None:
        from wsegs.reports.fit_curve import plot_fit_curve

        plot_fit_curve([(point.masks, point.iou) for point in curve], picture, title=f"{path.name}: fitted to masks")
    with atomic_write(output) as temporary:
        temporary.write_bytes(fitted.text.encode())
    if as_json:
        print_json(
            {
                "rules": rules,
                "output": str(output),
                "sha256": fitted.rules.sha256,
                "class_map": class_map,
                **describe_faces(faces, given),
                "seed": seed,
                "also_turned": also_turned,
                "doubt": doubt or None,
                "numbers": fitted.numbers,
                **({"unchanged": fitted.unchanged} if fitted.unchanged else {}),
                "fitted": _as_json(own, len(fitted_faces)),
                "others": others and _as_json(others, len(other_faces)),
                "curve": [asdict(point) for point in curve],
                "picture": picture and str(picture),
            }
        )
        return
    _print_table(own, others)
    if curve:
        _print_curve(curve)
    print_left_out(faces, {})
    click.echo(f"{output}: {fitted.numbers} numbers fitted to {len(fitted_faces)} faces")
    if fitted.unchanged:
        click.echo(f"all numbers are as they were: {fitted.unchanged}")
    if picture is not None:
        click.echo(picture)


def _check_picture(path: Path) -> None:
    if path.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise OptionError(f"--curve: expected a name that ends in .png, .pdf or .svg, got '{path}'")


def _draw_faces(faces: ParsedFaces, fold: str, fit_to: int | None, seed: int) -> tuple[ParsedFaces, ParsedFaces]:
    """Return the faces to fit to and those to report on: the other fold, or without folds those not drawn."""
    import numpy as np

    from wsegs.human_masks.parsed_faces import fold_of

    mine = np.array([fold in ("all", fold_of(name)) for name in faces.names])
    rows, others = np.flatnonzero(mine), np.flatnonzero(~mine)
    if not len(rows):
        raise OptionError(f"--fold {fold}: no image with a face is in it")
    if fit_to is None:
        return faces.select(rows), faces.select(others)
    if fit_to > len(rows):
        raise OptionError(f"--fit-to {fit_to}: expected at most the {len(rows)} faces that there are (--fold {fold})")
    drawn = np.random.default_rng(seed).permutation(len(rows))
    chosen, rest = np.sort(rows[drawn[:fit_to]]), np.sort(rows[drawn[fit_to:]])
    return faces.select(chosen), faces.select(rest if fold == "all" else others)


def _print_table(own: BeforeAfter, others: BeforeAfter | None) -> None:
    width = max(len("region"), *(len(summary.region) for summary in own.before))
    parts = [own] if others is None else [own, others]
    titles = ("fitted to", "before", "after"), ("others", "before", "after")
    click.echo(f"{'region':<{width}}" + "".join(_row(*title) for title, _ in zip(titles, parts, strict=False)))
    for row, summary in enumerate(own.before):
        cells = [_row(part.before[row].images, part.before[row].iou, part.after[row].iou) for part in parts]
        click.echo(f"{summary.region:<{width}}{''.join(cells)}")
    click.echo(f"{'mean IoU':<{width}}" + "".join(_row("", *part.means) for part in parts))


def _row(images: Any, before: Any, after: Any) -> str:
    scores = [f"{score:.3f}" if isinstance(score, float) else score or "-" for score in (before, after)]
    return f"{images:>12}{scores[0]:>9}{scores[1]:>9}"


def _print_curve(curve: list[CurvePoint]) -> None:
    import numpy as np

    click.echo("masks   fits   mean IoU of the others   least   largest")
    for count in dict.fromkeys(point.masks for point in curve):
        scores = [point.iou for point in curve if point.masks == count]
        click.echo(f"{count:>5}{len(scores):>7}{np.mean(scores):>25.3f}{min(scores):>8.3f}{max(scores):>10.3f}")


def _as_json(scores: BeforeAfter, faces: int) -> dict[str, Any]:
    regions = [
        {"region": one.region, "images": one.images, "before": one.iou, "after": other.iou}
        for one, other in zip(scores.before, scores.after, strict=True)
    ]
    before, after = scores.means
    return {"faces": faces, "regions": regions, "mean": {"before": before, "after": after}}
