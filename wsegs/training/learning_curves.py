"""The picture of a training: every metric against the step."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from wsegs.errors import DataError, MissingError
from wsegs.io.figures import COLOURS, plain_text, save_figure

_KINDS = {"train": COLOURS[0], "val": COLOURS[1], "test": COLOURS[2]}


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
        axes.set_title(plain_text(metric.replace("_", " ")), fontsize=13)
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
