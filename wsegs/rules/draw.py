"""A program and a batch of landmarks to region integers.

Points are computed for the whole batch; only filling goes face by face. Each region is filled into a scratch picture
and joined to the result in the rows that it covers, so that the cost follows what is drawn: about twice that of the
bare calls of ``fillPoly``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import cv2
import numpy as np

from wsegs.rules.outlines import RegionOutlines, region_outlines
from wsegs.rules.program import Program, Region


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
        (N, P, 2) float64, x and y in pixels of the frame; faces with nan are left empty.
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

    The next face is drawn into the same array, (H, W): it never leaves the processor's cache.
    """
    dtype = region_dtype(len(program.regions))
    result = np.zeros(size, dtype=dtype)
    found = np.isfinite(landmarks).all(axis=(1, 2))
    if not found.any() or not result.size:
        for _ in landmarks:
            yield result
        return
    regions = region_outlines(program, landmarks[found], size[0])
    channels = result.view(np.uint8).reshape(*size, dtype.itemsize)
    planes = [np.zeros(size, np.uint8) for _ in range(dtype.itemsize)]
    scratch = np.zeros(size, np.uint8)
    position = 0
    for has_face in found.tolist():
        if not has_face:
            result.fill(0)
            yield result
            continue
        for index in program.order:
            _fill(program.regions[index], index, regions[index], position, planes, scratch)
        cv2.merge(_by_significance(planes), channels)
        for plane in planes:
            plane.fill(0)
        position += 1
        yield result


def _fill(
    region: Region, index: int, outlines: RegionOutlines, face: int, planes: list[np.ndarray], scratch: np.ndarray
) -> None:
    """Fill one region of one face and join it to its plane of eight regions.

    OpenCV fills bytes faster than wider integers, and it has no "or": hence the planes and the scratch picture.
    """
    top, bottom = outlines.top[face], outlines.bottom[face]
    if top >= bottom:
        return
    colour = 1 << index % 8
    for outline in outlines.outlines:
        if outline.drawn[face]:
            outline.fill(scratch, face, colour)
    filled = scratch[top:bottom]
    if region.minus is not None or region.within is not None:
        others = _integers([plane[top:bottom] for plane in planes])
        if region.minus is not None:
            filled *= ~region.minus.evaluate(others)
        if region.within is not None:
            filled *= region.within.evaluate(others)
    target = planes[index // 8][top:bottom]
    np.bitwise_or(target, filled, out=target)
    filled.fill(0)


def _integers(planes: list[np.ndarray]) -> np.ndarray:
    """Return planes of eight bits, lowest first, as one integer a pixel."""
    return cv2.merge(_by_significance(planes)).view(f"u{len(planes)}")[:, :, 0]


def _by_significance(planes: list[np.ndarray]) -> list[np.ndarray]:
    return planes if sys.byteorder == "little" else planes[::-1]
