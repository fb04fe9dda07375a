"""Keep the outlines of faces that are drawn again and again, a few at a time and in any order.

Computing outlines is array arithmetic, whose cost for a mini-batch of 32 is nearly all overhead: more than that of
filling. A block of a thousand faces costs a sixth of filling, and is computed once. Vertices are whole pixels: those of
``celeba`` take 1.3 KB a face.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np

from wsegs.rules.drawing.draw import outlines_of
from wsegs.rules.drawing.outlines import Outline, Outlines, PolygonOutline, RegionOutlines
from wsegs.rules.drawing.program import Program

_BLOCK = 1024  # faces that are computed at a time
MOST_BYTES = 512 << 20
"""Of kept outlines: those of about 400,000 faces by ``celeba``. Others are computed when they are asked for."""

_Key = tuple[int, Hashable]  # a region's bit, and what the outline is of its rules


@dataclass
class _Polygons:
    """Polygons of some keys, one of each a face, for all N faces: memory is used where a block was kept."""

    keys: list[_Key]
    ends: list[int]  # of each key's vertices
    points: np.ndarray  # int16 (N, V, 2)
    drawn: np.ndarray  # bool (N, keys)


@dataclass
class _Chosen:
    """The polygons of some faces; see :class:`wsegs.rules.drawing.outlines.Outline`."""

    faces: list[list[np.ndarray]]

    @property
    def drawn(self) -> np.ndarray:
        """On which faces it is drawn."""
        return np.array([bool(polygons) for polygons in self.faces])

    def polygons(self, face: int) -> list[np.ndarray]:
        """Return the polygons of a face."""
        return self.faces[face]

    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the first and the last row of every face."""
        rows = [np.concatenate(polygons)[:, 1] if polygons else np.zeros(1, int) for polygons in self.faces]
        return np.array([row.min() for row in rows]), np.array([row.max() for row in rows])


class KeptOutlines:
    """The outlines of N faces, computed block by block as they are asked for.

    Parameters
    ----------
    program
        A compiled rule file.
    landmarks
        (N, P, 2), x and y in pixels of the frame; nan where there is no face.
    height
        Of the frame.
    most_bytes
        Blocks are kept up to this.
    """

    def __init__(self, program: Program, landmarks: np.ndarray, height: int, most_bytes: int = MOST_BYTES) -> None:
        self._program = program
        self._landmarks = landmarks
        self._height = height
        self._most_bytes = most_bytes
        self._bytes = 0
        self._found = np.isfinite(landmarks).all(axis=(1, 2))
        self._kept = np.zeros(-(-len(landmarks) // _BLOCK), bool)
        self._polygons: list[_Polygons] = []
        # Of shapes with any number of polygons a face: face -> its polygons.
        self._rings: dict[_Key, dict[int, list[np.ndarray]]] = {}
        self._rows = np.zeros((len(landmarks), 2, len(program.order)), np.int16)  # top and bottom of each region

    def of(self, rows: np.ndarray) -> tuple[Outlines, np.ndarray]:
        """Return the outlines of those of the rows (B,) that have a face, and which do, bool (B,)."""
        found = self._found[rows]
        rows = rows[found]
        if not len(rows):
            return {}, found
        blocks = np.unique(rows // _BLOCK)
        for block in blocks[~self._kept[blocks]].tolist():
            if self._bytes >= self._most_bytes:
                return outlines_of(self._program, self._landmarks[rows].astype(np.float64), self._height), found
            self._keep(block)
        return self._choose(rows), found

    def _keep(self, block: int) -> None:
        """Compute the outlines of a block."""
        begin = block * _BLOCK
        rows = begin + np.flatnonzero(self._found[begin : begin + _BLOCK])
        regions = outlines_of(self._program, self._landmarks[rows].astype(np.float64), self._height)
        polygons: dict[_Key, PolygonOutline] = {}
        for position, (bit, region) in enumerate(regions.items()):
            self._rows[rows, 0, position] = region.top[: len(rows)]
            self._rows[rows, 1, position] = region.bottom[: len(rows)]
            for key, outline in region.outlines.items():
                if isinstance(outline, PolygonOutline):
                    polygons[bit, key] = outline
                else:
                    self._keep_rings((bit, key), outline, rows)
        known = {key for some in self._polygons for key in some.keys}
        if new := [key for key in polygons if key not in known]:
            ends = np.cumsum([polygons[key].points.shape[1] for key in new]).tolist()
            faces = len(self._landmarks)
            points = np.empty((faces, ends[-1], 2), np.int16)
            self._polygons.append(_Polygons(new, ends, points, np.zeros((faces, len(new)), bool)))
        for some in self._polygons:
            for column, (key, end) in enumerate(zip(some.keys, some.ends, strict=True)):
                if key not in polygons:
                    continue
                points = polygons[key].points[: len(rows)]
                some.points[rows, end - points.shape[1] : end] = points
                some.drawn[rows, column] = polygons[key].drawn[: len(rows)]
                self._bytes += 2 * points.size
        self._kept[block] = True

    def _keep_rings(self, key: _Key, outline: Outline, rows: np.ndarray) -> None:
        rings = self._rings.setdefault(key, {})
        for face, row in enumerate(rows.tolist()):
            if outline.drawn[face]:
                rings[row] = outline.polygons(face)
                self._bytes += sum(ring.nbytes for ring in rings[row])

    def _choose(self, rows: np.ndarray) -> Outlines:
        """Return the outlines of faces that were kept."""
        tops, bottoms = self._rows[rows].transpose(1, 2, 0).tolist()
        regions = {
            bit: RegionOutlines({}, top, bottom)
            for bit, top, bottom in zip(self._program.order, tops, bottoms, strict=True)
        }
        for some in self._polygons:
            points = some.points[rows].astype(np.int32)
            begin = 0
            for (bit, key), end, drawn in zip(some.keys, some.ends, some.drawn[rows].T.tolist(), strict=True):
                faces = [[polygon] if is_drawn else [] for polygon, is_drawn in zip(points[:, begin:end], drawn, strict=True)]
                regions[bit].outlines[key] = _Chosen(faces)
                begin = end
        for (bit, key), rings in self._rings.items():
            regions[bit].outlines[key] = _Chosen([rings.get(row, []) for row in rows.tolist()])
        return regions
