"""Join tables and images by file name, never by order.

Where a name has no image, one that differs in form alone is taken; see :mod:`wsegs.datasets.join.names`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from wsegs.datasets.index import IMAGE_WITHOUT_ROW, NAME_TWICE, ROW_WITHOUT_IMAGE, Unmatched
from wsegs.datasets.join.names import Differences, ImageNames, what_is_apart
from wsegs.errors import DataError
from wsegs.io.files import is_safe_relative_path

_DRIVE = re.compile(r"[A-Za-z]:[/\\]+")


def checked_names(
    path: Path, names: Sequence[str], lines: Sequence[int] | NDArray[np.integer], unit: str = "line"
) -> list[str]:
    """Return the names of a table's rows without ``./``, ``//`` and blanks at the ends.

    ``lines`` are the rows' places in the file, counted in ``unit``, for messages.

    Raises
    ------
    DataError
        If a name climbs out of the folder of the images or names no file; the message names the line. Absolute names
        are kept: the join knows the folder.
    """
    names = [name.strip() for name in names]
    for row, name in enumerate(names):
        # Most names are plain, and there may be 200,000 of them.
        if name and "/" not in name and "\\" not in name and name not in (".", "..") and ":" not in name:
            continue
        if not is_safe_relative_path(_DRIVE.sub("", name.lstrip("/\\"))):
            raise DataError(
                f"{path}, {unit} {lines[row]}: expected a file name below the folder of the images, got '{name}'"
            )
        if "/" in name:
            names[row] = PurePosixPath(name).as_posix()
    return names


@dataclass
class Joined:
    """Inner join of a table and a folder of images.

    Attributes
    ----------
    rows
        (N,) row of the table for each image.
    images
        N file names, relative to the folder, in the order of the table.
    keys
        N keys: the images' names in other tables.
    unmatched
        Names that did not join so far.
    notes
        Lines to tell the user: names that differ in form from those of the images, images that are left out.
    """

    rows: NDArray[np.intp]
    images: list[str]
    keys: list[str]
    unmatched: list[Unmatched] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def keep(self, chosen: NDArray[np.bool_]) -> None:
        """Drop the images for which ``chosen`` (N,) is false."""
        self.rows = self.rows[chosen]
        self.images = [name for name, kept in zip(self.images, chosen, strict=True) if kept]
        self.keys = [key for key, kept in zip(self.keys, chosen, strict=True) if kept]


def join_images(keys: Sequence[str], source: Path, images: Mapping[str, str], folder: Path) -> Joined:
    """Join the rows of a required table with the images.

    Parameters
    ----------
    keys
        The file name in each row.
    source
        The table, for messages.
    images
        Key -> file name relative to ``folder``.
    folder
        The folder of the images, for messages.

    Raises
    ------
    DataError
        If no image has a row, or a row fits several images; the message shows a name of either side.
    """
    keys, notes = _spelled_alike(keys, source, list(images), folder)
    unmatched, twice = _twice(keys, source)
    rows = [row for row, key in enumerate(keys) if key in images and key not in twice]
    unmatched += [
        Unmatched(ROW_WITHOUT_IMAGE, key, str(source)) for key in keys if key not in images and key not in twice
    ]
    named = set(keys)
    unmatched += [Unmatched(IMAGE_WITHOUT_ROW, images[key], str(source)) for key in sorted(images) if key not in named]
    if not rows:
        raise DataError(
            f"{folder}: no image has a row: {len(images)} images{_example(images.values())}, {len(keys)} rows in"
            f" {source}{_example(keys)}"
            + (f", {len(twice)} names stand there twice" if twice else "")
            + (ImageNames(list(images)).hint(keys[0]) if keys and keys[0] not in twice else "")
        )
    kept = [keys[row] for row in rows]
    notes += _left_out(len(images) - len(kept), len(images), source)
    return Joined(np.array(rows, np.intp), [images[key] for key in kept], kept, unmatched, notes)


def join_table(
    joined: Joined, keys: Sequence[str], source: Path, known: Iterable[str], *, required: bool = False
) -> NDArray[np.intp]:
    """Return the row of another table for each image, -1 where it has none.

    Adds to ``joined.unmatched`` the names that occur twice, the images without a row, and the rows whose name is
    not among ``known``, the names of the first table and of the images.

    Parameters
    ----------
    joined
        The images; if the table is required, those without a row are dropped.
    keys, source
        The file name in each row of the table, and the table.
    known
        Names that are matched already, or listed as unmatched.
    required
        Whether an image needs a row.

    Raises
    ------
    DataError
        If a required table leaves no image, or a row fits several images.
    """
    keys, notes = _spelled_alike(keys, source, joined.keys)
    joined.notes += notes
    unmatched, twice = _twice(keys, source)
    row_of = {key: row for row, key in enumerate(keys) if key not in twice}
    rows = np.array([row_of.get(key, -1) for key in joined.keys], np.intp)
    unmatched += [Unmatched(ROW_WITHOUT_IMAGE, key, str(source)) for key in sorted(row_of.keys() - set(known))]
    unmatched += [
        Unmatched(IMAGE_WITHOUT_ROW, image, str(source))
        for image, key, row in zip(joined.images, joined.keys, rows, strict=True)
        if row < 0 and key not in twice
    ]
    joined.unmatched += unmatched
    if not required:
        return rows
    found = rows >= 0
    if not found.any():
        raise DataError(
            f"{source}: none of {len(joined.images)} images{_example(joined.images)} has one of its"
            f" {len(keys)} rows{_example(keys)}"
        )
    joined.notes += _left_out(int((~found).sum()), len(found), source)
    joined.keep(found)
    return rows[found]


def _spelled_alike(
    keys: Sequence[str], source: Path, images: Sequence[str], folder: Path | None = None
) -> tuple[Sequence[str], list[str]]:
    """Return the keys of a table's rows with the images' names in place of other spellings, and a line about these.

    A row takes part if no image has its very name, and an image if no row has.
    """
    named, known = set(keys), set(images)
    if named >= known or named <= known:
        return keys, []
    names = ImageNames(images, "" if folder is None else str(folder))
    differences, meant = Differences(), dict[str, str]()
    taken: dict[str, str] = {}
    for key in dict.fromkeys(keys):
        if key in known:
            continue
        fits = [images[row] for row in names.find(key).images]
        if not fits or any(image in named for image in fits):
            continue
        if len(fits) > 1:
            raise DataError(
                f"{source}: '{key}' is no image, and fits several: '{fits[0]}' ({what_is_apart(key, fits[0])} apart)"
                f" and '{fits[1]}'; name it as its file is"
            )
        if fits[0] in taken:
            raise DataError(
                f"{source}: '{taken[fits[0]]}' and '{key}' both fit '{fits[0]}' and no other image; name one of them"
                " as its file is"
            )
        meant[key], taken[fits[0]] = fits[0], key
        differences.add(key, fits[0])
    return [meant.get(key, key) for key in keys], differences.describe(source, len(images))


def _twice(keys: Sequence[str], source: Path) -> tuple[list[Unmatched], set[str]]:
    if len(set(keys)) == len(keys):
        return [], set()
    twice = sorted(key for key, count in Counter(keys).items() if count > 1)
    return [Unmatched(NAME_TWICE, key, str(source)) for key in twice], set(twice)


def _left_out(count: int, images: int, source: Path) -> list[str]:
    return [f"{source}: {count} of {images} images have no row and are left out"] if count else []


def _example(names: Iterable[str]) -> str:
    first = next(iter(names), None)
    return "" if first is None else f" (such as '{first}')"
