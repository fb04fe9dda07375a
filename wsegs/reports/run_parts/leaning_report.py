"""The parts of a run's page about where it looks, what it leans on, and how it compares with other runs."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wsegs.reports.page import Heading, Part, Picture, Table, Text

_SCORES = ("accuracy", "average_precision", "balanced_accuracy")
_WHERE = ("energy", "pointing", "iou")


def leaning_parts(folder: Path, summary: Mapping[str, Any]) -> list[Part]:
    """Return what an evaluation found beside its scores: where the network looks, groups, reliance on correlation.

    Parameters
    ----------
    folder
        Of the evaluation.
    summary
        Its ``metrics.json``.
    """
    parts: list[Part] = []
    if "where" in summary:
        parts += _where_parts(folder, summary["where"])
    for by, found in summary.get("groups", {}).items():
        parts += [Heading(f"Groups by {by}"), Text(f"Means over the other attributes. {_over(summary)}")]
        rows = [
            [row["group"], str(row["faces"]), *(_interval(row, name) for name in _SCORES)] for row in found["groups"]
        ]
        gaps = [_interval(found["gaps"][name], "gap") if name in found["gaps"] else "-" for name in _SCORES]
        parts.append(Table(["group", "faces", *map(_title, _SCORES)], [*rows, ["worst behind best", "", *gaps]]))
    if "reliance" in summary:
        parts += _reliance_parts(folder, summary)
    return parts


def _where_parts(folder: Path, where: Mapping[str, Any]) -> list[Part]:
    text = (
        f"By {where['method']}. Energy: the share of a map inside the mask; the mask's area is chance. Pointing game:"
        " how often the maximum is inside. IoU: at each attribute's best threshold on these faces."
    )
    rows = []
    for against in where["against"]:
        for side in ("present", "absent", "any"):
            row = against[side]
            cells = [_interval(row, name) for name in _WHERE]
            rows.append([f"{against['masks']}, {side}", str(row["attributes"]), _percent(row["area"]), *cells])
    parts: list[Part] = [Heading("Where it looks, on average"), Text(text)]
    parts.append(Table(["masks and label", "attributes", "area", "energy inside", "pointing game", "IoU"], rows))
    if (folder / "where.csv").is_file():
        with (folder / "where.csv").open(newline="", encoding="utf-8") as file:
            kinds = list(csv.DictReader(file))
        parts.append(_where_table([row for row in kinds if row["masks"] == kinds[0]["masks"]]))
    if (folder / "where.png").is_file():
        caption = "Faces of each attribute that the network says right and wrong: the mask, and beside it the map."
        parts.append(Picture(folder / "where.png", caption))
    return parts


def _where_table(rows: Sequence[Mapping[str, str]]) -> Table:
    """Return energy inside and pointing game of each attribute, present and absent ones beside each other."""
    by_name: dict[str, dict[str, Mapping[str, str]]] = {}
    for row in rows:
        by_name.setdefault(row["attribute"], {})[row["label"]] = row
    cells = []
    for name, sides in sorted(by_name.items()):
        present, absent = sides["present"], sides["absent"]
        values = [present["area"] or absent["area"]]
        values += [side[score] for score in ("energy", "pointing") for side in (present, absent)]
        cells.append([name, *(_percent(float(value) if value else None) for value in values)])
    titles = ["energy, present", "energy, absent", "pointing, present", "pointing, absent"]
    return Table(["attribute", "area", *titles], cells)


def _reliance_parts(folder: Path, summary: Mapping[str, Any]) -> list[Part]:
    found = summary["reliance"]
    excess = "-" if found["excess"] is None else f"{found['excess']:+.3f}"
    text = (
        f"The {found['pairs']} pairs of attributes that are related most in the {found['related_in']}. Predictions"
        f" correlate by {excess} more than labels. Accuracy is {_interval(found, 'rare_accuracy')} on faces whose"
        f" labels disagree with the correlation, {_interval(found, 'common_accuracy')} on those that agree."
        f" {_over(summary)}"
    )
    parts: list[Part] = [Heading("Reliance on correlation"), Text(text)]
    if "balanced" in summary:
        value = _interval(summary["balanced"], "accuracy")
        parts.append(
            Text(f"If each attribute were present on half of the faces, by weights, accuracy would be {value}.")
        )
    if (folder / "reliance.csv").is_file():
        with (folder / "reliance.csv").open(newline="", encoding="utf-8") as file:
            rows = [
                [
                    f"{row['attribute']}, {row['other']}",
                    *(f"{float(row[name]):+.2f}" if row[name] else "-" for name in ("labels", "predictions")),
                    row["rare_faces"],
                    *(
                        _percent(float(row[name]) if row[name] else None)
                        for name in ("rare_accuracy", "common_accuracy")
                    ),
                ]
                for row in csv.DictReader(file)
            ]
        titles = ["pair", "labels", "predictions", "faces that disagree", "accuracy there", "elsewhere"]
        parts.append(Table(titles, rows))
    return parts


def comparison_parts(run: Path) -> list[Part]:
    """Return the comparisons of a run with others that lie in its folder."""
    parts: list[Part] = []
    for file in sorted(run.glob("compared-with-*/comparison.json")):
        found = json.loads(file.read_text(encoding="utf-8"))
        parts.append(Heading(f"{found['second']} compared with {found['first']}"))
        rows = [
            [test_set["name"], str(test_set["images"]), *(_difference(test_set[score]) for score in _SCORES)]
            for test_set in found["test_sets"]
        ]
        parts.append(Table(["test set", "faces", *(f"{_title(score)}, difference" for score in _SCORES)], rows))
        for name, caption in (
            ("scores.png", "Both runs, attribute by attribute."),
            ("differences.png", "The second less the first, with 95 % intervals."),
        ):
            if file.with_name(name).is_file():
                parts.append(Picture(file.with_name(name), caption))
    return parts


def _over(summary: Mapping[str, Any]) -> str:
    return f"Intervals: 95 %, over {summary['bootstrap']['over']}."


def _difference(row: Mapping[str, Any]) -> str:
    value, low, high = (row[name] for name in ("difference", "difference_low", "difference_high"))
    return "-" if value is None or low is None else f"{100 * value:+.2f} ({100 * low:+.2f} to {100 * high:+.2f})"


def _interval(row: Mapping[str, Any], name: str) -> str:
    value, low, high = (row[f"{name}{end}"] for end in ("", "_low", "_high"))
    return (
        _percent(value)
        if value is None or low is None
        else f"{100 * value:.1f} % ({100 * low:.1f} to {100 * high:.1f})"
    )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _title(score: str) -> str:
    return score.replace("_", " ")
