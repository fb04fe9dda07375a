"""Regions, masks, landmarks and attribute maps drawn over one face.

All pictures are uint8 RGB (H, W, 3). Landmarks are (P, 2), x then y, pixel centres at integers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray

from wsegs.geometry.resample import resample_nearest, rescale
from wsegs.reports.canvas import PALE_INK, Canvas, write_png
from wsegs.reports.palette import region_colours

Image = NDArray[np.uint8]
Bits = NDArray[np.unsignedinteger]
Points = NDArray[np.floating]
Mask = NDArray[np.bool_]

MASK_COLOUR = np.array([0, 200, 255], np.uint8)  # far from every skin and from lips, for all kinds of vision
_FILL = 0.45  # how much of the colour is laid over the face
_MAP = 0.6


def scaled_size(shape: Sequence[int], scale: float) -> tuple[int, int]:
    """Return the (H, W) of a picture of this shape drawn ``scale`` times as large."""
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def scale_picture(image: Image, scale: float) -> Image:
    """Return a picture (H, W, 3) drawn ``scale`` times as large."""
    height, width = scaled_size(image.shape, scale)
    method = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    return cv2.resize(image, (width, height), interpolation=method).astype(np.uint8, copy=False)


def _scale_cells(array: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return an array (H, W) at another size by nearest neighbour; OpenCV does not know 32 and 64 bit cells."""
    return resample_nearest(array, size, np.bitwise_or)


def _outline(mask: Mask, thickness: int) -> Mask:
    """Return the inner edge of a mask, also where the picture's border cuts it."""
    kernel = np.ones((3, 3), np.uint8)
    core = cv2.erode(mask.astype(np.uint8), kernel, iterations=thickness, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    edge: NDArray[np.bool_] = mask & (core == 0)
    return edge


def _thickness(size: Sequence[int]) -> int:
    return max(1, round(min(size[:2]) / 200))


def draw_landmarks(image: Image, landmarks: Points | None, scale: float = 1.0) -> Image:
    """Return a copy with a dot at every landmark.

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
    # nan, and what lies far outside: OpenCV counts sixteenths of a pixel in 32 bits.
    places = places[(np.abs(places) < 1e5).all(axis=1)]
    if not len(places):
        return drawn
    radius = min(max(1.0, np.ptp(places, axis=0).max() / 110), 6.0)  # by the face, which may be small in its picture
    for x, y in places:
        centre = round(x * 16), round(y * 16)
        for extra, colour in ((0.7, (0, 0, 0)), (0.0, (255, 255, 255))):  # white on a dark rim: any skin
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
    """Draw base regions over a face: blended fill, and an outline of each in its full colour.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    regions
        (H, W) unsigned integers; bit r is set where region r lies.
    region_names
        One name a region; only their number matters here, the legend is the sheet's.
    landmarks
        (P, 2) in the picture's pixels, or None.
    scale
        How much larger the result is drawn, so that lines are crisp.

    Returns
    -------
    uint8 RGB of ``scaled_size(image.shape, scale)``. Region r has the colour ``region_colours(R)[r]``; where regions
    overlap, the fill is the mean of their colours, in which a region counts by one over its area, so that a mouth is
    seen within a face. Small regions are outlined last, so that none is hidden.
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
        True: filled and outlined, as the mask that the store holds. False: a dashed outline alone, to show where
        the mask would be if the label called for it.
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
        # Dashes: a chequered pattern, so that an edge of any direction is broken; dark between, to be seen anywhere.
        picture[edge] = 30
        rows, columns = np.ogrid[: inside.shape[0], : inside.shape[1]]
        dash = 3 * thickness
        edge &= ((rows + columns) // dash + (rows - columns) // dash) % 2 == 0
    picture[edge] = colour
    return picture


def map_overlay(image: Image, heat: NDArray[np.floating], limits: tuple[float, float] = (0.0, 1.0)) -> Image:
    """Lay a network's map over a grey face, in matplotlib's ``inferno``.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    heat
        (h, w), stretched over the whole picture.
    limits
        The values that are drawn as the first and the last colour; what lies beyond is clipped.
    """
    height, width = image.shape[:2]
    stretched = cv2.resize(np.asarray(heat, np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    low, high = limits
    # nan (a run that diverged) is drawn as nothing seen.
    value = np.nan_to_num(np.clip((stretched - low) / (high - low), 0, 1))
    colour = matplotlib.colormaps["inferno"](value)[..., :3] * 255
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None]
    blended: NDArray[np.uint8] = (grey * (1 - _MAP) + colour * _MAP).round().astype(np.uint8)
    return blended


def draw_attribute_maps(
    image: Image,
    maps: NDArray[np.floating],
    names: Sequence[str],
    scores: Sequence[float] | NDArray[np.floating],
    output: Path,
    *,
    title: str = "",
    limits: tuple[float, float] = (0.0, 1.0),
) -> None:
    """Write a grid: where the network saw each attribute, with its name and score.

    Parameters
    ----------
    image
        The network's view of the face, (H, W, 3) uint8 RGB.
    maps
        (A, h, w): the value a pixel, taught to be 1 inside the attribute's mask and 0 elsewhere.
    names, scores
        A names and A probabilities; an attribute with a score of at least 0.5 is set in bold.
    output
        A ``.png`` file; overwritten.
    title
        For example the image's name, set above the grid.
    limits
        The values at both ends of the colour scale, which is drawn below the grid.
    """
    write_png(_attribute_maps(image, maps, names, scores, title, limits), Path(output))


def _attribute_maps(
    image: Image,
    maps: NDArray[np.floating],
    names: Sequence[str],
    scores: Sequence[float] | NDArray[np.floating],
    title: str,
    limits: tuple[float, float],
) -> Image:
    face = scale_picture(image, max(220 / image.shape[1], 120 / image.shape[0]))
    height, width = face.shape[:2]
    gap, caption, margin, head, foot = 12, 24, 20, 44, 64
    cells = len(names) + 1  # the face itself comes first
    columns = max(2, min(cells, math.ceil(math.sqrt(cells * (height + caption) / width * 1.3))))
    rows = math.ceil(cells / columns)
    sheet = Canvas(
        width=max(2 * margin + columns * (width + gap) - gap, 420),
        height=head + rows * (height + caption + gap) + foot,
    )
    heading = title or "Where the network saw each attribute"
    sheet.text(heading, margin, head / 2, size=18, bold=True, width=sheet.width - 2 * margin)

    def place(cell: int) -> tuple[int, int]:
        return margin + cell % columns * (width + gap), head + cell // columns * (height + caption + gap)

    x, y = place(0)
    sheet.text("image", x, y + caption / 2, size=13)
    sheet.paste(face, x, y + caption)
    for cell, (heat, name, score) in enumerate(zip(maps, names, scores, strict=True), start=1):
        x, y = place(cell)
        present = float(score) >= 0.5
        sheet.text(name, x, y + caption / 2, size=13, bold=present, width=width - 44)
        sheet.text(f"{float(score):.2f}", x + width, y + caption / 2, size=13, bold=present, align="right")
        sheet.paste(map_overlay(face, heat, limits), x, y + caption)

    y = sheet.height - foot + 8
    bar = np.broadcast_to(np.linspace(*limits, 240, dtype=np.float32), (16, 240))
    sheet.paste(map_overlay(np.full((16, 240, 3), 128, np.uint8), bar, limits), margin + 40, y)
    sheet.text(f"{limits[0]:g}", margin + 32, y + 8, size=13, align="right")
    sheet.text(f"{limits[1]:g}", margin + 288, y + 8, size=13)
    note = "map value over the face, clipped   number: probability, bold from 0.5"
    sheet.text(note, margin, y + 36, size=13, colour=PALE_INK, width=sheet.width - 2 * margin)
    return sheet.render()


def outline_overlay(
    image: Image, masks: Sequence[Mask], colours: Sequence[Image], *, scale: float = 2.0, thickness: int = 2
) -> Image:
    """Draw the outlines of masks over a face; where they coincide, the last is seen.

    Parameters
    ----------
    image, masks
        (H, W, 3) uint8 RGB, and bool (H, W) each.
    colours
        RGB, one a mask.
    scale, thickness
        As in :func:`region_overlay`; the lines are ``thickness`` pixels wide in the result.
    """
    picture = scale_picture(image, scale)
    for mask, colour in zip(masks, colours, strict=True):
        picture[_outline(_scale_cells(mask, (picture.shape[0], picture.shape[1])), thickness)] = colour
    return picture
