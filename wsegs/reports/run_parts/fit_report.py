"""The parts of a run's page about a fit of heads on features."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from wsegs.evaluation.runs import Run
from wsegs.reports.page import Heading, Part, Picture, Table, Text
from wsegs.reports.shares import draw_label_curve, draw_share_table
from wsegs.training.run_folder import LABEL_CURVE, PENALTIES, REGION_SHARES


def fit_parts(run: Run, folder: Path) -> list[Part]:
    """Return penalties, the curve against the number of labels, and the table of attributes by regions.

    Parameters
    ----------
    run
        Any run; one that was not fitted has none of these.
    folder
        Where pictures are drawn.
    """
    parts: list[Part] = []
    if (run.path / PENALTIES).is_file():
        rows = _rows(run.path / PENALTIES)
        titles = list(rows[0])
        parts += [Heading("Penalties"), Table(titles, [[_number(row[title]) for title in titles] for row in rows])]
    if (run.path / LABEL_CURVE).is_file():
        rows = _rows(run.path / LABEL_CURVE)
        draw_label_curve([{key: float(value) for key, value in row.items()} for row in rows], folder / "labels.png")
        caption = "Mean average precision against the number of labelled images, with regions and without."
        parts += [Heading("How many labels it takes"), Picture(folder / "labels.png", caption)]
    if (run.path / REGION_SHARES).is_file():
        parts += _share_parts(run, folder)
    return parts


def _share_parts(run: Run, folder: Path) -> list[Part]:
    rows = _rows(run.path / REGION_SHARES)
    names = [row["attribute"] for row in rows]
    row_names = [key.removeprefix("share: ") for key in rows[0] if key.startswith("share: ")]
    shares = np.array([[float(row[f"share: {name}"]) for name in row_names] for row in rows])
    own = np.array([[name in row["own_regions"].split() for name in row_names] for row in rows])
    draw_share_table(shares, own, names, row_names, folder / "share-table.png")
    caption = (
        "How much of each attribute's decisions each region makes: mean magnitude of what it adds to the logit, as"
    )
    caption += " a share. Squares mark the attribute's own regions."
    parts: list[Part] = [Heading("Attributes by regions"), Picture(folder / "share-table.png", caption)]
    if own.any():
        with_prior = np.array([float(row["own_share"]) for row in rows])
        without = np.array([float(row["own_share_without_prior"]) for row in rows])
        parts.append(
            Text(
                f"In an attribute's own regions lie {with_prior.mean():.1%} of its decisions on average; without the"
                f" prior it would be {without.mean():.1%}."
            )
        )
        cells = [
            [name, f"{a:.1%}", f"{b:.1%}", row["own_regions"]]
            for name, a, b, row in zip(names, with_prior, without, rows, strict=True)
        ]
        parts.append(Table(["attribute", "own share", "without prior", "own regions"], cells))
    return parts


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def _number(text: str) -> str:
    try:
        return f"{float(text):.4g}"
    except ValueError:
        return text
