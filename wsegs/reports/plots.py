"""Charts of a run: learning curves, accuracy per attribute, runs against each other."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from wsegs.errors import DataError, MissingError
from wsegs.io.files import atomic_write, did_you_mean

# Okabe and Ito: blue and vermillion stay apart for every kind of colour vision; black and the others follow.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MAJORITY = "#C4C4C8"
_KINDS = {"train": COLOURS[0], "val": COLOURS[1], "test": COLOURS[2]}

# The highest chart of bars that is one column; more attributes go on in a second and third column.
_ROWS_A_COLUMN = 45

Row = Mapping[str, Any]


def plot_learning_curves(metrics_csv: Path, output: Path) -> None:
    """Draw every metric of a run against the step, training beside validation.

    Parameters
    ----------
    metrics_csv
        A run's ``metrics.csv``, or what Lightning's ``CSVLogger`` writes: columns ``epoch``, ``step`` and
        ``train_...``, ``val_...``, with empty cells where a row does not have a value. The values of an epoch are
        averaged and drawn at its last step. Where a column ``stage`` changes, a dashed line is drawn.
    output
        A PNG, PDF or SVG file; overwritten.

    Raises
    ------
    MissingError
        If there is no such file.
    DataError
        If it is no such CSV, or holds no values.
    """
    steps, curves = _read_curves(Path(metrics_csv))
    stages = curves.pop("stage", {})
    changes = [steps[one] for one, other in pairwise(sorted(stages)) if stages[one] != stages[other]]
    panels: dict[str, dict[str, dict[int, float]]] = defaultdict(dict)
    # The metrics first; what is neither training's nor validation's, such as the learning rate, after them.
    for column in sorted(curves, key=lambda column: column.partition("_")[0] not in _KINDS):
        kind, _, metric = column.partition("_")
        if kind in _KINDS and metric:
            panels[metric][kind] = curves[column]
        else:
            panels[column][""] = curves[column]

    columns = min(4, math.ceil(math.sqrt(len(panels))))
    rows = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(4.6 * columns, 3.4 * rows), dpi=110, layout="constrained")
    for index, (metric, kinds) in enumerate(panels.items(), start=1):
        axes = figure.add_subplot(rows, columns, index)
        for kind, points in sorted(kinds.items()):  # training before validation
            epochs = sorted(points)
            axes.plot(
                [steps[epoch] for epoch in epochs],
                [points[epoch] for epoch in epochs],
                color=_KINDS.get(kind, COLOURS[-1]),
                label={"train": "training", "val": "validation", "test": "test"}.get(kind, metric),
                linewidth=2,
                marker="o",
                markersize=4 if len(epochs) < 30 else 0,
            )
        for step in changes:
            axes.axvline(step, color="#808080", linestyle="--", linewidth=1)
        axes.set_title(_plain(metric.replace("_", " ")), fontsize=13)
        axes.set_xlabel("step (dashed: the next stage begins)" if changes else "step")
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        if set(kinds) != {""}:
            axes.legend(frameon=False, fontsize=10)
    save_figure(figure, output)


def _read_curves(path: Path) -> tuple[dict[int, int], dict[str, dict[int, float]]]:
    """Return the last step of every epoch, and the mean of every column in every epoch; nan and infinity left out."""
    if not path.is_file():
        raise MissingError(f"{path}: no such file; expected the metrics.csv of a run")
    steps: dict[int, int] = {}
    values: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        columns = reader.fieldnames or ()
        if not {"epoch", "step"} <= set(columns):
            raise DataError(f"{path}: expected the columns 'epoch' and 'step', got {', '.join(columns) or 'nothing'}")
        for row in reader:
            numbers = {column: _number(path, reader.line_num, column, cell) for column, cell in row.items() if cell}
            if "epoch" not in numbers or "step" not in numbers:
                continue
            epoch = int(numbers.pop("epoch"))
            steps[epoch] = max(steps.get(epoch, 0), int(numbers.pop("step")))
            for column, value in numbers.items():
                if math.isfinite(value):
                    values[column][epoch].append(value)
    if not values:
        raise DataError(f"{path}: holds no values to draw")
    return steps, {column: {e: float(np.mean(v)) for e, v in epochs.items()} for column, epochs in values.items()}


def _number(path: Path, line: int, column: str, cell: Any) -> float:
    try:
        return float(cell)
    except (TypeError, ValueError):
        raise DataError(f"{path}, line {line}, column '{column}': expected a number, got {cell!r}") from None


def plot_attribute_bars(rows: Sequence[Row], output: Path, *, title: str = "Accuracy per attribute") -> None:
    """Draw each attribute's accuracy over the rate of its majority class, and its average precision.

    Parameters
    ----------
    rows
        One mapping an attribute with ``attribute``, ``accuracy``, ``majority``, ``average_precision`` and
        ``balanced_accuracy``, the last four as shares from 0 to 1; None or nan where undefined. Sorted here, the
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
    gains = [_share(row, "accuracy") - _share(row, "majority") for row in rows]
    # An attribute without any label has no accuracy; it goes last.
    order = sorted(range(len(rows)), key=lambda i: -gains[i] if math.isfinite(gains[i]) else math.inf)
    ordered = [rows[i] for i in order]
    measures = (
        ("majority", "majority class", _MAJORITY, "bar"),
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
            axes.barh(places + offset, shares, height=height, color=colour, label=_plain(name))

    _bars(ordered, draw, title or measure.replace("_", " "), output)


def _bars(rows: Sequence[Row], draw: Any, title: str, output: Path) -> None:
    """Lay horizontal bars out in as many columns as keep every name legible; the first row is at the top."""
    if not rows:
        raise DataError(f"{output}: no attribute to draw")
    columns = math.ceil(len(rows) / _ROWS_A_COLUMN)
    per_column = math.ceil(len(rows) / columns)
    figure = Figure(figsize=(8.5 * columns, 1.9 + 0.3 * per_column), dpi=110, layout="constrained")
    figure.suptitle(_plain(title), fontsize=15)
    for column in range(columns):
        part = rows[column * per_column : (column + 1) * per_column]
        axes = figure.add_subplot(1, columns, column + 1)
        draw(axes, part[::-1])
        axes.set_yticks(np.arange(len(part)), [_plain(str(row["attribute"])) for row in part[::-1]], fontsize=11)
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


def _plain(text: str) -> str:
    return text.replace("$", r"\$")  # matplotlib would read a formula


def save_figure(figure: Figure, output: Path) -> None:
    """Write a chart, complete or not at all; the ending says in which format."""
    FigureCanvasAgg(figure)
    with atomic_write(output) as temporary:
        figure.savefig(temporary)
