"""What a run keeps of the images that it was begun with, and how those of now differ from them."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsegs.io.checksum import glimpse
from wsegs.io.files import write_table
from wsegs.store import MaskStore
from wsegs.training.samples.opening import OpenSource, OpenStore
from wsegs.training.samples.split import Split

_LOOKED_AT = 4000  # image files of which size and some bytes are kept: opening all of 200,000 takes minutes

Record = dict[str, str]


def write_record(train: Path, validation: Path, source: OpenSource, rows: Split) -> None:
    """Write a table of the images that are trained on, and one of those that are validated on.

    Columns: ``image``; ``identity``; ``attributes``, a character each: 1, 0, ? for unknown; numbers and categories,
    with ``label:`` before each; ``picture``, which tells one file from another;
    ``landmarks``, the same of a store's.
    """
    for path, some in ((train, rows.train), (validation, rows.validation)):
        columns, records = _records(source, some)
        write_table(path, columns, records)


def read_record(path: Path) -> dict[str, Record]:
    """Return the records of a table by image; empty where there is none, as of an older run."""
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        return {row["image"]: row for row in csv.DictReader(file)}


def differences(train: Path, validation: Path, source: OpenSource, rows: Split) -> list[str]:
    """Return in words how the images of now differ from those that a run was begun with.

    Parameters
    ----------
    train, validation
        Tables of :func:`write_record`; what they lack is not compared.
    source, rows
        The images of now.

    Returns
    -------
    A phrase for each kind of difference: how many images, and one of them.
    """
    parts = {"train": (train, rows.train), "validation": (validation, rows.validation)}
    before = {part: read_record(path) for part, (path, _) in parts.items()}
    known = {part for part in parts if before[part]}
    was = {image: part for part in known for image in before[part]}
    found: dict[str, list[str]] = {}
    now: dict[str, str] = {}
    for part in sorted(known):
        columns, records = _records(source, parts[part][1])
        for values in records:
            record = dict(zip(columns, map(str, values), strict=True))
            image = record.pop("image")
            now[image] = part
            earlier = before.get(was.get(image, ""), {}).get(image, {})
            for kind in _differing(earlier, record):
                found.setdefault(kind, []).append(image)
    moved = sorted(image for image in {*was, *now} if was.get(image) != now.get(image))
    phrases = []
    if moved:
        old, new = was.get(moved[0], "in neither"), now.get(moved[0], "in neither")
        phrases.append(f"the split of {len(moved)}, such as '{moved[0]}', which was {old} and is {new}")
    phrases += [f"{kind} of {len(images)}, such as '{images[0]}'" for kind, images in found.items()]
    return phrases


def _differing(before: Record, now: Record) -> list[str]:
    """Return the kinds of what differs in two records of an image."""
    kinds = {"picture": "the pixels", "landmarks": "the landmarks"}
    names = [name for name, value in now.items() if name in before and before[name] != value]
    # A picture that was not looked at, or cannot be read now, is not compared.
    names = [name for name in names if name != "picture" or (before[name] and now[name])]
    return list(dict.fromkeys(kinds.get(name, "the labels") for name in names))


def _records(source: OpenSource, rows: NDArray[np.intp]) -> tuple[list[str], Iterator[Sequence[Any]]]:
    """Return columns, and a record of each row."""
    labelled = source.labelled
    typed = (f"label: {name}" for name in (*labelled.numbers, *labelled.categories))
    columns = ["image", "identity", "attributes", *typed, "picture"]
    looked_at = set(rows[np.linspace(0, len(rows) - 1, min(_LOOKED_AT, len(rows))).astype(np.intp)].tolist())
    numbers = [labelled.numbers[name] for name in labelled.numbers]
    categories = [labelled.categories[name].names_of_rows() for name in labelled.categories]
    points = source.labelled.landmarks if isinstance(source, OpenStore) else None
    if points is not None:
        columns.append("landmarks")

    def records() -> Iterator[Sequence[Any]]:
        for row in rows.tolist():
            attributes = "".join("?" if label < 0 else str(label) for label in labelled.attributes[row].tolist())
            others = [*(f"{values[row]:g}" for values in numbers), *(names[row] for names in categories)]
            picture = _picture(source, row) if row in looked_at else ""
            placed = [] if points is None else [f"{zlib.crc32(np.ascontiguousarray(points[row]).tobytes()):08x}"]
            yield [labelled.images[row], int(labelled.identity[row]), attributes, *others, picture, *placed]

    return columns, records()


def _picture(source: OpenSource, row: int) -> str:
    """Return what tells an image file from another one; empty where it cannot be read."""
    labelled = source.labelled
    if isinstance(labelled, MaskStore) and labelled.has_images:
        return str(labelled.crop_bytes[row])
    try:
        size, some = glimpse(source.root / labelled.images[row])
        return f"{size}-{zlib.crc32(some):08x}"
    except OSError:
        return ""
