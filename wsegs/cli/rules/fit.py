"""``wsegs rules fit``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wsegs.cli.options import NumberRange, force_option, json_option, output_option, print_json
from wsegs.cli.rules.truth import classes_option, describe_faces, say_what_is_left_out, truth_options
from wsegs.errors import OptionError

if TYPE_CHECKING:
    from wsegs.human_masks.fitting import BeforeAfter, CurvePoint
    from wsegs.human_masks.parsed_faces import ParsedFaces


@click.command()
@click.argument("rules", metavar="FILE")
@truth_options
@classes_option
@output_option(None, "The fitted rule file.  [default: FILE itself, with --force]")
@click.option("--masks", type=click.IntRange(min=1), help="Fit to so many faces, drawn by --seed.  [default: all]")
@click.option(
    "--also-turned",
    type=NumberRange(-180, 180),
    help="Fit to each face a second time, turned by so many degrees, so that numbers do not lean on whole pixels."
    "  [default: 20, 0 if a shape is not in the face's frame]",
)
@click.option(
    "--curve",
    "picture",
    type=click.Path(path_type=Path),
    help="Also fit to 5, 10, 20, 50, 100 masks and draw the scores on the other faces, a PNG file.",
)
@click.option("--draws", type=click.IntRange(1, 100), default=5, help="How often --curve draws each number of masks.")
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Which faces --masks and --curve draw.")
@force_option
@json_option
def fit(
    rules: str,
    classes: str,
    output: Path | None,
    masks: int | None,
    also_turned: float | None,
    picture: Path | None,
    draws: int,
    seed: int,
    force: bool,
    as_json: bool,
    **truth: Any,
) -> None:
    """Estimate the numbers of the rule file FILE that are marked fit: from human parsing masks.

    Writes the file back with nothing but these numbers changed. --half first fits to one half of the faces and reports
    on the other, too; with --masks 20, twenty faces of that half are fitted to. Without --half, the faces that --masks
    did not draw are reported on.
    """
    from wsegs.human_masks.fitting import compare_before_after, fit_curve, fit_with_progress, read_views
    from wsegs.human_masks.parsed_faces import load_parsed_faces
    from wsegs.io.files import atomic_write, check_output, find_shipped
    from wsegs.io.lock import lock_output
    from wsegs.io.yaml_source import read_yaml_text
    from wsegs.rules import compile_rules
    from wsegs.rules.tuning.class_map import load_classes
    from wsegs.rules.tuning.fit import RuleFit

    path = find_shipped("rules", rules)
    read_yaml_text(path, "a rule file")  # says what is no rule file
    text = path.read_bytes().decode()  # with its line ends as they are
    rule_fit = RuleFit(text, rules, path.parent, load_classes(classes))
    if output is None and not Path(rules).is_file():
        raise OptionError(f"{rules} is a shipped rule file, which stays as it is; -o names the fitted one")
    output = output or path
    click.get_current_context().with_resource(lock_output(output))
    check_output(output, force=force)
    compile_rules(text, str(output), output.parent)  # what it extends must be found from there, too
    if picture is not None:
        _check_picture(check_output(picture, force=force))

    half = truth["fold"]
    faces = load_parsed_faces(**{**truth, "fold": "all"}, schemes=[rule_fit.rules.scheme])
    fitted_faces, other_faces = _draw_faces(faces, half, masks, seed)
    if picture is not None and not len(other_faces):
        raise OptionError("--curve: expected faces that are not fitted to; --half first leaves the second half out")
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
                "classes": classes,
                **describe_faces(faces, truth),
                "seed": seed,
                "also_turned": also_turned,
                "numbers": fitted.numbers,
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
    say_what_is_left_out(faces, {})
    click.echo(f"{output}: {fitted.numbers} numbers fitted to {len(fitted_faces)} faces")
    if picture is not None:
        click.echo(picture)


def _check_picture(path: Path) -> None:
    if path.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise OptionError(f"--curve: expected a name that ends in .png, .pdf or .svg, got '{path}'")


def _draw_faces(faces: ParsedFaces, half: str, masks: int | None, seed: int) -> tuple[ParsedFaces, ParsedFaces]:
    """Return the faces to fit to and those to report on: the other half, or without halves what was not drawn."""
    import numpy as np

    from wsegs.human_masks.parsed_faces import fold_of

    mine = np.array([half in ("all", fold_of(name)) for name in faces.names])
    rows, others = np.flatnonzero(mine), np.flatnonzero(~mine)
    if not len(rows):
        raise OptionError(f"--half {half}: no image with a face is in it")
    if masks is None:
        return faces.select(rows), faces.select(others)
    if masks > len(rows):
        raise OptionError(f"--masks {masks}: expected at most the {len(rows)} faces that there are (--half {half})")
    drawn = np.random.default_rng(seed).permutation(len(rows))
    chosen, rest = np.sort(rows[drawn[:masks]]), np.sort(rows[drawn[masks:]])
    return faces.select(chosen), faces.select(rest if half == "all" else others)


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
