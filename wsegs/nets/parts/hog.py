"""Histograms of oriented gradients as maps, by scikit-image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skimage.feature import hog

_BLOCK = 2  # cells along each side of a block in which gradients are normalised


def hog_maps(images: NDArray[np.uint8], cell: int, orientations: int = 9) -> NDArray[np.float32]:
    """Return the histogram of oriented gradients of each cell of images.

    Dalal & Triggs' descriptor, as scikit-image computes it: the strongest gradient of the three colours votes, blocks
    of 2x2 cells are normalised (``L2-Hys``). A cell lies in up to four blocks; here it has the mean of what they say of
    it, so that cells form a map, which can be read in any region.

    Parameters
    ----------
    images
        uint8 (B, H, W, 3), RGB; H and W hold at least two cells.
    cell
        Side of a cell, pixels.
    orientations
        How many bins there are between 0 and 180 degrees.

    Returns
    -------
    float32 (B, orientations, H // cell, W // cell). Pixels behind the last whole cell count nowhere.
    """
    height, width = images.shape[1] // cell, images.shape[2] // cell
    maps = np.zeros((len(images), height, width, orientations), np.float32)
    times = np.zeros((height, width, 1), np.float32)
    inside = (slice(None, -1), slice(1, None))  # of blocks, the first and the second cell along a side
    for i, image in enumerate(images):
        blocks = hog(
            image,
            orientations=orientations,
            pixels_per_cell=(cell, cell),
            cells_per_block=(_BLOCK, _BLOCK),
            feature_vector=False,
            channel_axis=-1,
        )
        for row in range(_BLOCK):
            for column in range(_BLOCK):
                maps[i, inside[row], inside[column]] += blocks[:, :, row, column]
    for rows in inside:
        for columns in inside:
            times[rows, columns] += 1
    return np.ascontiguousarray((maps / times).transpose(0, 3, 1, 2))
