"""Check whether a parser of regions was trained on the test images of a training."""

from __future__ import annotations

import csv
from typing import Any

import numpy as np

from wsegs.training.plan import TrainingPlan
from wsegs.training.run_folder import TRAINED
from wsegs.training.runs import read_run
from wsegs.training.samples.opening import OpenSource


def parser_overlap(plan: TrainingPlan, source: OpenSource) -> dict[str, Any]:
    """Return what the provenance of a run says of it: ``parser_overlap``; empty where no parser draws regions.

    Images are compared by name, people by number, and only where both are of the same data set: names such as
    ``000001.jpg`` and numbers of people mean something else in another one.

    Returns
    -------
    ``test_images``, how many there are; ``images`` and ``people``, how many of them, and of their people, the parser
    was trained on; None where that cannot be known.
    """
    parser = None if plan.regions is None else plan.regions.parser
    if parser is None:
        return {}
    labelled = source.labelled
    test = np.flatnonzero(labelled.split == 2)
    found: dict[str, int | None] = {"test_images": len(test), "images": None, "people": None}
    file = parser.source / TRAINED
    if file.is_file() and _data_name(read_run(parser.source)[1].provenance) == _own_data_name(source):
        with file.open(newline="", encoding="utf-8", errors="surrogateescape") as table:
            rows = list(csv.DictReader(table))
        seen = {row["image"] for row in rows}
        found["images"] = sum(labelled.images[row] in seen for row in test)
        people = {int(row["identity"]) for row in rows} - {-1}
        tested = set(labelled.identity[test].tolist()) - {-1}
        if people and tested:
            found["people"] = len(people & tested)
    return {"parser_overlap": found}


def _data_name(provenance: dict[str, Any]) -> str:
    return str(provenance.get("landmarks", {}).get("data", {}).get("name", ""))


def _own_data_name(source: OpenSource) -> str:
    labelled = source.labelled
    return _data_name({"landmarks": labelled.provenance}) if hasattr(labelled, "provenance") else labelled.name
