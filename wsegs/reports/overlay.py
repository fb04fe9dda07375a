"""Draw regions, masks and landmarks over a face.

All pictures are uint8 RGB (H, W, 3). Landmarks are (P, 2), x then y, pixel centres at integers.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from wsegs.geometry.resample import resample_nearest, rescale
from wsegs.reports.palette import region_colours

Image = NDArray[np.uint8]
Bits = NDArray[np.unsignedinteger]
Points = NDArray[np.floating]
Mask = NDArray[np.bool_]

MASK_COLOUR = np.array([0, 200, 255], np.uint8)  # differs from skin and lips, for colour-blind people too
_FILL = 0.45  # opacity of the colour over the face


def scaled_size(shape: Sequence[int], scale: float) -> tuple[int, int]:
    """Return the (H, W) of a picture of this shape drawn ``scale`` times as large."""
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def scale_picture(image: Image, scale: float) -> Image:
    """Return a picture (H, W, 3) drawn ``scale`` times as large."""
    height, width = scaled_size(image.shape, scale)
    method = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    return cv2.resize(image, (width, height), interpolation=method).astype(np.uint8, copy=False)


def _scale_cells(array: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return an array (H, W) at another size by nearest neighbour; OpenCV lacks it for 32 and 64 bit integers."""
    return resample_nearest(array, size, np.bitwise_or)


def _outline(mask: Mask, thickness: int) -> Mask:
    """Return the inner edge of a mask, bool (H, W); also along the border of the picture."""
    kernel = np.ones((3, 3), np.uint8)
    core = cv2.erode(mask.astype(np.uint8), kernel, iterations=thickness, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    edge: NDArray[np.bool_] = mask & (core == 0)
    return edge


def _thickness(size: Sequence[int]) -> int:
    return max(1, round(min(size[:2]) / 200))


def draw_landmarks(image: Image, landmarks: Points | None, scale: float = 1.0) -> Image:
    """Return a copy of a picture with a dot at every landmark.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB, already ``scale`` times as large as the frame of the landmarks.
    landmarks
        (P, 2) in the frame; None or nan draws nothing.
    scale
        How much larger the picture is than the frame.
    """
    drawn = np.ascontiguousarray(image).copy()
    if landmarks is None:
        return drawn
    places = rescale(np.asarray(landmarks, np.float64), scale)
    # Drop nan, and points far outside, whose sixteenths of a pixel would overflow the 32 bits of OpenCV.
    places = places[(np.abs(places) < 1e5).all(axis=1)]
    if not len(places):
        return drawn
    radius = min(max(1.0, np.ptp(places, axis=0).max() / 110), 6.0)  # in proportion to the face
    for x, y in places:
        centre = round(x * 16), round(y * 16)
        for extra, colour in ((0.7, (0, 0, 0)), (0.0, (255, 255, 255))):  # white with a dark rim is seen on any skin
            cv2.circle(drawn, centre, round((radius + extra) * 16), colour, -1, cv2.LINE_AA, shift=4)
    return drawn


def region_overlay(
    image: Image,
    regions: Bits,
    region_names: Sequence[str],
    landmarks: Points | None = None,
    *,
    scale: float = 2.0,
) -> Image:
    """Draw base regions over a face, each filled with a blended colour and outlined in its full colour.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    regions
        (H, W) unsigned integers; bit r is set where region r lies.
    region_names
        A name for each region; only their number matters, the legend is on the contact sheet.
    landmarks
        (P, 2) in the picture's pixels, or None.
    scale
        Scale of the result; more than 1 makes lines crisp.

    Returns
    -------
    uint8 RGB of ``scaled_size(image.shape, scale)``. Region r has the colour ``region_colours(R)[r]``; where regions
    overlap, the fill is the mean of their colours weighted by 1 / area, so that a mouth is visible inside a face. Small
    regions are outlined last, so that none is hidden.
    """
    picture = scale_picture(image, scale)
    cells = _scale_cells(np.asarray(regions), scaled_size(image.shape, scale))
    colours = region_colours(len(region_names))
    one = cells.dtype.type(1)
    masks = [(cells >> cells.dtype.type(r)) & one == one for r in range(len(region_names))]

    areas = [int(np.count_nonzero(mask)) for mask in masks]
    total = np.zeros(picture.shape, np.float32)
    weights = np.zeros(cells.shape, np.float32)
    for mask, area, colour in zip(masks, areas, colours, strict=True):
        if area:
            total[mask] += colour / np.float32(area)
            weights[mask] += 1 / area
    covered = weights > 0
    mean = total[covered] / weights[covered, None]
    picture[covered] = (picture[covered] * (1 - _FILL) + mean * _FILL).round().astype(np.uint8)

    for r in sorted(range(len(masks)), key=lambda r: -areas[r]):
        picture[_outline(masks[r], _thickness(picture.shape))] = colours[r]
    return draw_landmarks(picture, landmarks, scale)


def mask_overlay(
    image: Image, mask: Mask, *, drawn: bool = True, colour: Image = MASK_COLOUR, scale: float = 2.0
) -> Image:
    """Draw one attribute's mask over a face.

    Parameters
    ----------
    image, mask
        (H, W, 3) uint8 RGB and bool (H, W).
    drawn
        True: filled and outlined, for a mask that the store has. False: a dashed outline, for where the mask would be
        if the attribute were present.
    colour
        RGB.
    scale
        As in :func:`region_overlay`.
    """
    picture = scale_picture(image, scale)
    inside = _scale_cells(mask, scaled_size(image.shape, scale))
    thickness = max(2, _thickness(picture.shape))
    edge = _outline(inside, thickness)
    if drawn:
        picture[inside] = (picture[inside] * (1 - _FILL) + colour * _FILL).round().astype(np.uint8)
    else:
        # A chequered pattern breaks an edge of any direction into dashes; the gaps are dark, to be seen on any skin.
        picture[edge] = 30
        rows, columns = np.ogrid[: inside.shape[0], : inside.shape[1]]
        dash = 3 * thickness
        edge &= ((rows + columns) // dash + (rows - columns) // dash) % 2 == 0
    picture[edge] = colour
    return picture


def outline_overlay(
    image: Image, masks: Sequence[Mask], colours: Sequence[Image], *, scale: float = 2.0, thickness: int = 2
) -> Image:
    """Draw the outlines of masks over a face, later ones on top.

    Parameters
    ----------
    image, masks
        (H, W, 3) uint8 RGB, and bool (H, W) each.
    colours
        RGB of each mask.
    scale, thickness
        As in :func:`region_overlay`; the lines are ``thickness`` pixels wide in the result.
    """
    picture = scale_picture(image, scale)
    for mask, colour in zip(masks, colours, strict=True):
        picture[_outline(_scale_cells(mask, (picture.shape[0], picture.shape[1])), thickness)] = colour
    return picture
