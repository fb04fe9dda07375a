"""Refuse points that cannot be the faces of their images, and guess why.

A face that the border of an image cuts has points outside, which detectors and people guess: a face is refused if more
than half of its points are outside, or one of them by more than half the image's longer side. What a single face may
do, all cannot: if half of the faces reach beyond the border by a tenth of the longer side, the images had another size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wsegs.errors import DataError
from wsegs.landmarks.doubt import DOUBTFUL, fit_average
from wsegs.schemes import LandmarkScheme

_NO_FACE = 0.8  # doubt; mirrored and mixed points are above 0.9, the strangest faces below 0.6
_CUT = 0.1  # of the longer side: by how much half of the faces may reach beyond the border
_CORNER = 0.55  # of width and height: no three faces lie in the same corner by chance
_FACTORS = (1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10, 12, 16)
_MIRRORED: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "x and y look exchanged": lambda points: points[..., ::-1],
    "y looks as if it pointed up": lambda points: points * (1, -1),
    "left and right look exchanged (mirrored images, or points numbered from the other side)": (
        lambda points: points * (-1, 1)
    ),
}


@dataclass(frozen=True)
class Faces:
    """Points of N images.

    Attributes
    ----------
    points
        (N, P, 2) float64, x and y in pixels of the image; all known.
    sizes
        (N, 2) int, width and height of the images; all known.
    made_on
        (N, 2) int, width and height that the file says of the images that the points were made on; 0 unknown.
    first
        (N,) what was subtracted from the points since their file counts pixels from 1.
    images
        N names.
    places
        N texts: file and line of the points.
    orientation
        Returns EXIF's orientation of image i, 1 to 8.
    option
        What scales them.
    """

    points: NDArray[np.float64]
    sizes: NDArray[np.integer]
    made_on: NDArray[np.integer]
    first: NDArray[np.integer]
    images: Sequence[str]
    places: Sequence[str]
    orientation: Callable[[int], int]
    option: str = "--import-scale"

    def refuse(self, wrong: NDArray[np.bool_], problem: str, hint: str) -> None:
        """Raise DataError at the first face of ``wrong`` (N,)."""
        row = int(np.argmax(wrong))
        others = int(wrong.sum()) - 1
        low, high = (self.points[row] + self.first[row]).min(axis=0), (self.points[row] + self.first[row]).max(axis=0)
        raise DataError(
            f"{self.places[row]}: {self.images[row]} has {_size(self.sizes[row])} pixels, its points x {low[0]:.4g} to"
            f" {high[0]:.4g}, y {low[1]:.4g} to {high[1]:.4g}"
            f"{f' ({others} more images alike)' if others else ''}: {problem}; {hint}"
        )


def check_faces(faces: Faces, scheme: LandmarkScheme) -> None:
    """Raise DataError if points cannot be the faces of their images; it has file, line and a guess of the cause."""
    if not len(faces.points):
        return
    extent = np.ptp(faces.points, axis=1)
    _check_normalised(faces)
    if (wrong := (extent == 0).all(axis=1)).any():
        faces.refuse(wrong, "all at one place, which is no face", "leave them empty where there is no face")
    check_size(faces)
    _check_shape(faces, scheme)
    _check_outside(faces)
    check_corner(faces)


def check_size(faces: Faces) -> None:
    """Raise DataError if a file says another size of an image than it has."""
    wrong = (faces.made_on > 0).all(axis=1) & (faces.made_on != faces.sizes).any(axis=1)
    if not wrong.any():
        return
    row = int(np.argmax(wrong))
    made_on, size = faces.made_on[row], faces.sizes[row]
    if (made_on == size[::-1]).all() and faces.orientation(row) > 4:
        hint = "the picture was taken without its EXIF rotation; make the points on the turned picture"
    else:
        same = len(np.unique(faces.made_on[wrong], axis=0)) == 1
        hint = f"{faces.option} {_size(made_on) if same or faces.option != '--import-scale' else 'file'} scales them"
    raise DataError(
        f"{faces.places[row]}: points of images of {_size(made_on)} pixels, and {faces.images[row]} has {_size(size)}"
        f" ({wrong.sum()} of {len(wrong)} images differ): {hint}"
    )


def _check_normalised(faces: Faces) -> None:
    written = faces.points + faces.first[:, None, None]
    wrong = (np.abs(written).max(axis=(1, 2)) <= 2) & (faces.sizes.min(axis=1) >= 8)
    if not wrong.any():
        return
    if (written[wrong].min(axis=(1, 2)) < -0.2).mean() > 0.5:
        faces.refuse(wrong, "these look normalised to -1..1", "expected pixels, or 0..1 and --import-scale image")
    faces.refuse(wrong, "these look normalised to 0..1", "--import-scale image multiplies them by width and height")


def _check_shape(faces: Faces, scheme: LandmarkScheme) -> None:
    """Refuse faces that are mirrored, no faces at all, or lie as their image does without EXIF's rotation."""
    fit = fit_average(faces.points, scheme)
    strange = fit.doubt > _NO_FACE
    suspects = np.flatnonzero(strange | (np.abs(fit.tilt) > 45))
    _check_exif(faces, scheme, suspects)
    if strange.mean() < 0.5:  # single ones are listed as doubtful
        return
    as_it_is = f"{faces.option} 1 takes them as they are"
    for guess, change in _MIRRORED.items():
        other = fit_average(change(faces.points), scheme)
        if (strange & (other.doubt < DOUBTFUL) & (np.abs(other.tilt) <= 45)).mean() >= 0.5:
            faces.refuse(strange, f"not the shape of a face: {guess}", as_it_is)
    faces.refuse(
        strange,
        f"not the shape of a face by {scheme.name}",
        f"are they of another scheme, or in another order? {as_it_is}",
    )


def _check_exif(faces: Faces, scheme: LandmarkScheme, suspects: NDArray[np.intp]) -> None:
    suspects = suspects[:500]
    turned = [(row, faces.orientation(row)) for row in suspects.tolist()]
    turned = [(row, orientation) for row, orientation in turned if 2 <= orientation <= 8]
    if not turned:
        return
    upright = np.zeros(len(faces.points), bool)
    for row, orientation in turned:
        fit = fit_average(_turned(faces.points[row : row + 1], faces.sizes[row], orientation), scheme)
        upright[row] = bool(fit.doubt[0] < DOUBTFUL and abs(fit.tilt[0]) <= 45)
    if upright.sum() < 0.5 * len(turned):
        return
    others = np.setdiff1d(np.arange(len(faces.points)), suspects)[:50]
    if any(faces.orientation(row) > 1 for row in others.tolist()):  # it was applied; somebody lies in the picture
        return
    faces.refuse(
        upright,
        "the faces lie as in the picture without its EXIF rotation, which wsegs and viewers apply",
        f"make the points on the turned picture; {faces.option} 1 takes them as they are",
    )


def _turned(points: NDArray[np.float64], size: NDArray[np.integer], orientation: int) -> NDArray[np.float64]:
    """Return points of a picture as it is stored where they lie on the picture as EXIF turns it, of ``size``."""
    if orientation >= 5:
        points = points[..., ::-1]
    flipped = np.array([orientation in (2, 3, 6, 7), orientation in (3, 4, 7, 8)])
    return np.where(flipped, size - 1 - points, points)


def _check_outside(faces: Faces) -> None:
    beyond = _beyond(faces)
    side = faces.sizes.max(axis=1)
    wrong = ((beyond > 0.5).mean(axis=1) > 0.5) | (beyond.max(axis=1) > side / 2)
    if not wrong.any():
        check_border(faces)
        return
    faces.refuse(wrong, "outside of the image", _guess_of_size(faces, wrong))


def check_border(faces: Faces) -> None:
    """Raise DataError if half of the faces reach far beyond the border of their images."""
    wrong = _beyond(faces).max(axis=1) > _CUT * faces.sizes.max(axis=1)
    if wrong.mean() >= 0.5:
        faces.refuse(wrong, "outside of the image", _guess_of_size(faces, wrong))


def check_corner(faces: Faces) -> None:
    """Raise DataError if all of three faces or more lie in the first corner of their images."""
    wrong = (faces.points.max(axis=1) < _CORNER * faces.sizes).all(axis=1)
    if len(wrong) >= 3 and wrong.all():
        faces.refuse(wrong, "all faces lie in the upper left quarter", _guess_of_size(faces, wrong))


def _beyond(faces: Faces) -> NDArray[np.floating]:
    """Return by how many pixels points are outside, (N, P)."""
    last = faces.sizes[:, None, :] - 1
    beyond: NDArray[np.floating] = np.maximum(np.maximum(-faces.points, faces.points - last), 0).max(axis=2)
    return beyond


def _guess_of_size(faces: Faces, wrong: NDArray[np.bool_]) -> str:
    """Return what size the images probably had: faces are near the middle of their images."""
    as_it_is = f"{faces.option} 1 takes them as they are"
    middle = (faces.points.min(axis=1) + faces.points.max(axis=1)) / 2
    ratio = float(np.median((2 * middle[wrong] / faces.sizes[wrong]).mean(axis=1)))
    if not (ratio > 0 and np.isfinite(ratio)):
        return f"are they of other images? {as_it_is}"
    factor = min(_FACTORS, key=lambda factor: abs(np.log(factor / max(ratio, 1 / ratio))))
    scale = factor if ratio < 1 else 1 / factor
    row = int(np.argmax(wrong))
    size = np.round(faces.sizes[row] / scale).astype(int)
    times = f"{'1/' if ratio < 1 else ''}{factor:g} times"
    helps = f"{faces.option} {scale:.4g}, or their size, scales them, {as_it_is}"
    return f"made on images about {times} as large ({_size(size)})? {helps}"


def _size(size: Sequence[int] | NDArray[np.integer]) -> str:
    return f"{size[0]}x{size[1]}"
