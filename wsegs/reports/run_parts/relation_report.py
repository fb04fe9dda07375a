"""The parts of a run's page about how attributes go together: in the labels, and in what the network says."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter
from numpy.typing import NDArray

from wsegs.errors import WsegsError
from wsegs.evaluation.results import RELATIONS
from wsegs.evaluation.runs import Run
from wsegs.io.figures import COLOURS, plain_text, save_figure
from wsegs.reports.page import Heading, Part, Picture, Text
from wsegs.training.recipe import load_recipe
from wsegs.training.resolving.attribute_groups import plan_groups
from wsegs.training.run_folder import STEPS

Groups = Sequence[tuple[str, Sequence[int]]]
"""Title and positions of the attributes of each."""

_READABLE = 0.19  # inches an attribute


def relation_parts(run: Run, folder: Path) -> list[Part]:
    """Return the matrices that a run learnt by, their way to those of all labels, and those of its evaluations.

    Parameters
    ----------
    run
        Any run; one of no attributes has none of these.
    folder
        Where pictures are drawn.
    """
    parts = _trained_parts(run, folder)
    for table in sorted(run.path.glob(f"evaluation-*/{RELATIONS}")):
        title = table.parent.name.replace("-", " ", 1)
        names, true, learnt = read_relations(table)
        picture = folder / f"relation-{table.parent.name.removeprefix('evaluation-')}.png"
        both = {"true: labels": true, "learnt: probabilities": learnt}
        draw_relations(both, names, groups_of(run, names), picture)
        known = np.isfinite(true) & np.isfinite(learnt) & ~np.eye(len(names), dtype=bool)
        text = (
            "Correlations of every two attributes: of the labels, and of the probabilities on the same images. What is"
        )
        text += " not seen in an image has no part in probabilities, so that these correlate more than labels do."
        if known.any():
            text += f" They differ by {np.abs(true - learnt)[known].mean():.3f} on average. Grey has none."
        parts += [Heading(f"Relation of attributes, {title}"), Picture(picture, text)]
    return parts


def _trained_parts(run: Run, folder: Path) -> list[Part]:
    """Return the parts of a run that was trained with the relation as a loss."""
    task: Any = next((task for task in run.tasks if run.plan.task("relation") and task.name == "relation"), None)
    if task is None:
        return []
    both = {"moving average of mini-batches": task.matrix().numpy(), "all training images": task.whole.numpy()}
    draw_relations(both, task.outputs, groups_of(run, task.outputs), folder / "relation.png")
    pairs = len(task.outputs) * (len(task.outputs) - 1) // 2
    positive, negative = (int(term.triu(1).sum()) for term in task.related())
    caption = "The matrix that the checkpoint holds, beside the correlations of the labels of all training images."
    terms = (
        f"Of {pairs} pairs, {positive} are to be predicted alike (a correlation of {task.positive_threshold:g} or more)"
        f" and {negative} unlike ({task.negative_threshold:g} or less)."
    )
    parts: list[Part] = [Heading("Relation of attributes"), Text(terms), Picture(folder / "relation.png", caption)]
    if (run.path / STEPS).is_file():
        draw_relation_curve(run.path / STEPS, folder / "relation-steps.png")
        caption = (
            "Mean distance of that matrix to the one of all training images, and the pairs that each term touches."
        )
        parts.append(Picture(folder / "relation-steps.png", caption))
    return parts


def groups_of(run: Run, names: Sequence[str]) -> Groups:
    """Return the groups of some attributes: the network's own, else those of ``models/attributenet.yaml``, else one."""
    own = run.plan.network.options.get("groups")
    if own is not None:
        titled = {run.attribute_names[place]: title for title, places in own.items() for place in places}
        places_of = {title: [a for a, name in enumerate(names) if titled.get(name) == title] for title in own}
        return [(title, places) for title, places in places_of.items() if places]
    try:
        return list(plan_groups(load_recipe("attributenet").network.options["groups"], names).items())
    except WsegsError:  # other attributes than CelebA's
        return [("", range(len(names)))]


def read_relations(table: Path) -> tuple[tuple[str, ...], NDArray[np.float64], NDArray[np.float64]]:
    """Return names, true and learnt correlations (A, A) of a table that an evaluation wrote."""
    with table.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    names = tuple(dict.fromkeys(row[key] for key in ("attribute", "other") for row in rows))
    position = {name: place for place, name in enumerate(names)}
    true, learnt = (np.eye(len(names)) for _ in range(2))
    for row in rows:
        one, other = position[row["attribute"]], position[row["other"]]
        true[one, other] = true[other, one] = float(row["true"] or "nan")
        learnt[one, other] = learnt[other, one] = float(row["learnt"] or "nan")
    return names, true, learnt


def draw_relations(
    matrices: Mapping[str, NDArray[np.floating]], names: Sequence[str], groups: Groups, output: Path
) -> None:
    """Draw matrices of correlations side by side, attributes by groups.

    Parameters
    ----------
    matrices
        Title -> (A, A) between -1 and 1; nan is grey.
    names
        A names.
    groups
        See :data:`Groups`; attributes are drawn in their order, with lines between them.
    output
        A PNG, PDF or SVG file; overwritten.
    """
    order = [place for _, places in groups for place in places]
    side = _READABLE * max(len(order), 8)
    figure = Figure(figsize=(len(matrices) * side + 3.2, side + 2.2), dpi=100, layout="constrained")
    every: Any = figure.subplots(1, len(matrices), squeeze=False, sharey=True)
    for axes, (title, matrix) in zip(every[0], matrices.items(), strict=True):
        axes.set_facecolor("#BBBBBB")
        picture = axes.imshow(matrix[np.ix_(order, order)], cmap="RdBu_r", vmin=-1, vmax=1)
        readable = [plain_text(names[place].replace("_", " ")) for place in order]
        axes.set_xticks(range(len(order)), readable, rotation=90)
        axes.set_yticks(range(len(order)), readable)
        axes.tick_params(length=0, labelsize=8)
        for edge in np.cumsum([len(places) for _, places in groups])[:-1]:
            axes.axhline(edge - 0.5, color="black", linewidth=0.6)
            axes.axvline(edge - 0.5, color="black", linewidth=0.6)
        axes.set_title(plain_text(title), fontsize=11)
    figure.colorbar(picture, ax=every[0], label="correlation", pad=0.01)
    save_figure(figure, output)


def draw_relation_curve(steps: Path, output: Path) -> None:
    """Draw the distance of the moving average to the whole, and how many pairs each term touches, over the steps.

    Parameters
    ----------
    steps
        ``steps.csv`` of a run with the relation as a loss.
    output
        A PNG, PDF or SVG file; overwritten.
    """
    with steps.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    at = [int(row["step"]) for row in rows]
    figure = Figure(figsize=(11, 3.4), dpi=110, layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(at, [float(row["relation_distance"]) for row in rows], color=COLOURS[0], linewidth=1.5)
    left.set_title("distance to all training images", fontsize=12)
    left.set_ylim(bottom=0)
    for name, colour in (("positive_pairs", COLOURS[1]), ("negative_pairs", COLOURS[0])):
        right.plot(at, [float(row[f"relation_{name}"]) for row in rows], color=colour, label=name.replace("_", " "))
    right.set_title("pairs that are touched", fontsize=12)
    right.set_yscale("symlog", linthresh=1)
    right.legend(frameon=False)
    for axes in (left, right):
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    save_figure(figure, output)
