"""``where.csv``, and what the summary of an evaluation says of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wsegs.evaluation.leaning.bootstrap import Estimate, PeopleBootstrap, Samples, estimate, mean_of
from wsegs.evaluation.where.look import Sighted, Where
from wsegs.evaluation.where.scores import THRESHOLDS
from wsegs.io.files import write_table

WHERE = "where.csv"
SCORES = ("energy", "pointing", "iou")
Side = Literal["present", "absent", "any"]
_LABELS: dict[Side, tuple[int, ...]] = {"present": (1,), "absent": (0,), "any": (1, 0, -1)}
_WHOLE = 0.95  # of the image; a mask that is larger cannot be missed

COLUMNS = (
    *("masks", "attribute", "label", "faces", "defined", "area"),
    *(field for score in SCORES for field in (score, f"{score}_low", f"{score}_high")),
    "threshold",
)


class _Row(NamedTuple):
    """One attribute, on the faces that have it, on those that do not, or on all, of whom it need not be known."""

    masks: str
    attribute: str
    side: Side
    faces: int
    defined: int
    area: float
    samples: dict[str, Samples]
    threshold: float


def write_where(where: Where, folder: Path) -> dict[str, Any]:
    """Write a row for each kind of masks, attribute and label, and return the summary.

    Its means are over the attributes whose masks cover less than 95 % of the image, of present, of absent and
    of any ones apart. Intervals are a bootstrap over people. The threshold is the best on the same faces.
    """
    people = PeopleBootstrap(where.identity)
    summary: dict[str, Any] = {"method": where.method, "map_size": list(where.size)}
    summary |= {"over": people.over, "people": people.count, "against": []}
    table: list[list[object]] = []
    for sighted in where.against:
        rows = list(_rows(where, sighted, people))
        for row in rows:
            cells = [cell for score in SCORES for cell in _cells(estimate(row.samples[score]))]
            counts = [row.masks, row.attribute, row.side, row.faces, row.defined, _cell(row.area)]
            table.append([*counts, *cells, _cell(row.threshold)])
        found: dict[str, Any] = {"masks": sighted.name, "source": sighted.source, "faces": sighted.faces}
        for side in _LABELS:
            found[side] = _means([row for row in rows if row.side == side])
        summary["against"].append(found)
    write_table(folder / WHERE, COLUMNS, table)
    return summary


def _rows(where: Where, sighted: Sighted, people: PeopleBootstrap) -> Iterator[_Row]:
    for a, attribute in enumerate(sighted.attributes):
        for side, labels in _LABELS.items():
            there = np.isin(where.labels[attribute], labels)
            energy, pointing, iou, area = (_only(values[:, a], there) for values in sighted.scores)
            defined = ~np.isnan(energy)
            best = int(np.argmax(np.mean(iou[defined], axis=0))) if defined.any() else 0
            samples = {"energy": energy, "pointing": pointing, "iou": iou[:, best]}
            yield _Row(
                sighted.name,
                attribute,
                side,
                int(there.sum()),
                int(defined.sum()),
                float(area[defined].mean()) if defined.any() else float("nan"),
                {score: people.means(values) for score, values in samples.items()},
                THRESHOLDS[best] if defined.any() else float("nan"),
            )


def _only(values: NDArray[np.float32], there: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return values (N, ...) with nan where ``there`` (N,) is False."""
    kept = np.asarray(values, np.float64).copy()
    kept[~there] = np.nan
    return kept


def _means(rows: list[_Row]) -> dict[str, Any]:
    counted = [row for row in rows if row.area < _WHOLE]
    means: dict[str, Any] = {"attributes": len(counted)}
    means["area"] = float(np.mean([row.area for row in counted])) if counted else None
    for score in SCORES:
        means |= estimate(mean_of([row.samples[score] for row in counted])).as_fields(score)
    return means


def _cells(value: Estimate) -> list[str]:
    return [_cell(number) for number in value]


def _cell(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.5f}"
