"""Compare the sizes of images with those that points or masks were made for: the same name may be another picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wsegs.errors import DataError
from wsegs.io.images import image_size

_LOOKED_AT = 200  # images; others are compared when they are read


def check_size(path: Path, size: ArrayLike, expected: ArrayLike, source: str) -> None:
    """Check one image that was read.

    Parameters
    ----------
    path
        The image.
    size, expected
        Width and height: those of the image, and those that ``source`` was made for; 0 where unknown.
    source
        What was made for it, for the message.

    Raises
    ------
    DataError
        If the sizes differ.
    """
    if _differs(size, expected):
        raise DataError(f"{path}: {_text(size)} pixels, expected {_text(expected)} by {source}")


def check_image_sizes(
    root: Path, names: Sequence[str], sizes: NDArray[np.integer], source: str, hint: str = ""
) -> None:
    """Check by their headers that images have the sizes that points or masks were made for.

    Of many images some are looked at, evenly spaced. Images that cannot be read are for the reader to report.

    Parameters
    ----------
    root
        The folder of the images.
    names
        N names below it.
    sizes
        (N, 2), width and height; 0 where unknown.
    source
        What was made for images of these sizes, for the message.
    hint
        What helps, for the message; "" is to give other images, to make it anew, or to scale exact multiples.

    Raises
    ------
    DataError
        If one is of another size; the message names the first, both sizes, and how many there are.
    """
    known = np.flatnonzero(np.asarray(sizes)[:, 0] > 0)
    looked_at = known
    if len(known) > _LOOKED_AT:
        looked_at = known[np.linspace(0, len(known) - 1, _LOOKED_AT).round().astype(np.intp)]
    others: list[tuple[Path, tuple[int, int], NDArray[np.integer]]] = []
    for row in looked_at.tolist():
        path = root / names[row]
        try:
            size = image_size(path)
        except DataError:
            continue
        if _differs(size, sizes[row]):
            others.append((path, size, sizes[row]))
    if others:
        path, size, expected = others[0]
        count = f"{len(others)} of {len(looked_at)} images" + (" looked at" if len(looked_at) < len(known) else "")
        raise DataError(
            f"{path}: {_text(size)} pixels, expected {_text(expected)} by {source}"
            f" ({count} are of another size); {hint or _what_helps(others)}"
        )


def _what_helps(others: Sequence[tuple[Path, tuple[int, int], NDArray[np.integer]]]) -> str:
    """Return what is done about images of another size than expected: path, size and the expected size of each."""
    sizes = np.array([size for _, size, _ in others], float)
    ratios = sizes / np.array([expected for _, _, expected in others])
    times = float(ratios[0, 0])
    if (ratios == times).all() and (times.is_integer() or (1 / times).is_integer()):
        size = f"{times:g} times" if times > 1 else f"1/{1 / times:g}"
        return (
            f"these are exactly {size} as large: wsegs landmarks --update LANDMARKS --import-scale file -o NEW.h5, with"
            " --data for these images, scales landmarks to them; masks are made from those"
        )
    return "give the images that it was made from, or make it anew for these"


def _differs(size: ArrayLike, expected: ArrayLike) -> bool:
    return bool(np.all(np.asarray(expected) > 0) and np.any(np.asarray(size) != np.asarray(expected)))


def _text(size: ArrayLike) -> str:
    width, height = np.asarray(size).tolist()
    return f"{width}x{height}"
