"""A program and a batch of landmarks to region integers.

Points are computed for the whole batch; only filling goes face by face. Each region is filled into a scratch picture
and joined to the result in the rows that it covers, so that the cost follows what is drawn: about twice that of the
bare calls of ``fillPoly``.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import cv2
import numpy as np

from wsegs.rules.program import Program, Region, Shape
from wsegs.rules.scope import Points, Scope, Views

MAX_COORDINATE = 30_000.0  # pixels; shapes that reach beyond are left out (OpenCV's arithmetic ends there)


@dataclass
class Outline:
    """One closed polygon of every face of a batch, ready for OpenCV."""

    points: np.ndarray  # int32 (N, V, 2), pixels
    drawn: list[bool]


@dataclass
class RegionOutlines:
    """The polygons of one region, and the rows of the frame that they cover on each face."""

    outlines: list[Outline]
    top: list[int]
    bottom: list[int]  # behind the last row; not below top where there is nothing to draw


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
    dtype = region_dtype(len(program.regions))
    result = np.zeros((len(landmarks), *size), dtype=dtype)
    found = np.flatnonzero(np.isfinite(landmarks).all(axis=(1, 2)))
    if not len(found) or not result.size:
        return result
    regions = region_outlines(program, landmarks[found], size[0])
    channels = result.view(np.uint8).reshape(*result.shape, dtype.itemsize)
    planes = [np.zeros(size, np.uint8) for _ in range(dtype.itemsize)]
    scratch = np.zeros(size, np.uint8)
    for position, face in enumerate(found.tolist()):
        for index in program.order:
            _fill(program.regions[index], index, regions[index], position, planes, scratch)
        cv2.merge(_by_significance(planes), channels[face])
        for plane in planes:
            plane.fill(0)
    return result


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
            cv2.fillPoly(scratch, [outline.points[face]], colour)
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


def region_outlines(program: Program, landmarks: np.ndarray, height: int) -> list[RegionOutlines]:
    """Compute the outlines of every region for a batch of finite landmarks (N, P, 2)."""
    landmarks = np.asarray(landmarks, dtype=np.float64)
    if program.integer_landmarks:
        landmarks = np.rint(landmarks)
    views = Views(landmarks, program.scheme, program.parameters)
    # A rule that divides by zero or takes a wrong root yields nan or inf, and its shape is left out below.
    with np.errstate(all="ignore"):
        return [_outlines_of_region(region, views, height) for region in program.regions]


def _outlines_of_region(region: Region, views: Views, height: int) -> RegionOutlines:
    inner: dict[tuple[str, bool], Scope] = {}
    outlines: list[Outline] = []
    tops, bottoms = [], []
    for shape in region.shapes:
        for mirrored in (False, True) if shape.mirror else (False,):
            key = (shape.space, mirrored)
            if key not in inner:
                inner[key] = views.scope(*key).inner(region.let)
            polygons, drawn = _polygons_of_shape(shape, mirrored, inner[key], views)
            for polygon in polygons:
                points, usable = _whole_pixels(polygon)
                usable &= drawn
                rows = points[:, :, 1]
                tops.append(np.where(usable, rows.min(axis=1), height))
                bottoms.append(np.where(usable, rows.max(axis=1) + 1, 0))
                outlines.append(Outline(points, usable.tolist()))
    top = np.clip(np.min(tops, axis=0), 0, height)
    bottom = np.clip(np.max(bottoms, axis=0), 0, height)
    return RegionOutlines(outlines, top.tolist(), bottom.tolist())


def _polygons_of_shape(shape: Shape, mirrored: bool, scope: Scope, views: Views) -> tuple[list[Points], np.ndarray]:
    """Return the polygons of a shape in pixels and on which faces, bool (N,), its options let it be drawn."""
    drawn = np.ones(scope.faces, bool)
    if shape.when is not None:
        drawn &= shape.when.evaluate(scope)
    grow = 0.0 if shape.grow is None else shape.grow.evaluate(scope)
    polygons = [views.to_image(points, shape.space, mirrored) for points in shape.geometry.outlines(scope, grow)]
    if shape.outside == "drop":
        for x, y in polygons:
            drawn &= (np.minimum(x, y) >= 0).all(axis=0)
    return polygons, drawn


def _whole_pixels(points: Points) -> tuple[np.ndarray, np.ndarray]:
    """Return points int32 (N, V, 2), and for which faces, bool (N,), all of them are usable.

    Vertices are rounded: against human masks that scored the same as fixed-point coordinates (within 0.001 in every
    region), and OpenCV fills between whole pixels twice as fast.
    """
    x, y = np.broadcast_arrays(*points)
    corners = np.empty((x.shape[1], x.shape[0], 2))
    corners[:, :, 0], corners[:, :, 1] = x.T, y.T
    usable = np.asarray((np.abs(corners) <= MAX_COORDINATE).all(axis=(1, 2)))  # false for nan, too
    if not usable.all():
        corners[~usable] = 0
    return np.rint(corners).astype(np.int32), usable
