"""Plot the score of fitted rules against the number of human masks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, ScalarFormatter

from wsegs.io.figures import COLOURS, save_figure


def plot_fit_curve(points: Sequence[tuple[int, float]], output: Path, *, title: str) -> None:
    """Draw the score on faces that were held out against the number of masks.

    Parameters
    ----------
    points
        Number of masks and mean intersection over union of each fit; 0 masks is the file as it was.
    output
        A PNG, PDF or SVG file; overwritten.
    title
        Set above the chart.
    """
    scores: dict[int, list[float]] = {}
    for masks, iou in points:
        scores.setdefault(masks, []).append(iou)
    before = scores.pop(0, [])
    counts = sorted(scores)
    figure = Figure(figsize=(7, 4.6), dpi=110, layout="constrained")
    axes: Any = figure.add_subplot()
    for count in counts:
        axes.scatter([count] * len(scores[count]), scores[count], s=18, color=COLOURS[0], alpha=0.45, linewidths=0)
    axes.plot(counts, [np.mean(scores[count]) for count in counts], color=COLOURS[0], linewidth=2, marker="o")
    for score in before:
        axes.axhline(score, color="#808080", linestyle="--", linewidth=1.5)
        axes.annotate("as written", (counts[-1], score), xytext=(0, 4), textcoords="offset points", ha="right")
    axes.set_xscale("log")
    axes.set_xticks(counts)
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_title(title.replace("$", r"\$"), fontsize=13)  # matplotlib reads $ as a formula
    axes.set_xlabel("human masks that the rules were fitted to")
    axes.set_ylabel("mean IoU on other faces")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    save_figure(figure, output)
