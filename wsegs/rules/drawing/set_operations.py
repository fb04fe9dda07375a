"""Union, intersection, difference and growth of shapes by shapely, for a whole batch.

Computed in exact coordinates and rounded to pixels at the end, so the result does not depend on the size of a pixel.
About ten times the cost of a plain polygon, paid only by shapes that need it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
import shapely

from wsegs.rules.drawing.inset import MEAN_INSET
from wsegs.rules.drawing.outlines import (
    MAX_COORDINATE,
    drawn_faces,
    face_corners,
    needs_geometry,
    polygons_of_shape,
    sides,
    whole_pixels,
)
from wsegs.rules.drawing.program import SetOperation, Shape
from wsegs.rules.drawing.scope import Views

_MITRE_LIMIT = 2.0  # how far a sharp corner may move when a polygon grows, in units of the growth
_JOIN = {"union": shapely.union, "intersection": shapely.intersection, "difference": shapely.difference}


@dataclass
class GeometryOutline:
    """Any number of polygons a face, with holes."""

    faces: list[list[np.ndarray]]  # of each face, rings int32 (V, 2), x and y in pixels
    drawn: np.ndarray  # bool (N,)

    def polygons(self, face: int) -> list[np.ndarray]:
        """Return the rings of a face."""
        return self.faces[face]

    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the first and the last row of every face."""
        rows = [np.concatenate(rings)[:, 1] if rings else np.zeros(1, int) for rings in self.faces]
        return np.array([row.min() for row in rows]), np.array([row.max() for row in rows])


def geometry_outlines(shape: Shape, scopes: Views) -> GeometryOutline:
    """Return the outlines of a shape that needs shapely."""
    faces: list[list[np.ndarray]] = [[] for _ in range(scopes.faces)]
    # Mirrored halves become one geometry: filled together, the overlap of two rings would be a hole.
    geometries = reduce(shapely.union, [_geometry(shape, mirrored, scopes) for mirrored in sides(shape)])
    if shape.space == "face":
        smaller = _grown(geometries, -MEAN_INSET)
        geometries = np.where(shapely.is_empty(smaller), geometries, smaller)
    parts, owners = shapely.get_parts(geometries, return_index=True)
    rings, part_of_ring = shapely.get_rings(parts, return_index=True)
    points, ring_of_point = shapely.get_coordinates(rings, return_index=True)
    points = whole_pixels(np.clip(points, -MAX_COORDINATE, MAX_COORDINATE))
    ends = np.cumsum(np.bincount(ring_of_point, minlength=len(rings)))
    for ring, part in zip(np.split(points, ends[:-1]) if len(rings) else [], part_of_ring, strict=True):
        faces[owners[part]].append(ring)
    return GeometryOutline(faces, np.array([bool(rings) for rings in faces]))


def _geometry(shape: Shape, mirrored: bool, scopes: Views) -> np.ndarray:
    """Return a polygon or several of every face, (N,) shapely geometries in pixels; empty where nothing is drawn."""
    if isinstance(shape.geometry, SetOperation):
        drawn = drawn_faces(shape, mirrored, scopes)
        geometry = reduce(
            _JOIN[shape.geometry.kind], [_sides(part, mirrored, scopes) for part in shape.geometry.shapes]
        )
    else:
        polygons, drawn = polygons_of_shape(shape, mirrored, scopes)
        pieces = []
        for polygon in polygons:
            corners, usable = face_corners(polygon)
            drawn &= usable
            pieces.append(shapely.polygons(corners))
        geometry = reduce(shapely.union, [_areas(piece) for piece in pieces])
    if needs_geometry(shape) and shape.grow is not None:
        scope = scopes.scope(shape.space, mirrored)
        grow = scopes.scope("image", mirrored).length_from(shape.space, shape.grow.evaluate(scope))
        grow = np.broadcast_to(np.asarray(grow, dtype=float), geometry.shape)
        drawn &= np.abs(grow) <= MAX_COORDINATE
        geometry = _grown(geometry, np.where(drawn, grow, 0))
    if shape.outside == "drop":  # again, for what has grown
        left, top, _, _ = shapely.bounds(geometry).T
        drawn &= ~(np.minimum(left, top) < 0)
    return np.where(drawn, _areas(geometry), shapely.Polygon())


def _grown(geometries: np.ndarray, distance: np.ndarray | float) -> np.ndarray:
    grown: np.ndarray = shapely.buffer(geometries, distance, join_style="mitre", mitre_limit=_MITRE_LIMIT)
    return grown


def _sides(shape: Shape, mirrored: bool, scopes: Views) -> np.ndarray:
    """Return an operand of a set operation, with both of its sides; within a mirrored one these are exchanged."""
    return reduce(shapely.union, [_geometry(shape, side != mirrored, scopes) for side in sides(shape)])


def _areas(geometries: np.ndarray) -> np.ndarray:
    """Return geometries that do not cross themselves, as set operations need, without lines and points.

    Outlines that cross themselves follow the even-odd rule, as filling does.
    """
    valid: np.ndarray = shapely.buffer(shapely.make_valid(geometries), 0)
    return valid
