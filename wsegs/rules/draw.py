"""A program and a batch of landmarks to region integers.

Points are computed for the whole batch; only filling goes face by face. Each region is filled into a scratch picture
and joined to the result inside the box that its shapes cover, so that the cost follows the area that is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from wsegs.rules.program import Program, Region, Shape
from wsegs.rules.scope import Points, Scope, Views

SHIFT = 4  # binary digits behind the point that OpenCV's fillPoly sees; whole pixels fill as without them
MAX_COORDINATE = 30_000.0  # pixels; shapes that reach beyond are left out (OpenCV's arithmetic ends there)
_PLANE_BITS = 16


@dataclass
class Outline:
    """One closed polygon of every face of a batch, ready for OpenCV."""

    points: np.ndarray  # int32 (N, V, 2), fixed point
    drawn: list[bool]
    boxes: list[list[int]]  # left, top, right, bottom in whole pixels; right and bottom behind the last


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
    height, width = size
    dtype = region_dtype(len(program.regions))
    result = np.zeros((len(landmarks), height, width), dtype=dtype)
    found = np.flatnonzero(np.isfinite(landmarks).all(axis=(1, 2)))
    if not len(found) or not height or not width:
        return result
    outlines = region_outlines(program, landmarks[found], size)
    single = dtype.itemsize * 8 == _PLANE_BITS
    planes = [np.zeros(size, np.uint16) for _ in range(-(-len(program.regions) // _PLANE_BITS))]
    scratch = np.zeros(size, np.uint16)
    for position, face in enumerate(found.tolist()):
        if single:
            planes = [result[face]]
        for index in program.order:
            _fill(program.regions[index], index, outlines[index], position, planes, scratch)
        if not single:
            for number, plane in enumerate(planes):
                result[face] |= plane.astype(dtype) << dtype.type(number * _PLANE_BITS)
                plane[:] = 0
    return result


def _fill(
    region: Region,
    index: int,
    outlines: list[Outline],
    face: int,
    planes: list[np.ndarray],
    scratch: np.ndarray,
) -> None:
    """Fill one region of one face and join it to its plane."""
    colour = 1 << index % _PLANE_BITS
    plane = planes[index // _PLANE_BITS]
    for outline in outlines:
        if not outline.drawn[face]:
            continue
        left, top, right, bottom = outline.boxes[face]
        if left >= right or top >= bottom:
            continue
        # fillPoly has no "or", so a shape goes to the scratch picture first. The parts of a region lie apart
        # more often than not: joining them one by one touches fewer pixels than joining their common box.
        cv2.fillPoly(scratch, [outline.points[face]], colour, cv2.LINE_8, SHIFT)
        filled = scratch[top:bottom, left:right]
        target = plane[top:bottom, left:right]
        if region.minus is not None or region.within is not None:
            others = _integers([one[top:bottom, left:right] for one in planes])
            if region.minus is not None:
                filled *= ~region.minus.evaluate(others)
            if region.within is not None:
                filled *= region.within.evaluate(others)
        cv2.bitwise_or(target, filled, dst=target)
        filled[:] = 0


def _integers(planes: list[np.ndarray]) -> np.ndarray:
    """Return several planes of 16 bits as one integer a pixel."""
    if len(planes) == 1:
        return planes[0]
    return sum(
        (plane.astype(np.uint64) << np.uint64(number * _PLANE_BITS) for number, plane in enumerate(planes)),
        start=np.zeros(planes[0].shape, np.uint64),
    )


def region_outlines(program: Program, landmarks: np.ndarray, size: tuple[int, int]) -> list[list[Outline]]:
    """Compute the outlines of every region for a batch of finite landmarks (N, P, 2)."""
    landmarks = np.asarray(landmarks, dtype=np.float64)
    if program.integer_landmarks:
        landmarks = np.rint(landmarks)
    views = Views(landmarks, program.scheme, program.parameters)
    # A rule that divides by zero or takes a wrong root yields nan or inf, and its shape is left out below.
    with np.errstate(all="ignore"):
        return [_outlines_of_region(region, views, size) for region in program.regions]


def _outlines_of_region(region: Region, views: Views, size: tuple[int, int]) -> list[Outline]:
    inner: dict[tuple[str, bool], Scope] = {}
    outlines = []
    for shape in region.shapes:
        for mirrored in (False, True) if shape.mirror else (False,):
            key = (shape.space, mirrored)
            if key not in inner:
                inner[key] = views.scope(*key).inner(region.let)
            outlines += _outlines_of_shape(shape, mirrored, inner[key], views, size)
    return outlines


def _outlines_of_shape(
    shape: Shape, mirrored: bool, scope: Scope, views: Views, size: tuple[int, int]
) -> list[Outline]:
    wanted = np.ones(scope.faces, bool)
    if shape.when is not None:
        wanted &= shape.when.evaluate(scope)
    grow = 0.0 if shape.grow is None else shape.grow.evaluate(scope)
    found = shape.geometry.outlines(scope, grow)
    pixels = [views.to_image(points, shape.space, mirrored) for points in found]
    if shape.outside == "drop":
        for x, y in pixels:
            wanted &= (np.minimum(x, y) >= 0).all(axis=0)
    return [_fixed_point(points, wanted, size) for points in pixels]


def _fixed_point(points: Points, wanted: np.ndarray, size: tuple[int, int]) -> Outline:
    corners = np.stack(np.broadcast_arrays(*points), axis=-1).transpose(1, 0, 2)  # (N, V, 2)
    usable = (np.abs(corners) <= MAX_COORDINATE).all(axis=(1, 2))  # false for nan, too
    corners = np.where(usable[:, None, None], corners, 0.0)
    fixed = np.ascontiguousarray(np.rint(corners * (1 << SHIFT)), dtype=np.int32)
    # A pixel of margin: OpenCV rounds the border that it draws around the filling.
    low = (fixed.min(axis=1) >> SHIFT) - 1
    high = (fixed.max(axis=1) >> SHIFT) + 3
    limits = np.array(size[::-1])
    boxes = np.concatenate([np.clip(low, 0, limits), np.clip(high, 0, limits)], axis=1)
    return Outline(fixed, (wanted & usable).tolist(), boxes.tolist())
