"""Two runs side by side, attribute by attribute, on several test sets (figures 5 to 7 of Thom & Hand)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from wsegs.evaluation.comparison.paired import MEAN, Comparison
from wsegs.io.figures import COLOURS, plain_text, save_figure

_UNDECIDED = "#9A9AA2"


def draw_scores(
    comparisons: Sequence[Comparison], runs: tuple[str, str], output: Path, score: str = "accuracy"
) -> None:
    """Draw a score of both runs for each attribute, a panel for each test set.

    Parameters
    ----------
    comparisons
        Of the same two runs.
    runs
        Their names.
    output
        A PNG, PDF or SVG file; overwritten.
    score
        ``accuracy``, ``average_precision`` or ``balanced_accuracy``.
    """

    def draw(axes: Axes, comparison: Comparison, names: Sequence[str]) -> None:
        places = np.arange(len(names))
        for side, (run, offset) in enumerate(zip(runs, (-0.2, 0.2), strict=True)):
            both = [comparison.rows.get(name, {}).get(score) for name in names]
            shares = [np.nan if one is None else 100 * (one.first, one.second)[side].value for one in both]
            axes.barh(places + offset, shares, height=0.4, color=COLOURS[side], label=plain_text(run))
        axes.set_xlim(0, 100)
        axes.set_xlabel(f"{score.replace('_', ' ')}, %")

    _draw_panels(comparisons, score, draw, output)


def draw_differences(
    comparisons: Sequence[Comparison], runs: tuple[str, str], output: Path, score: str = "accuracy"
) -> None:
    """Draw the second run less the first with 95 % intervals; coloured where the interval is on one side of 0."""

    def draw(axes: Axes, comparison: Comparison, names: Sequence[str]) -> None:
        axes.axvline(0, color="black", linewidth=0.8)
        for colour, decided in ((COLOURS[0], "first"), (COLOURS[1], "second"), (_UNDECIDED, "")):
            label = f"{runs[0 if decided == 'first' else 1]} is better" if decided else "undecided"
            axes.scatter([], [], color=colour, label=plain_text(label))
            for place, name in enumerate(names):
                both = comparison.rows.get(name, {}).get(score)
                if both is None or np.isnan(both.difference.value) or both.decided != decided:
                    continue
                value, low, high = (100 * number for number in both.difference)
                axes.plot([low, high], [place, place], color=colour, linewidth=1.6)
                axes.scatter([value], [place], color=colour, s=22, zorder=3)
        axes.set_xlabel(f"difference of {score.replace('_', ' ')}, points")

    _draw_panels(comparisons, score, draw, output)


def _draw_panels(
    comparisons: Sequence[Comparison], score: str, draw: Callable[[Axes, Comparison, Sequence[str]], None], output: Path
) -> None:
    """Draw a panel for each test set with the same attributes, those that the second run gains most on first."""
    first = comparisons[0].rows
    names = {name: None for comparison in comparisons for name in comparison.rows if name != MEAN}

    def gain(name: str) -> float:
        both = first.get(name, {}).get(score)
        return 0.0 if both is None or np.isnan(both.difference.value) else both.difference.value

    ordered = [*sorted(names, key=gain), MEAN]  # from the bottom to the top
    figure = Figure(figsize=(2.2 + 3.8 * len(comparisons), 1.8 + 0.24 * len(ordered)), dpi=110, layout="constrained")
    panels: Any = figure.subplots(1, len(comparisons), squeeze=False, sharey=True)
    for axes, comparison in zip(panels[0], comparisons, strict=True):
        draw(axes, comparison, ordered)
        axes.set_title(plain_text(f"{comparison.test_set}\n{comparison.images} faces"), fontsize=11)
        axes.set_yticks(range(len(ordered)), [plain_text(name.replace("_", " ")) for name in ordered], fontsize=9)
        axes.set_ylim(-0.7, len(ordered) - 0.3)
        axes.grid(axis="x", alpha=0.3)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    save_figure(figure, output)
