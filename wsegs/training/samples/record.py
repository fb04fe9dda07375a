"""What a run keeps of the images that it was begun with, and how those of now differ from them."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsegs.io.checksum import glimpse
from wsegs.io.files import write_table
from wsegs.store import MaskStore
from wsegs.training.run_folder import tables_of
from wsegs.training.samples.class_maps import ClassMaps, HumanClasses
from wsegs.training.samples.opening import OpenSource, OpenStore
from wsegs.training.samples.split import Split

_LOOKED_AT = 4000  # image files of which size and some bytes are kept: opening all of 200,000 takes minutes

Record = dict[str, str]


@dataclass(frozen=True)
class Recorded:
    """A source of samples: what is open, the rows that are used, and its class maps, if there are any."""

    source: OpenSource
    rows: Split
    class_maps: ClassMaps | None = None


def write_record(folder: Path, sources: Sequence[Recorded]) -> None:
    """Write for each source a table of the images that are trained on, and one of those that are validated on.

    Columns: ``image``; ``identity``; ``attributes``, a character each: 1, 0, ? for unknown; numbers and categories,
    with ``label:`` before each; ``picture``, which tells one file from another;
    ``landmarks``, the same of a store's, and ``mask``, of human parsing masks.
    """
    for number, recorded in enumerate(sources):
        for name, rows in zip(tables_of(number), (recorded.rows.train, recorded.rows.validation), strict=True):
            columns, records = _records(recorded, rows)
            write_table(folder / name, columns, records)


def read_record(path: Path) -> dict[str, Record]:
    """Return the records of a table by image; empty where there is none, as of an older run."""
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        return {row["image"]: row for row in csv.DictReader(file)}


def differences(folder: Path, sources: Sequence[Recorded]) -> list[str]:
    """Return in words how the images of now differ from those that a run was begun with.

    Parameters
    ----------
    folder
        With the tables of :func:`write_record`; what they lack is not compared.
    sources
        The images of now.

    Returns
    -------
    A phrase for each kind of difference: how many images, and one of them.
    """
    phrases: list[str] = []
    for number, recorded in enumerate(sources):
        train, validation = (folder / name for name in tables_of(number))
        found = _differences(train, validation, recorded)
        phrases += found if number == 0 else [f"{phrase} in {recorded.source.name}" for phrase in found]
    return phrases


def _differences(train: Path, validation: Path, recorded: Recorded) -> list[str]:
    parts = {"train": (train, recorded.rows.train), "validation": (validation, recorded.rows.validation)}
    before = {part: read_record(path) for part, (path, _) in parts.items()}
    known = {part for part in parts if before[part]}
    was = {image: part for part in known for image in before[part]}
    found: dict[str, list[str]] = {}
    now: dict[str, str] = {}
    for part in sorted(known):
        columns, records = _records(recorded, parts[part][1])
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
    kinds = {"picture": "the pixels", "landmarks": "the landmarks", "mask": "the human mask"}
    names = [name for name, value in now.items() if name in before and before[name] != value]
    # A file that was not looked at, or cannot be read now, is not compared.
    names = [name for name in names if name not in ("picture", "mask") or (before[name] and now[name])]
    return list(dict.fromkeys(kinds.get(name, "the labels") for name in names))


def _records(recorded: Recorded, rows: NDArray[np.intp]) -> tuple[list[str], Iterator[Sequence[Any]]]:
    """Return columns, and a record of each row."""
    source, labelled = recorded.source, recorded.source.labelled
    typed = (f"label: {name}" for name in (*labelled.numbers, *labelled.categories))
    columns = ["image", "identity", "attributes", *typed, "picture"]
    looked_at = set(rows[np.linspace(0, len(rows) - 1, min(_LOOKED_AT, len(rows))).astype(np.intp)].tolist())
    numbers = [labelled.numbers[name] for name in labelled.numbers]
    categories = [labelled.categories[name].names_of_rows() for name in labelled.categories]
    points = source.labelled.landmarks if isinstance(source, OpenStore) else None
    if points is not None:
        columns.append("landmarks")
    masks = recorded.class_maps if isinstance(recorded.class_maps, HumanClasses) else None
    if masks is not None:
        columns.append("mask")

    def records() -> Iterator[Sequence[Any]]:
        for row in rows.tolist():
            attributes = "".join("?" if label < 0 else str(label) for label in labelled.attributes[row].tolist())
            others = [*(f"{values[row]:g}" for values in numbers), *(names[row] for names in categories)]
            picture = _picture(source, row) if row in looked_at else ""
            placed = [] if points is None else [f"{zlib.crc32(np.ascontiguousarray(points[row]).tobytes()):08x}"]
            mask = [] if masks is None else [_told(masks.file(row)) if row in looked_at else ""]
            yield [labelled.images[row], int(labelled.identity[row]), attributes, *others, picture, *placed, *mask]

    return columns, records()


def _picture(source: OpenSource, row: int) -> str:
    """Return what tells an image file from another one; empty where it cannot be read."""
    labelled = source.labelled
    if isinstance(labelled, MaskStore) and labelled.has_images:
        return str(labelled.crop_bytes[row])
    return _told(source.root / labelled.images[row])


def _told(file: Path) -> str:
    """Return what tells a file from others; empty where it cannot be read."""
    try:
        size, some = glimpse(file)
        return f"{size}-{zlib.crc32(some):08x}"
    except OSError:
        return ""
