"""What a file of landmarks says of one face, and when that is "no face"."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wsegs.errors import DataError
from wsegs.schemes import LandmarkScheme

Points = NDArray[np.float64]
"""(P, 2), x and y."""

_BLANK = frozenset({"", "-", "na", "n/a", "null", "none"})
_NUMBER_IN_LABEL = re.compile(r"(?:^|[^0-9.])0*([0-9]{1,4})$")


@dataclass(frozen=True)
class FaceRow:
    """One face, or the word that an image has none.

    Attributes
    ----------
    names
        Names of its image, the best first.
    points
        (P, 2) float64, x and y as the file has them; None for "no face".
    where
        The file and the line, for messages.
    score
        How sure the file is of the face; None if it does not say.
    size
        Width and height of the image that the points were made on; None if the file does not say.
    first
        The number of the first pixel: 1 where the format counts from one.
    incomplete
        Whether there is a face of which the file does not know all points; ``points`` is None then.
    """

    names: tuple[str, ...]
    points: Points | None
    where: str
    score: float | None = None
    size: tuple[int, int] | None = None
    first: int = 0
    incomplete: bool = False


def points_of_text(values: Sequence[str], where: str) -> Points | None:
    """Return (P, 2) from x, y, x, y, ...; None if they say "no face": all blank, nan, 0 or -1.

    Raises
    ------
    DataError
        If a value is not a number of pixels.
    """
    try:
        numbers = [*map(float, values)]
    except ValueError:
        blank = [value.strip().lower() in _BLANK for value in values]
        if all(blank):
            return None
        numbers = [math.nan if empty else number(value, where) for value, empty in zip(values, blank, strict=True)]
    return checked_points(np.array(numbers).reshape(-1, 2), where, values)


def checked_points(points: Points, where: str, texts: Sequence[object] | None = None) -> Points | None:
    """Return points (P, 2) that are all known; None if they say "no face": all nan, all 0 or all -1.

    ``texts`` are their values as the file has them, for messages.

    Raises
    ------
    DataError
        If some of the values are no numbers of pixels.
    """
    if np.isnan(points).all() or (points == 0).all() or (points == -1).all():
        return None
    # Above this float32 is not exact.
    wrong = ~(np.abs(points) < 1 << 24)
    if wrong.any():
        at = int(np.argmax(wrong.ravel()))
        got = points.ravel()[at] if texts is None else str(texts[at]).strip()[:40]
        raise DataError(f"{where}: expected a number of pixels, got '{got}' for point {at // 2} of {len(points)}")
    return points


def number(text: object, where: str) -> float:
    """Return a finite number of a file, or raise DataError."""
    try:
        value = float(text) if isinstance(text, (str, int, float)) and not isinstance(text, bool) else math.nan
    except (ValueError, OverflowError):
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"{where}: expected a number of pixels, got '{str(text).strip()[:40]}'")
    return value


def score_of(value: object, where: str) -> float | None:
    """Return how sure a file says it is of a face; None where it leaves that empty.

    Raises
    ------
    DataError
        If it is not a number.
    """
    text = "" if value is None else str(value).strip()
    if text.lower() in _BLANK | {"nan"}:
        return None
    try:
        score = math.nan if isinstance(value, bool) else float(text)
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        raise DataError(f"{where}: expected the score of a face, got '{text[:40]}'")
    return score


def size_of(width: object, height: object, where: str) -> tuple[int, int] | None:
    """Return the width and height that a file gives for an image; None where it leaves them empty or 0."""
    if width in (None, "", "0", 0) or height in (None, "", "0", 0):
        return None
    w, h = number(width, where), number(height, where)
    return (int(w), int(h)) if 0 < w < 1 << 24 and 0 < h < 1 << 24 else None


def labelled_points(
    labels: Sequence[str], points: Iterable[tuple[float, float]], scheme: LandmarkScheme, where: str
) -> Points | None:
    """Return (P, 2) from points that a person labelled, in any order.

    Labels end in the numbers 0 to P - 1, or 1 to P, or are the scheme's names; P points of one label come in order.

    Raises
    ------
    DataError
        If a point is missing, or there twice; the message names it.
    """
    coordinates = np.array([*points], np.float64).reshape(-1, 2)
    count = scheme.count
    if len(labels) == count and len(set(labels)) == 1:
        return checked_points(coordinates, where)
    numbers = [_label_number(label, scheme, where) for label in labels]
    first = 1 if numbers and min(numbers) == 1 and max(numbers) == count else 0
    placed = dict(zip((number - first for number in numbers), coordinates, strict=True))
    if len(placed) < len(labels):
        twice = next(label for label, number in zip(labels, numbers, strict=True) if numbers.count(number) > 1)
        raise DataError(f"{where}: point '{twice}' is there twice; several faces of an image need a group each")
    if {*placed} != {*range(count)}:
        missing = sorted({*range(count)} - {*placed})
        problem = f"{missing[0] + first} is missing" if missing else f"there is {max(placed) + first}, too"
        raise DataError(
            f"{where}: expected points {first} to {count - 1 + first} of {scheme.name}, got {len(labels)}: {problem}"
        )
    return checked_points(np.stack([placed[i] for i in range(count)]), where)


def _label_number(label: str, scheme: LandmarkScheme, where: str) -> int:
    named = scheme.names.get(label, ())
    if len(named) == 1:
        return named[0]
    if found := _NUMBER_IN_LABEL.search(label.strip()):
        return int(found[1])
    raise DataError(f"{where}: expected a label that ends in the number of a point, got '{label[:40]}'")


def check_count(found: int, scheme: LandmarkScheme, where: str) -> None:
    """Raise DataError unless a file has as many points as the scheme."""
    if found != scheme.count:
        raise DataError(
            f"{where}: expected {scheme.count} points of {scheme.name}, got {found}; --scheme names another scheme"
        )
