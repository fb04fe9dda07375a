"""Recall of faces against the overlap that is asked for (Liu, Luo, Wang & Tang, figure 7a)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from wsegs.io.figures import COLOURS, plain_text, save_figure

_STYLES = ("-", "--", "-.", ":")


def recall_at(overlaps: NDArray[np.floating], ratio: float) -> float:
    """Return the share of faces whose box overlaps the reference by a ratio or more; nan without a face.

    Parameters
    ----------
    overlaps
        (N,) intersection over union of each face, 0 where none was found.

    >>> recall_at(np.array([0.0, 0.5, 0.9]), 0.5)
    0.6666666666666666
    """
    return float((overlaps >= ratio).mean()) if len(overlaps) else float("nan")


def plot_recall(methods: Mapping[str, NDArray[np.floating]], output: Path, *, title: str = "") -> None:
    """Draw recall against overlap ratio, a line for each method.

    Parameters
    ----------
    methods
        Name of a method -> overlaps (N,) of the same N faces; see :func:`recall_at`.
    output
        A PNG, PDF or SVG file; overwritten.
    title
        Set above the chart.
    """
    ratios = np.linspace(0.01, 1, 100)
    figure = Figure(figsize=(7.5, 5), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    for number, (name, overlaps) in enumerate(methods.items()):
        recall = [100 * recall_at(overlaps, ratio) for ratio in ratios]
        colour, style = COLOURS[number % len(COLOURS)], _STYLES[number // len(COLOURS) % len(_STYLES)]
        axes.plot(ratios, recall, style, color=colour, linewidth=2, label=plain_text(name))
    axes.set(xlim=(0, 1), ylim=(0, 101), xlabel="overlap ratio (intersection over union)", ylabel="recall, %")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9)
    if title:
        figure.suptitle(plain_text(title), fontsize=13)
    save_figure(figure, output)
