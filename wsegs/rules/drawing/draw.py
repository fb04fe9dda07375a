"""Draw a program and a batch of landmarks as region integers.

Points are computed for the whole batch; only filling goes face by face. Each region is filled into a scratch image and
merged into the result in the rows that it covers, so the cost is proportional to the drawn area: about twice that of
the bare calls of ``fillPoly``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from wsegs.rules.drawing.outlines import RegionOutlines, region_outlines
from wsegs.rules.drawing.program import Program, Region


def region_dtype(regions: int) -> np.dtype:
    """Return the smallest unsigned type with a bit for each region, at least 16 wide."""
    return np.dtype(np.uint16 if regions <= 16 else np.uint32 if regions <= 32 else np.uint64)


def draw_regions(program: Program, landmarks: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Draw the regions of N faces.

    Parameters
    ----------
    program
        A compiled rule file.
    landmarks
        (N, P, 2) float64, x and y in pixels of the frame; faces with nan stay empty.
    size
        Height and width of the frame.

    Returns
    -------
    (N, H, W) unsigned integers: bit r is set where region r lies.
    """
    result = np.empty((len(landmarks), *size), dtype=region_dtype(len(program.regions)))
    for face, regions in enumerate(draw_each(program, landmarks, size)):
        result[face] = regions
    return result


def draw_each(program: Program, landmarks: np.ndarray, size: tuple[int, int]) -> Iterator[np.ndarray]:
    """Draw the regions of N faces as :func:`draw_regions` does, and yield them one by one.

    Every face is drawn into the same array, (H, W), which stays in the processor's cache.
    """
    dtype = region_dtype(len(program.regions))
    result = np.zeros(size, dtype=dtype)
    found = np.isfinite(landmarks).all(axis=(1, 2))
    if not found.any() or not result.size:
        for _ in landmarks:
            yield result
        return
    # One face alone is computed twice, since numpy sums a single column in another order.
    chosen = landmarks[found]
    regions = region_outlines(program, np.repeat(chosen, 2, axis=0) if len(chosen) == 1 else chosen, size[0])
    channels = result.view(np.uint8).reshape(*size, dtype.itemsize)
    planes = [np.zeros(size, np.uint8) for _ in range(dtype.itemsize)]
    steps = _steps(program, regions, planes, np.zeros(size, np.uint8))
    position = 0
    for has_face in found.tolist():
        if not has_face:
            result.fill(0)
            yield result
            continue
        for step in steps:
            _fill(step, position, planes)
        cv2.merge(_by_significance(planes), channels)
        for plane in planes:
            plane.fill(0)
        position += 1
        yield result


class _Step(NamedTuple):
    """How one region is drawn on every face of a batch."""

    polygons: Sequence[Callable[[int], list[np.ndarray]]]  # of each outline, from a face
    top: list[int]
    bottom: list[int]
    colour: int
    plane: np.ndarray  # its destination, uint8 (H, W) of eight regions
    canvas: np.ndarray  # where it is filled: the scratch image, or the plane itself
    region: Region
    cut: bool  # by "minus" or "within"


def _steps(
    program: Program, regions: dict[int, RegionOutlines], planes: list[np.ndarray], scratch: np.ndarray
) -> list[_Step]:
    """Return how the regions are drawn, in order.

    OpenCV fills bytes faster than wider integers and cannot fill by "or": hence the planes and the scratch image. The
    first region of an empty plane needs no scratch image, so the largest one comes first, unless others cut it.
    """
    first: dict[int, int] = {}  # plane -> its first region
    for index in sorted(program.order, key=lambda index: sum(regions[index].bottom) - sum(regions[index].top)):
        if not program.regions[index].is_cut:
            first[index // 8] = index
    steps = []
    for index in sorted(program.order, key=lambda index: index not in first.values()):  # else in the rules' order
        region, outlines = program.regions[index], regions[index]
        plane = planes[index // 8]
        canvas = plane if first.get(index // 8) == index else scratch
        polygons = [outline.polygons for outline in outlines.outlines]
        steps.append(
            _Step(polygons, outlines.top, outlines.bottom, 1 << index % 8, plane, canvas, region, region.is_cut)
        )
    return steps


def _fill(step: _Step, face: int, planes: list[np.ndarray]) -> None:
    """Fill one region of one face and merge it into its plane."""
    polygons, tops, bottoms, colour, plane, canvas, region, cut = step
    top, bottom = tops[face], bottoms[face]
    if top >= bottom:
        return
    for polygons_of in polygons:
        if outline := polygons_of(face):
            cv2.fillPoly(canvas, outline, colour)
    if canvas is plane:
        return
    filled = canvas[top:bottom]
    if cut:
        others = _integers([each[top:bottom] for each in planes])
        if region.minus is not None:
            filled *= ~region.minus.evaluate(others)
        if region.within is not None:
            filled *= region.within.evaluate(others)
    target = plane[top:bottom]
    np.bitwise_or(target, filled, target)
    filled.fill(0)


def _integers(planes: list[np.ndarray]) -> np.ndarray:
    """Return planes of eight bits, lowest first, as one integer a pixel."""
    return cv2.merge(_by_significance(planes)).view(f"u{len(planes)}")[:, :, 0]


def _by_significance(planes: list[np.ndarray]) -> list[np.ndarray]:
    return planes if sys.byteorder == "little" else planes[::-1]
