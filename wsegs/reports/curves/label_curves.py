"""Scores of several runs against the number of training images, in one picture (figure 13 of Liu, Luo, Wang & Tang)."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, ScalarFormatter

from wsegs.evaluation.runs import Run
from wsegs.io.figures import COLOURS, plain_text, save_figure
from wsegs.reports.page import Heading, Part, Picture, Text
from wsegs.training.recipe import read_recipe
from wsegs.training.run_folder import LABEL_CURVE, RECIPE

MEASURES = {"accuracy": "mean accuracy, %", "average_precision": "mean average precision, %"}


@dataclass(frozen=True)
class Point:
    """What a method scores when it learns from so many images.

    Attributes
    ----------
    images
        Of the training.
    scores
        Shares by the names in :data:`MEASURES`; one that is not defined is left out.
    """

    images: int
    scores: Mapping[str, float]


Curves = Mapping[str, Sequence[Point]]
"""Points by method."""


def label_curve_parts(runs: Sequence[Run], folder: Path) -> list[Part]:
    """Return the parts of a page that compare runs by how many images they learnt from; none if none can be compared.

    Parameters
    ----------
    runs
        Of one page.
    folder
        Where pictures are drawn.
    """
    parts: list[Part] = []
    for name, images, curves in _evaluated(runs):
        file = folder / f"label-curve-{name}.png"
        draw_label_curves(curves, file)
        caption = f"Scores on the {images} images of {name.removeprefix('evaluation-')} against the number of training"
        caption += " images. Runs of one recipe are a line; runs of one number, such as several seeds, are averaged."
        parts.append(Picture(file, caption))
    by_folds = _fitted(runs)
    if len(by_folds) > 1:
        draw_label_curves(by_folds, folder / "label-curve-folds.png")
        caption = "The curves of these fits, by folds of people among the labelled images."
        parts.append(Picture(folder / "label-curve-folds.png", caption))
    if not parts:
        return []
    text = "How many labels each method needs (figure 13 of LNets+ANet)."
    return [Heading("Against the number of training images", 2), Text(text), *parts]


def draw_label_curves(curves: Curves, output: Path) -> None:
    """Draw a line a method and a panel a measure.

    Parameters
    ----------
    curves
        Points by method; those of one number of images are averaged, and drawn beside the line.
    output
        A PNG, PDF or SVG file; overwritten.
    """
    shown = [name for name in MEASURES if any(name in point.scores for points in curves.values() for point in points)]
    figure = Figure(figsize=(5.2 * len(shown), 4.4), dpi=110, layout="constrained")
    for number, measure in enumerate(shown, start=1):
        axes: Any = figure.add_subplot(1, len(shown), number)
        for index, (method, points) in enumerate(curves.items()):
            known = [point for point in points if measure in point.scores]
            counts = sorted({point.images for point in known})
            of_count = {n: [100 * p.scores[measure] for p in known if p.images == n] for n in counts}
            colour = COLOURS[index % len(COLOURS)]
            means = [np.mean(of_count[n]) for n in counts]
            axes.plot(counts, means, color=colour, marker="o", linewidth=2, label=plain_text(method))
            for n in counts:
                if len(of_count[n]) > 1:
                    axes.scatter([n] * len(of_count[n]), of_count[n], s=14, color=colour, alpha=0.5, linewidths=0)
        ticks = sorted({point.images for points in curves.values() for point in points})
        axes.set_xscale("log")
        axes.set_xticks(ticks)
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.xaxis.set_minor_locator(NullLocator())
        axes.tick_params(axis="x", labelrotation=45 if len(ticks) > 4 else 0)
        axes.set_xlabel("training images")
        axes.set_ylabel(MEASURES[measure])
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 3), frameon=False)
    save_figure(figure, output)


def _evaluated(runs: Sequence[Run]) -> Iterator[tuple[str, int, Curves]]:
    """Yield each evaluation that runs share, on how many images, and the curves; those of a single point are none."""
    methods = method_names(runs)
    found: dict[tuple[str, int], dict[str, list[Point]]] = {}
    for run, method in zip(runs, methods, strict=True):
        for file in sorted(run.path.glob("evaluation-*/metrics.json")):
            summary = json.loads(file.read_text(encoding="utf-8"))
            scores = {name: summary["mean"][name] for name in MEASURES if summary["mean"].get(name) is not None}
            trained = run.info.provenance.get("images", {}).get("train")
            if scores and trained:
                curves = found.setdefault((file.parent.name, int(summary["images"])), {})
                curves.setdefault(method, []).append(Point(int(trained), scores))
    for (name, images), curves in found.items():
        if len({point.images for points in curves.values() for point in points}) > 1:
            yield name, images, curves


def _fitted(runs: Sequence[Run]) -> dict[str, list[Point]]:
    """Return the curves that fits of several numbers of labels left, read by region, by the names of their runs."""
    curves = {}
    for run in runs:
        if (run.path / LABEL_CURVE).is_file():
            with (run.path / LABEL_CURVE).open(newline="", encoding="utf-8") as lines:
                rows = list(csv.DictReader(lines))
            columns = {"average_precision": "regions", "accuracy": "regions_accuracy"}  # accuracy came later
            curves[run.path.name] = [
                Point(int(float(row["labels"])), {m: float(row[c]) for m, c in columns.items() if row.get(c)})
                for row in rows
            ]
    return curves


def method_names(runs: Sequence[Run]) -> list[str]:
    """Return a name for the method of each run: its network, and its first run's folder where recipes differ.

    Runs are of one method if their recipes differ in the number of labels and the seed alone.
    """
    recipes = [_recipe_but_labels(run) for run in runs]
    firsts: dict[str, Run] = {}
    for run, recipe in zip(runs, recipes, strict=True):
        firsts.setdefault(recipe, run)
    networks = [run.plan.network.name for run in firsts.values()]
    names = []
    for recipe in recipes:
        first = firsts[recipe]
        network = first.plan.network.name
        names.append(network if networks.count(network) == 1 else f"{network} ({first.path.name})")
    return names


def _recipe_but_labels(run: Run) -> str:
    fields = read_recipe(run.path / RECIPE).as_fields()
    fields.pop("seed", None)
    for part in ("samples", "fit"):
        if isinstance(fields.get(part), dict):
            fields[part].pop("labels", None)
    return json.dumps(fields, sort_keys=True)
