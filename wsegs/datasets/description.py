"""Say in words what was read of a data set, and what was passed over."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsegs.datasets.index import SPLITS, FaceDataset
from wsegs.datasets.leaks import describe_leaks, find_leaks
from wsegs.datasets.listing import describe_others


def describe_dataset(
    dataset: FaceDataset, read: Iterable[Path] = (), rows: NDArray[np.intp] | None = None
) -> dict[str, Any]:
    """Return what was read of a data set, ready for JSON; see :func:`description_lines`.

    Parameters
    ----------
    dataset
        The data set. Its images are compared with each other, if they are in several splits.
    read
        Files and folders that are read otherwise, such as imports, and so are not passed over.
    rows
        The rows that are in use, whose images are compared; None is all.
    """
    leaks = find_leaks(dataset.images, dataset.identity, dataset.split, dataset.root, rows)
    known = dataset.identity >= 0
    return {
        **dataset.summary(),
        "labels": dataset.source,
        "labels_known": int((dataset.attributes >= 0).sum()),
        "images_of_known_people": int(known.sum()),
        "leaks": describe_leaks(leaks),
        "notes": [*dataset.notes, *describe_others(_passed_over(dataset, read))],
    }


def description_lines(described: dict[str, Any]) -> list[str]:
    """Return a line each on images, labels, splits and people, leaks between splits, and what was passed over."""
    images = described["images"]
    splits = ", ".join(f"{described['splits'][name]} {name}" for name in SPLITS if described["splits"][name])
    people = described["identities"]
    unknown = images - described["images_of_known_people"]
    who = f"{people}, of {_images(images - unknown)}" if people else "unknown"
    lines = [
        f"read {described['root']}: {_images(images)} ({described['name']})",
        f"  labels: {_labels(described)}",
        f"  splits: {splits}",
        f"  people: {who}" + (f"; {_images(unknown)} of unknown people" if people and unknown else ""),
    ]
    if described["leaks"]:
        lines.append(f"  note: {described['leaks']}")
    return lines + [f"  {note}" if note.startswith("passed over") else f"  note: {note}" for note in described["notes"]]


def _images(count: int) -> str:
    return f"{count} image{'' if count == 1 else 's'}"


def _labels(described: dict[str, Any]) -> str:
    parts = []
    if count := described["attributes"]:
        whole = count * described["images"]
        unknown = f" ({whole - described['labels_known']} unknown)" if described["labels_known"] < whole else ""
        parts.append(f"{count} attribute{'s' if count > 1 else ''}, {described['labels_known']} labels{unknown}")
    parts += [f"numbers {name} of {count} images" for name, count in described["numbers"].items()]
    parts += [f"category {name} of {count} names" for name, count in described["categories"].items()]
    if not parts:
        return "none" if described["labels"] else "none; labels.csv in the data set, or --labels, holds them"
    return f"{', '.join(parts)}, from {described['labels']}"


def _passed_over(dataset: FaceDataset, read: Iterable[Path]) -> list[str]:
    data = Path(dataset.opened.get("data", dataset.root))
    used = [path.absolute() for path in read]
    if not used:
        return list(dataset.others)
    return [name for name in dataset.others if not any((data / name).is_relative_to(path) for path in used)]
