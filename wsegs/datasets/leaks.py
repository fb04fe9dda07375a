"""People and pictures that are in two splits: a model that learned them is measured on what it knows."""

from __future__ import annotations

import hashlib
import itertools
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wsegs.datasets.index import SPLITS

_SAMPLE = 64  # bytes in the middle of a file that tell most files of one size apart


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
    """

    first: str
    second: str
    people: int
    pictures: int


def find_leaks(
    images: Sequence[str], identity: NDArray[np.integer], split: NDArray[np.integer], root: Path | None
) -> list[Leak]:
    """Find the people and the pictures that are in more than one split.

    Cheap for 200,000 images: files are read in whole only where others have their size and some of their bytes.

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

    Returns
    -------
    An entry for each two splits that have anything in common.
    """
    codes = split.tolist()
    if len(set(codes)) < 2:
        return []
    known = zip(identity.tolist(), codes, strict=True)
    people = _count_pairs(_splits_of((person, code) for person, code in known if person >= 0))
    pictures = {} if root is None else _shared_pictures(root, list(zip(images, codes, strict=True)))
    return [
        Leak(SPLITS[pair[0]], SPLITS[pair[1]], people.get(pair, 0), pictures.get(pair, 0))
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
        counts = [(leak.people, "person", "people"), (leak.pictures, "picture", "pictures")]
        words = [f"{count} {one if count == 1 else many}" for count, one, many in counts if count]
        verb = "is" if leak.people + leak.pictures == 1 else "are"
        parts.append(f"{' and '.join(words)} {verb} both in {leak.first} and in {leak.second}")
    return "; ".join(parts)


def _shared_pictures(root: Path, files: list[tuple[str, int]]) -> dict[tuple[int, int], int]:
    for tell in (_size, _sample, _digest):
        keys = [(_told(tell, root / name), name, split) for name, split in files]
        splits = _splits_of((key, split) for key, _, split in keys if key is not None)
        files = [(name, split) for key, name, split in keys if key is not None and len(splits[key]) > 1]
        if not files:
            return {}
    return _count_pairs(splits)


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


def _told(tell: Callable[[Path], Hashable], path: Path) -> Hashable | None:
    try:
        return tell(path)
    except OSError:  # whoever reads the image will say so
        return None


def _size(path: Path) -> int:
    return path.stat().st_size


def _sample(path: Path) -> tuple[int, bytes]:
    """Return size and some bytes of a file. Its begin is no good: pictures of one camera share their headers."""
    size = path.stat().st_size
    with path.open("rb", buffering=0) as file:
        file.seek(max(0, (size - _SAMPLE) // 2))
        return size, file.read(_SAMPLE)


def _digest(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()
