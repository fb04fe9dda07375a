"""Resampling by pixel centres: the only place that says which source pixel a target pixel takes.

The centre of pixel i is at coordinate i, its edges at i - 0.5 and i + 0.5. A resize keeps the edges of the picture, so
``target = (source + 0.5) * scale - 0.5`` and back. OpenCV's INTER_LINEAR, INTER_AREA and INTER_NEAREST_EXACT agree;
INTER_NEAREST does not: it takes the pixel half a target pixel before.

Nearest neighbour commutes with a flip. Where the target's centre lies on the edge between two source pixels, rounding
down would take the left one before the flip and the right one after. Of two pixels that are equally near, the one
nearer to the middle of the picture is taken. On the middle line itself, which an odd number of target pixels has over
an even number of source pixels, both are equally near to the middle, too: there the two values are combined by a
symmetric function of the values: bitwise OR of region integers, the maximum of class numbers (0 is background and the
ignore index the largest, so details win over background and what is unknown stays unknown).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Combine = Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]]

# Pixels. Between whole sizes, a centre that is on no edge is 1 / (2 * target) or farther from it.
_ON_EDGE = 1e-6


class Nearest(NamedTuple):
    """The source pixels that target pixels take along one axis, or along both sides of a grid.

    Attributes
    ----------
    first, second
        intp of the same shape. Different only where two pixels are equally near to the centre and to the middle of the
        picture. May lie outside of the picture.
    """

    first: NDArray[np.intp]
    second: NDArray[np.intp]

    @property
    def ties(self) -> NDArray[np.bool_]:
        """Where both have to be combined."""
        return np.asarray(self.first != self.second)


def rescale(coordinates: float | NDArray[np.float64], scale: float | NDArray[np.float64]) -> Any:
    """Return pixel coordinates in a picture that was resized by ``scale``, one of all or one of x and one of y.

    >>> rescale(0.0, 2.0)
    0.5
    >>> rescale(0.5, 0.5)
    0.0
    """
    return (coordinates + 0.5) * scale - 0.5


def nearest_to(coordinates: NDArray[np.float64], length: int) -> Nearest:
    """Return the pixels of an axis of ``length`` pixels that are nearest to coordinates along it.

    >>> nearest_to(np.array([0.4, 0.5, 1.5, 2.5]), 4)
    Nearest(first=array([0, 1, 1, 2]), second=array([0, 1, 2, 2]))
    """
    low = np.ceil(coordinates - 0.5 - _ON_EDGE).astype(np.intp)
    high = np.floor(coordinates + 0.5 + _ON_EDGE).astype(np.intp)
    # Both are one pixel, but on an edge. The edge in the middle lies between pixels whose numbers add up to length - 1.
    return Nearest(np.where(low + high < length - 1, high, low), np.where(low + high > length - 1, low, high))


@lru_cache(maxsize=64)
def nearest_pixels(source: int, target: int) -> Nearest:
    """Return the pixels that a resize from ``source`` to ``target`` pixels takes along an axis; both read-only.

    >>> nearest_pixels(4, 2).first, nearest_pixels(4, 2).second
    (array([1, 2]), array([1, 2]))
    >>> nearest_pixels(6, 3)
    Nearest(first=array([1, 2, 4]), second=array([1, 3, 4]))
    """
    nearest = nearest_to(rescale(np.arange(target, dtype=np.float64), source / target), source)
    for pixels in nearest:
        pixels.flags.writeable = False
    return nearest


def resample_nearest(array: NDArray[Any], size: tuple[int, int], combine: Combine) -> NDArray[Any]:
    """Resize an array (..., H, W) of any type by nearest neighbour.

    Parameters
    ----------
    array
        Region integers, class numbers or bool.
    size
        (h, w) of the result.
    combine
        Value of two pixels that are equally near: ``np.bitwise_or`` for region integers, ``np.maximum`` for classes.

    Returns
    -------
    (..., h, w). ``flip(resample(x)) == resample(flip(x))``, along both axes and for all sizes.
    """
    for axis, target in ((-2, size[0]), (-1, size[1])):
        first, second = nearest = nearest_pixels(array.shape[axis], target)
        taken = array.take(first, axis)
        if (tied := np.flatnonzero(nearest.ties)).size:
            (middle,) = tied.tolist()
            place = np.s_[..., middle, :] if axis == -2 else np.s_[..., middle]
            taken[place] = combine(taken[place], array.take(second[middle], axis))
        array = taken
    return array


class NearestGrid:
    """:func:`resample_nearest` of one size after another, for readers that gather flat pixels.

    A reader that has the pixels of an image one after another gathers :attr:`pixels` of them and hands the result to
    :meth:`regions`.

    Parameters
    ----------
    source, size
        (H, W) and (h, w).

    Attributes
    ----------
    size
        (h, w).
    pixels
        (n,) intp, which pixels to gather, counted along lines: h * w of them, then those of ties.
    """

    def __init__(self, source: tuple[int, int], size: tuple[int, int]) -> None:
        self.size = size
        rows, columns = (nearest_pixels(before, after) for before, after in zip(source, size, strict=True))
        first = rows.first * source[1]
        parts = [(first[:, None] + columns.first).ravel()]
        # Where a part is combined into the result: the middle row, the middle column, the pixel where they cross.
        self._places: list[Any] = []
        (row, column) = (np.flatnonzero(nearest.ties).tolist() for nearest in (rows, columns))
        for middle in row:
            parts.append(rows.second[middle] * source[1] + columns.first)
            self._places.append(np.s_[middle])
        for middle in column:
            parts.append(first + columns.second[middle])
            self._places.append(np.s_[:, middle])
            for other in row:
                parts.append(rows.second[other] * source[1] + columns.second[[middle]])
                self._places.append(np.s_[other, middle : middle + 1])
        self.pixels: NDArray[np.intp] = np.concatenate(parts)
        self._ends = np.cumsum([len(part) for part in parts]).tolist()

    @property
    def has_ties(self) -> bool:
        """Whether :attr:`pixels` are more than those of the target."""
        return bool(self._places)

    def regions(self, gathered: NDArray[np.unsignedinteger]) -> NDArray[Any]:
        """Return region integers (h, w) of the gathered pixels (n,), a view that is combined in place."""
        whole: NDArray[Any] = gathered[: self._ends[0]].reshape(self.size)
        for place, (start, end) in zip(self._places, pairwise(self._ends), strict=True):
            whole[place] |= gathered[start:end]
        return whole
