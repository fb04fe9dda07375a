"""Find faces by the response maps of LNets, coarse to fine (Liu, Luo, Wang & Tang, section 3.1).

A network that was trained on nothing but the attribute tags of whole images responds where the face is. The window
about the peak of its mean map is the head and shoulders; a second network, trained on such windows, finds the face in
it. No box and no landmark is needed, neither here nor in training.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wsegs.evaluation.density_peaks import density_peaks, highest_peaks, window_about
from wsegs.nets.images import normalise
from wsegs.nets.lnet import STRIDE


class Responds(Protocol):
    """A network with response maps of images of any size."""

    cell_centre: int
    smallest: int

    def responses(self, images: Tensor) -> Tensor:
        """Return maps (B, h, w) of images (B, 3, H, W) between -1 and 1."""


class Located(NamedTuple):
    """A window in an image.

    Attributes
    ----------
    box
        (4,) float32: x, y, width, height in pixels of the image.
    score
        The mean response in it.
    """

    box: NDArray[np.float32]
    score: float


def response_map(network: Responds, image: NDArray[np.uint8], longest_side: int) -> NDArray[np.float32]:
    """Return where a network responds, (h, w), to an image (H, W, 3) uint8 RGB that is resized to a longest side.

    The resize keeps the shape; the longest side should be about that of the training images, 0 resizes nothing. A
    narrow image is made larger, so that the map has a cell across.
    """
    resized = cv2.resize(
        image, _resized(image.shape[:2], longest_side, network.smallest)[::-1], interpolation=cv2.INTER_AREA
    )
    tensor = normalise(torch.from_numpy(np.ascontiguousarray(resized)).permute(2, 0, 1)[None])
    with torch.inference_mode():
        return np.asarray(network.responses(tensor)[0].float().cpu().numpy(), np.float32)


def locate(
    network: Responds, image: NDArray[np.uint8], *, longest_side: int, threshold: float, count: int = 1
) -> list[Located]:
    """Return the windows about the highest peaks of the response map, the best first; none where nothing responds.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB, of any size.
    longest_side
        See :func:`response_map`.
    threshold
        Share of the peak's response that a window's cells exceed, 0 to below 1.
    count
        Windows at most. Peaks that lie in the window of a higher one are not counted.
    """
    rho = response_map(network, image, longest_side)
    return windows_in(network, rho, image.shape[:2], longest_side=longest_side, threshold=threshold, count=count)


def windows_in(
    network: Responds,
    rho: NDArray[np.float32],
    image_size: tuple[int, ...],
    *,
    longest_side: int,
    threshold: float,
    count: int = 1,
) -> list[Located]:
    """Return the windows about the highest peaks of a response map (h, w) of an image of (H, W); see :func:`locate`."""
    height, width = _resized(image_size, longest_side, network.smallest)
    scale = np.array([image_size[1] / width, image_size[0] / height] * 2, np.float32)
    found: list[Located] = []
    taken = np.zeros(rho.shape, bool)
    for peak in highest_peaks(density_peaks(rho), rho, rho.size):
        if len(found) == count:
            break
        if taken[peak]:
            continue
        window = window_about(rho, peak, threshold)
        taken[window.top : window.bottom + 1, window.left : window.right + 1] = True
        # A cell owns the pixels that are nearer to its centre than to another's; the border belongs to the last cells.
        first = network.cell_centre - STRIDE // 2
        x, right = (max(0, first + STRIDE * cell) for cell in (window.left, window.right + 1))
        y, bottom = (max(0, first + STRIDE * cell) for cell in (window.top, window.bottom + 1))
        x, y = (0 if window.left == 0 else x), (0 if window.top == 0 else y)
        right = width if window.right == rho.shape[1] - 1 else min(right, width)
        bottom = height if window.bottom == rho.shape[0] - 1 else min(bottom, height)
        found.append(Located(np.array([x, y, right - x, bottom - y], np.float32) * scale, window.score))
    return found


def locate_face(
    coarse: Responds,
    fine: Responds,
    image: NDArray[np.uint8],
    *,
    longest_sides: tuple[int, int],
    thresholds: tuple[float, float],
) -> Located | None:
    """Return the face that two networks find, the second in the window of the first; None where one does not respond.

    Parameters
    ----------
    coarse, fine
        LNet_o and LNet_s.
    longest_sides, thresholds
        Of each; see :func:`locate`.
    """
    windows = locate(coarse, image, longest_side=longest_sides[0], threshold=thresholds[0])
    if not windows:
        return None
    part, corner = window_part(image, windows[0].box)
    faces = locate(fine, part, longest_side=longest_sides[1], threshold=thresholds[1])
    return None if not faces else moved(faces[0], corner)


def window_part(image: NDArray[np.uint8], box: NDArray[np.float32]) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Return the pixels of a window (x, y, width, height) of an image, and x and y of their corner."""
    x, y, width, height = (float(value) for value in box)
    left, top = int(x), int(y)
    return image[top : int(np.ceil(y + height)), left : int(np.ceil(x + width))], (left, top)


def moved(located: Located, corner: tuple[int, int]) -> Located:
    """Return what was located in a part of an image, in pixels of the image; the part begins at x and y of a corner."""
    return Located(located.box + np.array([*corner, 0, 0], np.float32), located.score)


def heat_of(
    network: Responds, rho: NDArray[np.float32], image_size: tuple[int, ...], longest_side: int
) -> NDArray[np.float32]:
    """Return a response map (h, w) as large as its image of (H, W): bilinear between the centres of the cells."""
    height, width = _resized(image_size, longest_side, network.smallest)
    rows, columns = (
        (np.arange(size, dtype=np.float32) + 0.5) * (resized / size) - 0.5
        for size, resized in zip(image_size, (height, width), strict=True)
    )
    y, x = ((pixels - network.cell_centre) / STRIDE for pixels in (rows, columns))
    across, down = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
    return np.asarray(cv2.remap(rho, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _resized(size: tuple[int, ...], longest_side: int, smallest: int) -> tuple[int, int]:
    wanted = longest_side / max(size) if longest_side else 1.0
    scale = max(wanted, smallest / min(size))  # a narrow image must have a cell, too
    return max(smallest, round(size[0] * scale)), max(smallest, round(size[1] * scale))
