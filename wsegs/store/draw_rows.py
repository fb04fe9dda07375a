"""Drawing some rows of a store: what a worker does.

Image by image, so that pixels are compressed while they are in the processor's cache, and so that memory does not grow
with the number of rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from wsegs.rules import RuleSet, compile_rules
from wsegs.store.crops import CropSources
from wsegs.store.format import encode_chunk
from wsegs.store.refine_rows import Photos, refine_rows


@dataclass(frozen=True)
class Drawing:
    """What is the same for all rows.

    Attributes
    ----------
    rules, source
        Text of the rules and its name; a worker compiles them once.
    size
        (H, W) of the frame.
    attribute_names
        The attributes whose masks are drawn; None draws regions alone.
    """

    rules: str
    source: str
    size: tuple[int, int]
    attribute_names: tuple[str, ...] | None


@dataclass(frozen=True, eq=False)
class DrawnRows:
    """What became of some rows.

    Attributes
    ----------
    chunks
        Name of a dataset -> its compressed chunks, one a row, in order; ``crops`` -> JPEG files.
    empty
        int64 (R,): of how many faces each region is empty.
    unrefined
        How many faces were not refined for want of an image.
    unreadable
        Images that should have been kept and cannot be read, as ``name: reason``.
    """

    chunks: dict[str, list[bytes]]
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
    rules = _compiled(drawing.rules, drawing.source)
    lookup = None if drawing.attribute_names is None else rules.lookup(drawing.attribute_names)
    chunks: dict[str, list[bytes]] = {"regions": []}
    if lookup is not None:
        chunks["masks"] = []
    has_face = np.isfinite(landmarks).all(axis=(1, 2)).tolist()
    present = np.zeros(len(landmarks), rules.dtype)
    unrefined = 0
    for row, regions in enumerate(rules.draw_each(landmarks, drawing.size)):
        if photos is not None:
            one = slice(row, row + 1)
            unrefined += refine_rows(regions[None], landmarks[one], rules, photos.select(one))
        chunks["regions"].append(encode_chunk(regions))
        if lookup is not None and labels is not None:
            chunks["masks"].append(encode_chunk(lookup.expand(regions, labels[row])))
        # Along columns first, which numpy does many at a time.
        present[row] = np.bitwise_or.reduce(np.bitwise_or.reduce(regions, axis=0))
    faces = present[has_face]
    empty = [np.count_nonzero((faces >> faces.dtype.type(bit) & 1) == 0) for bit in range(len(rules.region_names))]
    unreadable: list[str] = []
    if sources is not None:
        chunks["crops"], unreadable = sources.encode(drawing.size)
    return DrawnRows(chunks, np.array(empty, np.int64), unrefined, tuple(unreadable))


@lru_cache(maxsize=1)
def _compiled(text: str, source: str) -> RuleSet:
    """Compile the rules once a worker."""
    return compile_rules(text, source)
