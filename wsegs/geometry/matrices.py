"""2x3 matrices between pictures, and points moved by them: target x, y = A @ (x, y, 1)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from wsegs.geometry.resample import rescale

_SAME = 0.01  # target pixels; matrices of stores are float32


def resize_affine(from_size: NDArray[np.integer], to_size: tuple[int, int]) -> NDArray[np.float32]:
    """Return the matrices of a resize of whole images, (N, 2, 3).

    Parameters
    ----------
    from_size
        (N, 2), height and width.
    to_size
        (H, W).

    >>> resize_affine(np.array([[4, 4]]), (2, 8))[0].tolist()
    [[2.0, 0.0, 0.5], [0.0, 0.5, -0.25]]
    """
    return _resize(from_size, to_size).astype(np.float32)


def _resize(from_size: NDArray[np.integer], to_size: tuple[int, int]) -> NDArray[np.float64]:
    scale = np.array(to_size, np.float64) / np.maximum(from_size, 1)
    affine = np.zeros((len(from_size), 2, 3))
    affine[:, 0, 0], affine[:, 1, 1] = scale[:, 1], scale[:, 0]
    affine[:, 0, 2], affine[:, 1, 2] = (rescale(0.0, scale[:, axis]) for axis in (1, 0))
    return affine


def scale_affine(
    affine: NDArray[np.floating], from_size: tuple[int, int], to_size: tuple[int, int]
) -> NDArray[np.float32]:
    """Return ``affine`` (..., 2, 3) into a frame of ``from_size`` (H, W) as one into a frame of ``to_size``."""
    (scaling,) = resize_affine(np.array([from_size]), to_size)
    linear = scaling[:, :2] @ affine
    linear[..., 2] += scaling[:, 2]
    return np.asarray(linear, np.float32)


def turn_affine(size: tuple[int, int], turn: float, scale: float) -> tuple[NDArray[np.float64], tuple[int, int]]:
    """Return the matrix that turns and scales a frame about its centre, and the size of the frame it leads to.

    Parameters
    ----------
    size
        (H, W) before.
    turn
        Degrees, counter-clockwise.
    scale
        The frame grows with its content.

    Returns
    -------
    (2, 3) float64, and (H, W).
    """
    height, width = size
    grown = max(1, round(height * scale)), max(1, round(width * scale))
    matrix = np.asarray(cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), turn, scale), np.float64)
    matrix[:, 2] += np.array([grown[1] - width, grown[0] - height]) / 2
    return matrix, grown


def similarity(source: NDArray[np.floating], target: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the rotation, scale and shift that bring points closest to others.

    The least-squares solution of Umeyama, "Least-squares estimation of transformation parameters between two point
    patterns" (1991), without reflections; in the plane it is a regression of complex numbers.

    Parameters
    ----------
    source, target
        (P, 2), x and y.

    Returns
    -------
    (2, 3) float32: target = A @ (x, y, 1).

    >>> similarity(np.array([[0, 0], [1, 0]]), np.array([[3, 4], [3, 6]])).tolist()
    [[0.0, -2.0, 3.0], [2.0, 0.0, 4.0]]
    """
    before = source[:, 0].astype(float) + 1j * source[:, 1].astype(float)
    after = target[:, 0].astype(float) + 1j * target[:, 1].astype(float)
    centred = before - before.mean()
    squares = float((np.abs(centred) ** 2).sum())
    turn = (centred.conj() * (after - after.mean())).sum() / squares if squares else 1 + 0j
    shift = after.mean() - turn * before.mean()
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]], np.float32)


def compose(second: NDArray[np.floating], first: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the matrix (2, 3) that applies ``first``, then ``second``, in float64."""
    linear = np.asarray(second[:, :2], np.float64)
    return np.column_stack([linear @ first[:, :2], linear @ first[:, 2] + second[:, 2]])


def invert(affine: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the matrix (2, 3) back, in float64."""
    linear = np.linalg.inv(np.asarray(affine[:, :2], np.float64))
    return np.column_stack([linear, -linear @ affine[:, 2]])


def is_resize(affine: NDArray[np.floating], from_size: tuple[int, int], to_size: tuple[int, int]) -> bool:
    """Return whether a matrix (2, 3) resizes a whole picture of ``from_size`` (H, W) to ``to_size``, within float32."""
    difference = np.abs(np.asarray(affine, np.float64) - _resize(np.array([from_size]), to_size)[0])
    return bool((difference @ [from_size[1], from_size[0], 1] < _SAME).all())


def transform_points(points: NDArray[np.floating], affine: NDArray[np.floating]) -> NDArray[np.float32]:
    """Apply affine matrices (N, 2, 3) to points (N, P, 2), x and y."""
    # Written out: numpy's einsum gives the same numbers in thirty times the time.
    x, y = points[:, :, 0], points[:, :, 1]
    moved = np.empty(points.shape, np.float32)
    for axis in range(2):
        moved[:, :, axis] = affine[:, axis, :1] * x + affine[:, axis, 1:2] * y + affine[:, axis, 2:]
    return moved
