"""Images, class maps and region integers moved by a 2x3 matrix."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from wsegs.geometry.matrices import compose, invert, is_resize, resize_affine
from wsegs.geometry.resample import Combine, nearest_to, resample_nearest

# Below this scale areas are averaged before an image is warped.
_ALIASES = 0.75


def resize_image(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Resize an image (h, w, 3) to ``size`` (H, W): by area where a side shrinks, bilinearly where it grows."""
    shrunk = min(image.shape[0], size[0]), min(image.shape[1], size[1])
    if shrunk != image.shape[:2]:
        image = np.asarray(cv2.resize(image, shrunk[::-1], interpolation=cv2.INTER_AREA), np.uint8)
    if shrunk != size:
        image = np.asarray(cv2.resize(image, size[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)
    return image


def warp_image(image: NDArray[np.uint8], affine: NDArray[np.floating], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Warp an image (h, w, 3) by an affine matrix (2, 3) to ``size`` (H, W); black where the source ends.

    Enlarging is bilinear. Shrinking averages areas first, since bilinear sampling alone would alias.
    """
    height, width = image.shape[:2]
    if is_resize(affine, (height, width), size):
        return resize_image(image, size)
    scale = float(np.sqrt(abs(np.linalg.det(affine[:, :2]))))
    matrix = np.asarray(affine, np.float64)
    if scale < _ALIASES:
        shrunk = (max(1, round(height * scale)), max(1, round(width * scale)))
        (shrink,) = resize_affine(np.array([(height, width)]), shrunk)
        image = np.asarray(cv2.resize(image, shrunk[::-1], interpolation=cv2.INTER_AREA), np.uint8)
        matrix = compose(matrix, invert(shrink))
    return np.asarray(cv2.warpAffine(image, matrix, size[::-1], flags=cv2.INTER_LINEAR), np.uint8)


def warp_nearest(
    array: NDArray[Any], affine: NDArray[np.floating], size: tuple[int, int], outside: int, combine: Combine
) -> NDArray[Any]:
    """Warp region integers or class numbers by nearest neighbour.

    Parameters
    ----------
    array
        (h, w) integers.
    affine
        (2, 3), from the array's pixels to the result's.
    size
        (H, W) of the result.
    outside
        The value of what lies outside of the array.
    combine
        See :func:`wsegs.geometry.resample.resample_nearest`.

    Returns
    -------
    (H, W) of the array's type.
    """
    if is_resize(affine, (array.shape[0], array.shape[1]), size):
        return resample_nearest(array, size, combine)
    (xx, xy, x0), (yx, yy, y0) = invert(affine)
    down, across = np.arange(size[0], dtype=np.float64)[:, None], np.arange(size[1], dtype=np.float64)[None]
    # Without a turn a source row depends on the row alone: the coordinates stay (H, 1) and (1, W), which is faster.
    x = xx * across + x0 + (xy * down if xy else 0)
    y = yy * down + y0 + (yx * across if yx else 0)
    rows, columns = nearest_to(y, array.shape[0]), nearest_to(x, array.shape[1])

    def taken(row: NDArray[np.intp], column: NDArray[np.intp]) -> NDArray[Any]:
        return np.asarray(array[row.clip(0, array.shape[0] - 1), column.clip(0, array.shape[1] - 1)])

    warped = taken(rows.first, columns.first)
    if rows.ties.any() or columns.ties.any():
        for row, column in ((rows.second, columns.first), (rows.first, columns.second), (rows.second, columns.second)):
            warped = combine(warped, taken(row, column))
    inside = (rows.first >= 0) & (rows.first < array.shape[0]) & (columns.first >= 0) & (columns.first < array.shape[1])
    warped[~inside] = outside
    return warped


def warp_classes(
    mask: NDArray[Any],
    affine: NDArray[np.floating],
    from_size: tuple[int, int],
    to_size: tuple[int, int],
    outside: int,
) -> NDArray[Any]:
    """Sample a mask of class numbers by nearest neighbour, once, whatever its size.

    Parameters
    ----------
    mask
        (h, w) unsigned integers, of the whole picture at any size.
    affine
        (2, 3), from the whole picture at ``from_size`` (H, W) to the frame.
    to_size
        (H, W) of the frame.
    outside
        The value of what lies outside of the picture.

    Returns
    -------
    (H, W) of the mask's type.
    """
    (scaling,) = resize_affine(np.array([mask.shape]), from_size)
    return warp_nearest(mask, compose(affine, scaling), to_size, outside, np.maximum)


def covered_by_source(
    affine: NDArray[np.floating], source_size: tuple[int, int], size: tuple[int, int]
) -> NDArray[np.bool_]:
    """Return where a frame of ``size`` (H, W) shows its source image of ``source_size`` (h, w), bool (H, W).

    Parameters
    ----------
    affine
        (2, 3), from source to frame.
    """
    rows, columns = np.indices(size)
    inverse = np.linalg.inv(np.asarray(affine[:, :2], np.float64))
    x, y = np.einsum("ij,jhw->ihw", inverse, np.stack([columns - affine[0, 2], rows - affine[1, 2]]))
    height, width = source_size
    return np.asarray((x >= -0.5) & (y >= -0.5) & (x <= width - 0.5) & (y <= height - 0.5))
