"""A data set's own boxes, framed as dlib's HOG detector frames a face.

dlib's predictor starts from a mean face in HOG's square, so other boxes must be converted to such squares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wsegs.errors import MissingError
from wsegs.landmarks.detectors.upright import box_of_points

if TYPE_CHECKING:
    from wsegs.datasets.index import FaceDataset

# CelebA's boxes reach from the forehead to below the chin and are 1.39 times as high as wide. In units of their width
# and height HOG's square is centred here and has this side: medians over 19 of CelebA's originals that HOG finds
# (centre x 0.498 with a standard deviation of 0.056, y 0.487 with 0.035, side 0.865 with 0.110).
BOX_CENTRE = (0.5, 0.49)
BOX_SIDE = 0.87


@dataclass(frozen=True)
class DatasetBoxes:
    """Faces of N images that need no search.

    Attributes
    ----------
    points
        (N, 5, 2) float32: the five points, x and y in pixels of the image; nan unknown. None if there are none.
    squares
        (N, 4) float32: x, y, width, height in pixels of the image, framed as HOG's; nan unknown. Used where there
        are no points.
    """

    points: NDArray[np.float32] | None
    squares: NDArray[np.float32]


def dataset_boxes(dataset: FaceDataset) -> DatasetBoxes:
    """Return the faces of a data set by the best that it has for each image.

    That is its five points, else its box, else the mean face of its aligned images.

    Raises
    ------
    MissingError
        If the data set has none of these.
    """
    if dataset.aligned_points is None and dataset.boxes is None and dataset.points is None:
        raise MissingError(
            f"--boxes-from-data: {dataset.root}: the data set '{dataset.name}' does not say where its faces are"
        )
    squares = np.full((len(dataset), 4), np.nan, np.float32)
    if dataset.aligned_points is not None:
        squares[:] = box_of_points(dataset.aligned_points)
    if dataset.boxes is not None:
        known = np.isfinite(dataset.boxes).all(axis=1)
        squares[known] = square_of_boxes(dataset.boxes[known])
    return DatasetBoxes(dataset.points, squares)


def square_of_boxes(boxes: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the squares (N, 4) that HOG would draw about the faces in CelebA's boxes (N, 4)."""
    side = BOX_SIDE * boxes[:, 2:3]
    centre = boxes[:, :2] + boxes[:, 2:] * BOX_CENTRE
    return np.concatenate([centre - side / 2, side, side], axis=1).astype(np.float32)
