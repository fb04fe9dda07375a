"""Write a page about one or several runs: curves, scores, activation maps, recipe and provenance."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wsegs.evaluation.inspect import inspect_run
from wsegs.evaluation.runs import Run
from wsegs.reports.curves.label_curves import label_curve_parts
from wsegs.reports.figures import draw_activation_maps, draw_parsed_faces, draw_region_weights
from wsegs.reports.inside.parts import inside_parts
from wsegs.reports.page import Heading, Part, Picture, Table, Text, Verbatim, write_page
from wsegs.reports.run_parts.fit_report import fit_parts
from wsegs.reports.run_parts.leaning_report import comparison_parts, leaning_parts
from wsegs.reports.run_parts.relation_report import relation_parts
from wsegs.reports.shares import draw_shares
from wsegs.training.learning_curves import plot_learning_curves
from wsegs.training.run_folder import INFO, METRICS, RECIPE

_SCORES = {
    "accuracy": "accuracy",
    "error": "error",
    "average_precision": "average precision",
    "balanced_accuracy": "balanced accuracy",
    "majority_rate": "majority",
}


def write_report(
    runs: Sequence[Run], output: Path, *, data: Path | None = None, neurons: bool = False
) -> dict[str, Any]:
    """Write one HTML page about runs, each under its own heading; before them, what compares several.

    Parameters
    ----------
    runs
        Any runs, with weights.
    output
        The page; overwritten.
    data
        The data set of the training, if it has moved.
    neurons
        Show hidden layers, too, which takes minutes.

    Returns
    -------
    A JSON-able summary: the page, and which figures it has of which run.

    Raises
    ------
    MissingError, DataError
        If files of a run, its mask store or its images are no longer there.
    """
    parts: list[Part] = []
    figures: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory(prefix="wsegs-report-") as folder:
        parts += label_curve_parts(runs, Path(folder))
        if parts:
            figures["all runs"] = [part.file.stem for part in parts if isinstance(part, Picture)]
        for number, run in enumerate(runs):
            drawn = _run_parts(run, Path(folder) / str(number), data, neurons)
            figures[str(run.path)] = [part.file.stem for part in drawn if isinstance(part, Picture)]
            parts += drawn
        title = "wsegs: " + ", ".join(run.path.name for run in runs)
        write_page(title, parts, output)  # embeds the pictures
    return {"output": str(output), "figures": figures}


def _run_parts(run: Run, folder: Path, data: Path | None, neurons: bool) -> list[Part]:
    folder.mkdir()
    network, info = run.plan.network, run.info
    images = info.provenance.get("images", {})
    parts: list[Part] = [Heading(f"{run.path}", 2)]
    parts.append(
        Text(
            f"Network {network.name}, images of {run.size[0]}x{run.size[1]}; {len(run.attribute_names)} attributes;"
            f" trained on {images.get('train', '?')} images, validated {_validated(run)}."
        )
    )
    if (run.path / METRICS).is_file():
        plot_learning_curves(run.path / METRICS, folder / "curves.png")
        parts += [Heading("Learning curves"), Picture(folder / "curves.png", "Every metric against the step.")]
    parts += _score_parts(run)
    parts += comparison_parts(run.path)
    parts += fit_parts(run, folder)
    parts += relation_parts(run, folder)
    parts += _inside_parts(run, folder, data)
    if neurons:
        parts += inside_parts(run, folder, data)
    parts += [Heading("Recipe"), Verbatim((run.path / RECIPE).read_text(encoding="utf-8"))]
    parts += [Heading("Provenance"), Verbatim((run.path / INFO).read_text(encoding="utf-8"))]
    return parts


def _validated(run: Run) -> str:
    """Return by what a run was chosen: a fit may hold out people in turn, and no image as a whole."""
    count = run.info.provenance.get("images", {}).get("validation", "?")
    return f"on {count}" if count else f"by {run.info.provenance.get('fit', {}).get('chosen_by', 'none')}"


def _score_parts(run: Run) -> list[Part]:
    """Return a table for each evaluation that lies in the run's folder."""
    parts: list[Part] = []
    for file in sorted([*run.path.glob("evaluation-*/metrics.json"), *run.path.glob("parsing-*/metrics.json")]):
        summary = json.loads(file.read_text(encoding="utf-8"))
        parts += [Heading(file.parent.name.replace("-", " ", 1)), Text(f"{summary['images']} images.")]
        if "classes" in summary:
            rows = [*summary["classes"], {"class": "mean", "iou": summary["mean_iou"]}]
            parts.append(Table(["class", "IoU"], [[row["class"], _percent(row["iou"])] for row in rows]))
        if summary.get("attributes"):
            rows = [{"attribute": "mean", **summary["mean"]}, *summary["attributes"]]
            cells = [[row["attribute"], *(_percent(row[name]) for name in _SCORES)] for row in rows]
            parts.append(Table(["attribute", *_SCORES.values()], cells))
        if summary.get("tasks"):
            scores = [
                [task, score.replace("_", " "), "-" if value is None else f"{value:.4g}"]
                for task, values in summary["tasks"].items()
                for score, value in values.items()
            ]
            parts.append(Table(["task", "score", "value"], scores))
        parts += leaning_parts(file.parent, summary)
    if not parts:
        return [Heading("Scores"), Text(f"None yet; wsegs evaluate {run.path} writes them.")]
    return parts


def _inside_parts(run: Run, folder: Path, data: Path | None) -> list[Part]:
    inside = inspect_run(run, data=data)
    held = run.info.provenance.get("images", {}).get("validation", 1)
    image = "A validation image" if held else "An image of the fit"
    parts: list[Part] = []
    if inside.region_weights is not None:
        draw_region_weights(inside.region_weights, run.attribute_names, run.region_names, folder / "weights.png")
        caption = "How much each region counts for each attribute: weights of the localisation branch, averaged over"
        caption += " validation images (figure 4 of Kalayeh, Gong & Shah)."
        parts += [Heading("Which region each attribute listens to"), Picture(folder / "weights.png", caption)]
    if inside.shares is not None and inside.regions is not None and inside.probabilities is not None:
        names = run.attribute_names
        draw_shares(inside.images[0], inside.shares, inside.regions, names, inside.probabilities, folder / "shares.png")
        caption = f"{image}: what each region adds to each attribute's logit, red for it, blue against it."
        parts += [Heading("Where it looks"), Picture(folder / "shares.png", caption)]
    if inside.maps is not None:
        draw_activation_maps(inside.images[0], inside.maps, folder / "maps.png")
        caption = f"{image} and the {len(inside.maps)} maps of the last convolution with the highest mean,"
        caption += " in that order (figure 5)."
        parts += [Heading("Activation maps"), Picture(folder / "maps.png", caption)]
    if inside.parsed is not None:
        draw_parsed_faces(inside.images, inside.parsed, inside.parsed_names, folder / "parsed.png")
        caption = "Validation images, and the probability of each class (figure 3)."
        parts += [Heading("Parsed faces"), Picture(folder / "parsed.png", caption)]
    return parts


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f} %"
