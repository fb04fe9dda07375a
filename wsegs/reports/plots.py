"""Bar charts of the scores of each attribute, of one run or of several."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from wsegs.errors import DataError
from wsegs.io.figures import COLOURS, plain_text, save_figure
from wsegs.io.files import did_you_mean

_MAJORITY = "#C4C4C8"

# More bars than this continue in a second and third column.
_ROWS_A_COLUMN = 45

Row = Mapping[str, Any]


def plot_attribute_bars(rows: Sequence[Row], output: Path, *, title: str = "Accuracy per attribute") -> None:
    """Draw each attribute's accuracy over the rate of its majority class, and its average precision.

    Parameters
    ----------
    rows
        A mapping for each attribute with ``attribute``, ``accuracy``, ``majority_rate``, ``average_precision`` and
        ``balanced_accuracy``, the last four as shares from 0 to 1; None or nan where undefined. They are drawn with the
        largest gain over the majority class first.
    output
        A PNG, PDF or SVG file; overwritten.
    title
        Set above the chart.

    Raises
    ------
    DataError
        If there are no rows or a row lacks one of these.
    """
    gains = [_share(row, "accuracy") - _share(row, "majority_rate") for row in rows]
    # An attribute without any label has no accuracy; it goes last.
    order = sorted(range(len(rows)), key=lambda i: -gains[i] if math.isfinite(gains[i]) else math.inf)
    ordered = [rows[i] for i in order]
    measures = (
        ("majority_rate", "majority class", _MAJORITY, "bar"),
        ("accuracy", "accuracy", COLOURS[0], "bar"),
        ("average_precision", "average precision", COLOURS[1], "D"),
        ("balanced_accuracy", "balanced accuracy", COLOURS[6], "|"),
    )

    def draw(axes: Axes, part: Sequence[Row]) -> None:
        places = np.arange(len(part))
        for offset, (key, label, colour, mark) in zip((0.2, -0.2, -0.2, -0.2), measures, strict=True):
            shares = [100 * _share(row, key) for row in part]
            if mark == "bar":
                axes.barh(places + offset, shares, height=0.4, color=colour, label=label)
            else:
                size = 26 if mark == "D" else 70
                edge = {"edgecolors": "white", "linewidths": 0.8} if mark == "D" else {"linewidths": 2.2}
                axes.scatter(
                    shares,
                    places + offset,
                    s=size,
                    marker=mark,
                    color=colour,
                    zorder=3,
                    label=label,
                    clip_on=False,
                    **edge,
                )

    _bars(ordered, draw, title, output)


def plot_comparison(
    runs: Mapping[str, Sequence[Row]],
    output: Path,
    *,
    measure: str = "accuracy",
    title: str = "",
) -> None:
    """Draw one measure of several runs beside each other, attribute by attribute.

    Parameters
    ----------
    runs
        Name of a run -> its rows, as in :func:`plot_attribute_bars`. Attributes are joined by name; those that not
        every run has are left out.
    output
        A PNG, PDF or SVG file; overwritten.
    measure
        ``accuracy``, ``average_precision`` or ``balanced_accuracy``.
    title
        Set above the chart.

    Raises
    ------
    DataError
        If the runs have no attribute in common.
    """
    tables = {name: {str(row["attribute"]): row for row in rows} for name, rows in runs.items()}
    common = set.intersection(*(set(table) for table in tables.values())) if tables else set()
    if not common:
        raise DataError(f"runs {', '.join(runs) or '(none)'}: no attribute is in all of them")
    first, last = (next(iter(side)) for side in (tables.values(), reversed(tables.values())))

    def gain(attribute: str) -> float:
        value = _share(last[attribute], measure) - _share(first[attribute], measure)
        return -value if math.isfinite(value) else math.inf

    ordered = [first[attribute] for attribute in sorted(sorted(common), key=gain)]
    height = 0.8 / len(tables)

    def draw(axes: Axes, part: Sequence[Row]) -> None:
        places = np.arange(len(part))
        for index, (name, table) in enumerate(tables.items()):
            shares = [100 * _share(table[str(row["attribute"])], measure) for row in part]
            offset = 0.4 - height * (index + 0.5)
            colour = COLOURS[index % len(COLOURS)]
            axes.barh(places + offset, shares, height=height, color=colour, label=plain_text(name))

    _bars(ordered, draw, title or measure.replace("_", " "), output)


def _bars(rows: Sequence[Row], draw: Any, title: str, output: Path) -> None:
    """Draw horizontal bars in as many columns as keep every name legible, the first row at the top."""
    if not rows:
        raise DataError(f"{output}: no attribute to draw")
    columns = math.ceil(len(rows) / _ROWS_A_COLUMN)
    per_column = math.ceil(len(rows) / columns)
    figure = Figure(figsize=(8.5 * columns, 1.9 + 0.3 * per_column), dpi=110, layout="constrained")
    figure.suptitle(plain_text(title), fontsize=15)
    for column in range(columns):
        part = rows[column * per_column : (column + 1) * per_column]
        axes = figure.add_subplot(1, columns, column + 1)
        draw(axes, part[::-1])
        axes.set_yticks(np.arange(len(part)), [plain_text(str(row["attribute"])) for row in part[::-1]], fontsize=11)
        axes.set_ylim(len(part) - 0.5 - per_column, len(part) - 0.5)
        axes.set_xlim(0, 100)
        axes.set_xlabel("%")
        axes.grid(axis="x", alpha=0.3)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 4), frameon=False, fontsize=11)
    save_figure(figure, output)


def _share(row: Row, key: str) -> float:
    if key not in row:
        raise DataError(
            f"attribute '{row.get('attribute', '?')}': no '{key}'{did_you_mean(key, [str(k) for k in row])}"
        )
    return math.nan if row[key] is None else float(row[key])
