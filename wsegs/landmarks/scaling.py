"""Scale points that were made on images of another size."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wsegs.errors import DataError, OptionError

_SIZE = re.compile(r"([1-9][0-9]{0,5})[xX\u00d7]([1-9][0-9]{0,5})")


@dataclass(frozen=True)
class Scale:
    """What points are scaled by.

    Attributes
    ----------
    kind
        "image": from 0..1 to the width and height of the image. "file": from the size that the file says. "size": from
        :attr:`size`. "factor": by :attr:`factor`.
    factor
        1 takes points as they are.
    size
        Width and height of the images that the points were made on.
    """

    kind: Literal["image", "file", "size", "factor"]
    factor: float = 1.0
    size: tuple[int, int] = (0, 0)

    def __str__(self) -> str:
        """Return what :func:`parse_scale` reads."""
        texts = {"size": f"{self.size[0]}x{self.size[1]}", "factor": repr(self.factor)}
        return texts.get(self.kind, self.kind)

    @property
    def as_it_is(self) -> bool:
        """Whether somebody said that the points are right."""
        return self.kind == "factor" and self.factor == 1


def parse_scale(text: str, option: str, words: tuple[Literal["image", "file"], ...] = ("image", "file")) -> Scale:
    """Return the scale that an option names: a word, a number such as 2 or 1/2, or a size such as 178x218.

    Raises
    ------
    OptionError
        If it is none of these.
    """
    for word in words:
        if text.strip().lower() == word:
            return Scale(word)
    if found := _SIZE.fullmatch(text.strip()):
        return Scale("size", size=(int(found[1]), int(found[2])))
    try:
        factor = float(Fraction(text.strip()))
    except (ValueError, ZeroDivisionError, OverflowError):
        factor = 0.0
    if not 1e-4 <= factor <= 1e4:
        raise OptionError(
            f"{option} {text}: expected {', '.join(words)}{', ' if words else ''}a number (2, 0.5), or the width and"
            " height of the images that the points were made on (178x218)"
        )
    return Scale("factor", factor)


def scaled(
    points: NDArray[np.floating],
    scale: Scale,
    sizes: NDArray[np.integer],
    made_on: NDArray[np.integer],
    first: NDArray[np.integer],
) -> NDArray[np.float64]:
    """Return points (N, P, 2) as they lie on images of ``sizes``.

    Pixel centres stay pixel centres: the centre of pixel i is at i + 0.5. Coordinates from 0 to 1 are multiplied by
    width and height, as those who divided by them expect.

    Parameters
    ----------
    points
        x and y; nan stays nan.
    scale
        By what.
    sizes, made_on
        (N, 2), width and height of the images, and of those that the points were made on; 0 unknown.
    first
        (N,) what was subtracted from the points since their file counts pixels from 1.

    Raises
    ------
    DataError
        If the size is needed that the points were made on, and unknown for all.
    """
    wide: NDArray[np.float64] = np.asarray(points, np.float64)
    if scale.kind == "image":
        whole: NDArray[np.float64] = (wide + first[:, None, None]) * sizes[:, None, :]
        return whole
    factors: NDArray[np.float64] = np.full((len(wide), 2), scale.factor)
    if scale.kind in ("size", "file"):
        base = np.broadcast_to(scale.size, made_on.shape) if scale.kind == "size" else made_on
        if len(base) and not base.any():
            raise DataError("no file says how large the images were that its points were made on")
        known = (base > 0).all(axis=1) & (sizes > 0).all(axis=1)
        factors[known] = sizes[known] / base[known]
    if (factors == 1).all():
        return wide
    moved: NDArray[np.float64] = (wide + 0.5) * factors[:, None, :] - 0.5
    return moved


def corners(boxes: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the first and the last corner of boxes (N, 4), x, y, width, height: (N, 2, 2)."""
    return np.stack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def scaled_boxes(
    boxes: NDArray[np.floating], move: Callable[[NDArray[np.floating]], NDArray[np.floating]]
) -> NDArray[np.floating]:
    """Return boxes (N, 4) whose corners were moved as points (N, 2, 2) are."""
    first, last = np.moveaxis(move(corners(boxes)), 1, 0)
    return np.concatenate([first, last - first], axis=1)
