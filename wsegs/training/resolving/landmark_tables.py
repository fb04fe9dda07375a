"""A table of landmarks in place of a mask store: the data set that it is of, opened as it was then."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wsegs.errors import OptionError
from wsegs.landmarks.table import open_landmarks
from wsegs.store.verify import kind_of_file


def is_landmark_table(path: Path) -> bool:
    """Return whether a file says of itself that it holds landmarks."""
    return path.is_file() and kind_of_file(path) == "landmark table"


def samples_of_landmarks(
    table: Path, data: Path | None, landmarks: Path | None, opened: Mapping[str, Any]
) -> tuple[None, Path, Path, dict[str, Any]]:
    """Return mask store (none), data set, landmarks and options of a training on the images of a table of landmarks.

    Parameters
    ----------
    table
        Takes the place of MASKS.
    data, landmarks, opened
        What the user named: the data set if it moved, and the options that it is opened with.

    Raises
    ------
    OptionError
        If landmarks are named twice, or the table does not say where its images are.
    MissingError, DataError
        If it cannot be read.
    """
    if landmarks is not None:
        raise OptionError(f"--landmarks: {table} holds landmarks already; expected one of them")
    with open_landmarks(table) as known:
        found_in = known.provenance.get("data", {})
    before = dict(found_in.get("opened") or {})
    folder = Path(before.pop("data", found_in.get("root", "")))
    if data is None and not found_in:
        raise OptionError(f"{table}: does not say where its images are; --data names their folder")
    return None, data or folder, table, {**before, **opened}
