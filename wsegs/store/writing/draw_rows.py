"""Drawing some rows of a store: what a worker does.

Image by image, so that pixels are compressed while they are in the processor's cache, and so that memory does not grow
with the number of rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wsegs.io.checksum import pixels_checksum
from wsegs.rules.drawing.draw import draw_each, region_dtype
from wsegs.rules.drawing.program import Program
from wsegs.store.format import encode_chunk

if TYPE_CHECKING:
    from wsegs.rules import RuleSet
    from wsegs.store.writing.encode_crops import CropSources
    from wsegs.store.writing.refine_rows import Photos


@dataclass(frozen=True)
class Drawing:
    """What is the same for all rows.

    Attributes
    ----------
    program
        The compiled rules. Workers get it as it is: they need not read YAML.
    rules, source
        The text that it was compiled from, and its name.
    size
        (H, W) of the frame.
    attribute_names
        The attributes whose masks are drawn; None draws regions alone.
    """

    program: Program
    rules: str
    source: str
    size: tuple[int, int]
    attribute_names: tuple[str, ...] | None

    def rule_set(self) -> RuleSet:
        """Return the rules as the rest of wsegs knows them."""
        from wsegs.rules import RuleSet

        return RuleSet(self.program, self.rules, self.source)


@dataclass(frozen=True, eq=False)
class DrawnRows:
    """What became of some rows.

    Attributes
    ----------
    chunks
        Name of a dataset -> its compressed chunks, one a row, in order; ``crops`` -> JPEG files.
    sums
        What :func:`wsegs.io.checksum.pixels_checksum` says of the regions of each row.
    empty
        int64 (R,): of how many faces each region is empty.
    unrefined
        How many faces were not refined for want of an image.
    unreadable
        Images that should have been kept and cannot be read, as ``name: reason``.
    """

    chunks: dict[str, list[bytes]]
    sums: tuple[int, ...]
    empty: NDArray[np.int64]
    unrefined: int
    unreadable: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.chunks["regions"])


def draw_rows(
    drawing: Drawing,
    landmarks: NDArray[np.float32],
    labels: NDArray[np.int8] | None,
    photos: Photos | None,
    sources: CropSources | None = None,
) -> DrawnRows:
    """Draw, refine and compress some rows, and encode their crops.

    Parameters
    ----------
    drawing
        What to draw.
    landmarks
        (n, P, 2), x and y in the frame; nan where there is no face.
    labels
        (n, A) of the drawing's attributes; None if it has none.
    photos
        The images of the rows, to refine by; None leaves the regions as the rules draw them.
    sources
        The images of the rows, to keep; None keeps none.
    """
    lookup = None
    if drawing.attribute_names is not None:
        lookup = drawing.rule_set().lookup(drawing.attribute_names)
    if photos is not None:
        from wsegs.store.writing.refine_rows import refine_rows  # scipy, which only refining needs

        rules = drawing.rule_set()
    dtype = region_dtype(len(drawing.program.regions))
    chunks: dict[str, list[bytes]] = {"regions": []}
    if lookup is not None:
        chunks["masks"] = []
    has_face = np.isfinite(landmarks).all(axis=(1, 2))
    word = _word(drawing.size, dtype)
    present = np.zeros(len(landmarks), word)
    unrefined = 0
    sums: list[int] = []
    for row, regions in enumerate(draw_each(drawing.program, landmarks.astype(np.float64), drawing.size)):
        if photos is not None:
            one = slice(row, row + 1)
            unrefined += refine_rows(regions[None], landmarks[one], rules, photos.select(one))
        chunks["regions"].append(encode_chunk(regions))
        sums.append(pixels_checksum(regions))
        if lookup is not None and labels is not None:
            chunks["masks"].append(encode_chunk(lookup.expand(regions, labels[row])))
        present[row] = np.bitwise_or.reduce(regions.reshape(-1).view(word))
    bits = np.bitwise_or.reduce(present.view(dtype).reshape(len(present), -1), axis=1)[has_face]
    empty = [np.count_nonzero((bits >> bits.dtype.type(bit) & 1) == 0) for bit in range(len(drawing.program.regions))]
    unreadable: list[str] = []
    if sources is not None:
        chunks["crops"], unreadable = sources.encode(drawing.size)
    return DrawnRows(chunks, tuple(sums), np.array(empty, np.int64), unrefined, tuple(unreadable))


def _word(size: tuple[int, int], dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the widest integer that an image of pixels of ``dtype`` is a whole number of."""
    length = size[0] * size[1] * dtype.itemsize
    return next(word for word in map(np.dtype, ("u8", "u4", "u2")) if length % word.itemsize == 0)
