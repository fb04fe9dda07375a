"""Crops of whole images: fitted with black bars, filled, about boxes, and ten patches of one image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wsegs.geometry.resample import rescale


def letterbox_affine(image_size: tuple[int, int], size: tuple[int, int]) -> NDArray[np.float32]:
    """Return the matrix (2, 3) that fits a whole image into ``size``, centred, its shape kept.

    Parameters
    ----------
    image_size, size
        (h, w) of the image and (H, W) of the crop, in pixels.

    >>> letterbox_affine((10, 20), (20, 20)).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 5.0]]
    """
    scale = min(size[0] / image_size[0], size[1] / image_size[1])
    return _about((image_size[1] / 2, image_size[0] / 2), scale, size)


def centre_affine(image_size: tuple[int, int], size: tuple[int, int]) -> NDArray[np.float32]:
    """Return the matrix (2, 3) that fills ``size`` with the middle of an image, its shape kept.

    Parameters
    ----------
    image_size, size
        See :func:`letterbox_affine`.

    >>> centre_affine((10, 20), (10, 10)).tolist()
    [[1.0, 0.0, -5.0], [0.0, 1.0, 0.0]]
    """
    scale = max(size[0] / image_size[0], size[1] / image_size[1])
    return _about((image_size[1] / 2, image_size[0] / 2), scale, size)


def patch_corners(size: tuple[int, int], patch: tuple[int, int]) -> NDArray[np.intp]:
    """Return where the five patches of an image begin, (5, 2) row and column: the middle, then the four corners.

    With the mirrored ones they are the ten of Krizhevsky, Sutskever & Hinton. A middle between two pixels is the upper
    left one.

    Parameters
    ----------
    size, patch
        (H, W) of the image and (h, w) of its patches.

    >>> patch_corners((256, 256), (227, 227)).tolist()
    [[14, 14], [0, 0], [0, 29], [29, 0], [29, 29]]
    """
    down, across = size[0] - patch[0], size[1] - patch[1]
    return np.array([[down // 2, across // 2], [0, 0], [0, across], [down, 0], [down, across]], np.intp)


def box_affine(box: NDArray[np.floating], size: tuple[int, int], margin: float) -> NDArray[np.float32]:
    """Return the matrix (2, 3) that brings a box into the middle of ``size``, its shape kept.

    Parameters
    ----------
    box
        (4,) x, y, width, height in pixels of the image; its corner is at the corner of a pixel.
    size
        (H, W) of the crop.
    margin
        By which share the box is widened on each side together: 0.3 leaves 15 % of it on either side.

    >>> box_affine(np.array([10, 20, 8, 4]), (4, 8), 0.0).tolist()
    [[1.0, 0.0, -10.0], [0.0, 1.0, -20.0]]
    """
    x, y, width, height = (float(value) for value in box)
    scale = min(size[0] / max(height, 1e-6), size[1] / max(width, 1e-6)) / (1 + margin)
    return _about((x + width / 2, y + height / 2), scale, size)


def _about(centre: tuple[float, float], scale: float, size: tuple[int, int]) -> NDArray[np.float32]:
    """Return the matrix that scales about a point, x and y from the image's corner, and moves it to the middle."""
    shift_x = size[1] / 2 - scale * centre[0] + rescale(0.0, scale)
    shift_y = size[0] / 2 - scale * centre[1] + rescale(0.0, scale)
    return np.array([[scale, 0, shift_x], [0, scale, shift_y]], np.float32)
