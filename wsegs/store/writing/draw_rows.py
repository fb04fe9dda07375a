"""Draw some rows of a store: the work of one worker process.

Rows are drawn and compressed one by one: their pixels stay in the processor's cache, and memory does not grow with the
number of rows.
"""

from __future__ import annotations

import json
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
    """What all rows have in common.

    Attributes
    ----------
    program
        The compiled rules, so that workers read no YAML.
    rules, source
        The text of the rules, and its name.
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
    """Some rows as drawn.

    Attributes
    ----------
    chunks
        Name of a dataset -> its compressed chunks, one a row, in order; ``crops`` -> JPEG files.
    sums
        :func:`wsegs.io.checksum.pixels_checksum` of the regions of each row.
    empty
        int64 (R,): the number of faces on which each region is empty.
    unrefined
        Number of faces that were not refined since their image cannot be read.
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

    def to_bytes(self) -> bytes:
        """Return all of it for a journal: a line of JSON, then the chunks."""
        sizes = {name: [len(chunk) for chunk in chunks] for name, chunks in self.chunks.items()}
        head = {"sizes": sizes, "empty": self.empty.tolist(), "unrefined": self.unrefined}
        head |= {"unreadable": self.unreadable, "sums": self.sums}
        return b"".join([json.dumps(head).encode(), b"\n", *(chunk for each in self.chunks.values() for chunk in each)])

    @classmethod
    def from_bytes(cls, data: bytes) -> DrawnRows:
        """Return the rows that :meth:`to_bytes` wrote."""
        place = data.index(b"\n") + 1
        head = json.loads(data[:place])
        chunks: dict[str, list[bytes]] = {name: [] for name in head["sizes"]}
        for name, sizes in head["sizes"].items():
            for size in sizes:
                chunks[name].append(data[place : place + size])
                place += size
        empty = np.array(head["empty"], np.int64)
        return cls(chunks, tuple(head["sums"]), empty, head["unrefined"], tuple(head["unreadable"]))


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
    """Return the widest unsigned integer whose size divides that of an image of ``dtype``."""
    length = size[0] * size[1] * dtype.itemsize
    return next(word for word in map(np.dtype, ("u8", "u4", "u2")) if length % word.itemsize == 0)
