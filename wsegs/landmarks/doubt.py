"""Doubt a face by its shape: how far it is from the average face.

The average face is moved, turned and scaled onto the points as well as can be, but never mirrored. What remains is the
full Procrustes distance (Dryden and Mardia, "Statistical Shape Analysis", 1998): 0 is the average face, 1 has nothing
of it. It depends on neither size, place nor tilt of the face. A face turned to the side is further away than one that
looks ahead; points of something else, mirrored points, or points in another order are much further.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wsegs.errors import DataError
from wsegs.schemes import CELEBA5, LandmarkScheme

# Of 150 faces that people marked (HELEN, AFW) the furthest is at 0.36 by 68 points and at 0.34 by five; mirrored, mixed
# or random points are above 0.93 by 68.
DOUBTFUL = 0.42
"""Above this somebody should look at the face."""
_ENOUGH = 20  # faces whose average says what a face looks like


class ShapeFit(NamedTuple):
    """How the average face lies on N faces.

    Attributes
    ----------
    doubt
        (N,) float32, 0 to 1; nan where points are unknown.
    tilt
        (N,) float32, degrees by which the average face was turned, -180 to 180: 0 is upright, 90 lies with its left
        eye (in the image) above.
    """

    doubt: NDArray[np.float32]
    tilt: NDArray[np.float32]


def shape_doubt(points: NDArray[np.floating], scheme: LandmarkScheme) -> NDArray[np.float32]:
    """Return how far the shapes of faces are from the scheme's average face.

    Where the scheme has no average face, its five points are compared with those of CelebA's scheme.

    Parameters
    ----------
    points
        (N, P, 2), x and y in any unit; nan where unknown.
    scheme
        What the P points are.

    Returns
    -------
    (N,) float32, 0 (the average face) to 1; nan where points are unknown. Points that all lie at one place have 1.

    Examples
    --------
    >>> from wsegs.schemes import CELEBA5
    >>> face = np.array([CELEBA5.average])
    >>> shape_doubt(face * 40 + 7, CELEBA5).round(3), shape_doubt(face[..., ::-1], CELEBA5).round(3)
    (array([0.], dtype=float32), array([0.995], dtype=float32))
    """
    return fit_average(points, scheme).doubt


def average_face(points: NDArray[np.floating], scheme: LandmarkScheme) -> NDArray[np.float64]:
    """Return the average of faces, (P, 2), in the face's own frame: as a scheme's, of which a file need not say one.

    Each face is moved, turned and scaled so that the ends of its inter-ocular distance lie at x = -1/2 and 1/2; then
    the median of each coordinate is taken, on which single wrong faces have no say.

    Parameters
    ----------
    points
        (N, P, 2), x and y in any unit; faces with unknown points are left out.
    scheme
        What the P points are.

    Raises
    ------
    DataError
        If there is no face.

    Examples
    --------
    >>> from wsegs.schemes import CELEBA5
    >>> faces = np.array([CELEBA5.average]) * 40 + 7
    >>> np.allclose(average_face(faces, CELEBA5), CELEBA5.average, atol=1e-6)
    True
    """
    wide = np.asarray(points, np.float64)
    faces = wide[..., 0] + 1j * wide[..., 1]  # whose product turns and scales
    left, right = (faces[:, list(eye)].mean(axis=1, keepdims=True) for eye in (scheme.left_eye, scheme.right_eye))
    known = np.isfinite(faces).all(axis=1) & (left != right)[:, 0]
    if not known.any():
        raise DataError(f"expected faces to average, got none of which all points of {scheme.name} are known")
    placed = (faces[known] - (left + right)[known] / 2) / (right - left)[known]
    average: NDArray[np.float64] = np.stack([np.median(placed.real, axis=0), np.median(placed.imag, axis=0)], axis=1)
    return average


def doubts_of(points: NDArray[np.floating], scheme: LandmarkScheme) -> NDArray[np.float32]:
    """Return what :func:`shape_doubt` does of all faces of a table.

    Where the scheme has no average face, and there are enough faces, they are compared with their own average, too.
    """
    doubt = shape_doubt(points, scheme)
    if scheme.average or np.isfinite(doubt).sum() < _ENOUGH:
        return doubt
    own = replace(scheme, average=tuple(map(tuple, average_face(points, scheme).tolist())))
    return np.maximum(doubt, shape_doubt(points, own))


def fit_average(points: NDArray[np.floating], scheme: LandmarkScheme) -> ShapeFit:
    """Fit the average face to faces as :func:`shape_doubt` does, and say how it was turned."""
    faces, average = _comparable(points, scheme)
    # As complex numbers, whose product turns and scales.
    x, y = np.moveaxis(np.asarray(faces, np.float64), -1, 0)
    shapes = _centred(x + 1j * y)
    mean = _centred((average[:, 0] + 1j * average[:, 1])[None])[0]
    lengths = np.linalg.norm(shapes, axis=1) * np.linalg.norm(mean)
    products = shapes @ mean.conj()
    with np.errstate(divide="ignore", invalid="ignore"):
        likeness = np.where(lengths > 0, np.abs(products) / lengths, np.where(np.isnan(lengths), np.nan, 0))
    doubt = np.sqrt(1 - np.minimum(likeness, 1) ** 2)
    return ShapeFit(doubt.astype(np.float32), np.degrees(np.angle(products)).astype(np.float32))


def _comparable(
    points: NDArray[np.floating], scheme: LandmarkScheme
) -> tuple[NDArray[np.floating], NDArray[np.float64]]:
    """Return the points to compare, (N, Q, 2), and the average face of the same points, (Q, 2)."""
    if scheme.average:
        return points, np.array(scheme.average)
    return scheme.five_points(points), np.array(CELEBA5.average)


def _centred(shapes: NDArray[np.complexfloating]) -> NDArray[np.complexfloating]:
    centred: NDArray[np.complexfloating] = shapes - shapes.mean(axis=1, keepdims=True)
    return centred
