"""Intersection over union of regions and human masks, fast enough to be recomputed at each step of a fit.

:func:`wsegs.rules.tuning.score.score_regions` draws all regions as whole pictures. Here only the requested regions
are filled, each in the rows that it covers, and the human regions are prepared once: about ten times as fast, with the
same counts. Regions with ``minus`` or ``within`` depend on others and are drawn in full.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from wsegs.rules.drawing.draw import draw_regions
from wsegs.rules.drawing.outlines import RegionOutlines, region_outlines
from wsegs.rules.drawing.program import Program
from wsegs.rules.drawing.variables import only_regions


class Overlap:
    """Human regions of N faces, prepared for comparison with what a program draws.

    Parameters
    ----------
    landmarks
        (N, P, 2) float64, finite, x and y in pixels of the masks.
    human
        Region bit -> bool (N, H, W), the human region; False where the pixel is ignored.
    known
        Bool (N, H, W), False where the pixel is ignored.
    least_pixels
        A region is scored on the faces where its human region has at least this many pixels.
    """

    def __init__(
        self, landmarks: np.ndarray, human: dict[int, NDArray[np.bool_]], known: NDArray[np.bool_], least_pixels: int
    ) -> None:
        self.landmarks = landmarks
        self.size = known.shape[1], known.shape[2]
        self.counts = {bit: np.count_nonzero(mask, axis=(1, 2)) for bit, mask in human.items()}
        self.rows = {bit: np.flatnonzero(count >= least_pixels) for bit, count in self.counts.items()}
        self._human = {bit: mask.view(np.uint8) for bit, mask in human.items()}
        self._known = None if known.all() else known.view(np.uint8)

    def __len__(self) -> int:
        return len(self.landmarks)

    def select(self, rows: Sequence[int] | NDArray[np.integer]) -> Overlap:
        """Return some of the faces; masks are copied, which is cheap compared to a search."""
        chosen = object.__new__(Overlap)
        chosen.landmarks, chosen.size = self.landmarks[rows], self.size
        chosen.counts = {bit: count[rows] for bit, count in self.counts.items()}
        is_row = {bit: np.isin(np.arange(len(self.landmarks)), kept)[rows] for bit, kept in self.rows.items()}
        chosen.rows = {bit: np.flatnonzero(kept) for bit, kept in is_row.items()}
        chosen._human = {bit: mask[rows] for bit, mask in self._human.items()}
        chosen._known = None if self._known is None else self._known[rows]
        return chosen

    def iou(self, program: Program, bits: Sequence[int]) -> dict[int, NDArray[np.float64]]:
        """Return the intersection over union of some regions, each on the faces where it is scored."""
        drawn = only_regions(program, bits)
        if len(drawn.order) > len(bits) or any(program.regions[bit].is_cut for bit in bits):
            return dict(self._slowly(drawn, bits))
        outlines = region_outlines(drawn, self.landmarks, self.size[0])
        return {bit: self._of_region(outlines[bit], bit) for bit in bits}

    def _of_region(self, outlines: RegionOutlines, bit: int) -> NDArray[np.float64]:
        scratch = np.zeros(self.size, np.uint8)
        human, known = self._human[bit], self._known
        common, drawn = np.zeros((2, len(self.rows[bit])), np.int64)
        for position, face in enumerate(self.rows[bit].tolist()):
            top, bottom = outlines.top[face], outlines.bottom[face]
            if top >= bottom:
                continue
            for outline in outlines.outlines:
                if polygons := outline.polygons(face):
                    cv2.fillPoly(scratch, polygons, 1)
            filled = scratch[top:bottom]
            if known is not None:
                cv2.bitwise_and(filled, known[face, top:bottom], dst=filled)
            drawn[position] = cv2.countNonZero(filled)
            cv2.bitwise_and(filled, human[face, top:bottom], dst=filled)
            common[position] = cv2.countNonZero(filled)
            filled.fill(0)
        return self._ratio(bit, common, drawn)

    def _slowly(self, program: Program, bits: Sequence[int]) -> list[tuple[int, NDArray[np.float64]]]:
        regions = draw_regions(program, self.landmarks, self.size)
        if self._known is not None:
            regions *= self._known
        found = []
        for bit in bits:
            mask = (regions & regions.dtype.type(1 << bit)) != 0
            common = np.count_nonzero(mask & self._human[bit].view(bool), axis=(1, 2))
            drawn = np.count_nonzero(mask, axis=(1, 2))
            found.append((bit, self._ratio(bit, common[self.rows[bit]], drawn[self.rows[bit]])))
        return found

    def _ratio(self, bit: int, common: NDArray[np.int64], drawn: NDArray[np.int64]) -> NDArray[np.float64]:
        either = drawn + self.counts[bit][self.rows[bit]] - common
        ratio: NDArray[np.float64] = common / np.maximum(either, 1)
        return ratio
