"""People and pictures that are in two splits: a model that learned them is measured on what it knows."""

from __future__ import annotations

import hashlib
import itertools
import os
import zlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wsegs.datasets.index import SPLITS
from wsegs.io.checksum import glimpse

_LOOKED_AT = 20_000
"""Files that are opened at most: on a slow drive each costs milliseconds."""


@dataclass(frozen=True)
class Leak:
    """What two splits have in common.

    Attributes
    ----------
    first, second
        Names of the splits, in the order of :data:`wsegs.datasets.index.SPLITS`.
    people
        Number of people with images in both.
    pictures
        Number of pictures, files of the same bytes, in both.
    sampled
        Whether there were so many files of like sizes that some were compared, so that there may be more pictures.
    """

    first: str
    second: str
    people: int
    pictures: int
    sampled: bool = False


def find_leaks(
    images: Sequence[str],
    identity: NDArray[np.integer],
    split: NDArray[np.integer],
    root: Path | None,
    rows: NDArray[np.intp] | None = None,
    *,
    most: int = _LOOKED_AT,
) -> list[Leak]:
    """Find the people and the pictures that are in more than one split.

    Seconds for 200,000 images: their sizes are compared; of files of one size in two splits a few bytes, and the whole
    where these are alike. Of more than ``most`` such files those of some sizes are opened.

    Parameters
    ----------
    images
        N file names relative to ``root``.
    identity
        (N,) number of the person; -1 is unknown and the same as nobody.
    split
        (N,) 0 train, 1 validation, 2 test.
    root
        The folder of the images; None compares people alone. Files that cannot be read are left out.
    rows
        The rows that are in use; None is all.
    most
        Files that are opened at most, but those of one size together.

    Returns
    -------
    An entry for each two splits that have anything in common.
    """
    chosen = np.arange(len(images)) if rows is None else np.asarray(rows, np.intp)
    codes = split[chosen].tolist()
    if len(set(codes)) < 2:
        return []
    known = zip(identity[chosen].tolist(), codes, strict=True)
    people = _count_pairs(_splits_of((person, code) for person, code in known if person >= 0))
    pictures: dict[tuple[int, int], int] = {}
    sampled = False
    if root is not None:
        files = [(str(root / images[row]), code) for row, code in zip(chosen.tolist(), codes, strict=True)]
        pictures, sampled = _shared_pictures(files, most)
    return [
        Leak(SPLITS[pair[0]], SPLITS[pair[1]], people.get(pair, 0), pictures.get(pair, 0), sampled and pair in pictures)
        for pair in sorted(people.keys() | pictures.keys())
    ]


def describe_leaks(leaks: Sequence[Leak]) -> str:
    """Return in words what splits have in common; "" if that is nothing.

    Examples
    --------
    >>> describe_leaks([Leak("train", "test", 2, 1)])
    '2 people and 1 picture are both in train and in test'
    """
    parts = []
    for leak in leaks:
        counts = [(leak.people, "person", "people", ""), (leak.pictures, "picture", "pictures", "at least ")]
        words = [
            f"{least if leak.sampled else ''}{count} {one if count == 1 else many}"
            for count, one, many, least in counts
            if count
        ]
        verb = "is" if leak.people + leak.pictures == 1 else "are"
        parts.append(f"{' and '.join(words)} {verb} both in {leak.first} and in {leak.second}")
    return "; ".join(parts)


_Files = list[tuple[str, int]]  # path and split


def _shared_pictures(files: _Files, most: int) -> tuple[dict[tuple[int, int], int], bool]:
    """Return the number of files of the same bytes in each two splits, and whether only some were compared."""
    alike = _alike(files, _size)
    files, sampled = _some(alike, most)
    for tell in (glimpse, _digest):
        alike = _alike(files, tell)
        files = [file for some in alike.values() for file in some]
    return _count_pairs({key: {split for _, split in some} for key, some in alike.items()}), sampled


def _alike(files: _Files, tell: Callable[[str], Hashable]) -> dict[Hashable, _Files]:
    """Return the files that are told alike and are in several splits."""
    alike: dict[Hashable, _Files] = defaultdict(list)
    for path, split in files:
        try:
            alike[tell(path)].append((path, split))
        except OSError:  # whoever reads the image will say so
            continue
    return {key: some for key, some in alike.items() if len({split for _, split in some}) > 1}


def _some(alike: Mapping[Hashable, _Files], most: int) -> tuple[_Files, bool]:
    """Return the files of so many sizes that there are ``most``, always the same ones, and whether some are left out.

    All files of a size are taken or none, so that each picture that is there twice is found or not looked at.
    """
    files: _Files = []
    for size in sorted(alike, key=lambda size: zlib.crc32(str(size).encode())):
        if files and len(files) + len(alike[size]) > most:
            return files, True
        files += alike[size]
    return files, False


def _splits_of(rows: Iterable[tuple[Hashable, int]]) -> dict[Hashable, set[int]]:
    splits: dict[Hashable, set[int]] = defaultdict(set)
    for key, split in rows:
        splits[key].add(split)
    return splits


def _count_pairs(splits: Mapping[Hashable, set[int]]) -> dict[tuple[int, int], int]:
    counts: dict[tuple[int, int], int] = defaultdict(int)
    for some in splits.values():
        for first, second in itertools.combinations(sorted(some), 2):
            counts[first, second] += 1
    return dict(counts)


def _size(path: str) -> int:
    return os.stat(path).st_size  # noqa: PTH116  # a Path costs as much again


def _digest(path: str) -> bytes:
    return hashlib.sha256(Path(path).read_bytes()).digest()
