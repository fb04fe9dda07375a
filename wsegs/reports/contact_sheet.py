"""Draw sheets of many small pictures: faces with their base regions, or one face with its attributes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wsegs.reports.canvas import INK, PALE_INK, Canvas, fit_text, text_width
from wsegs.reports.overlay import (
    Bits,
    Image,
    Mask,
    Points,
    draw_landmarks,
    mask_overlay,
    region_overlay,
    scale_picture,
    scaled_size,
)
from wsegs.reports.palette import region_colours

_MARGIN = 20
_GAP = 8
_CAPTION = 26
_SWATCH = 16
_LINE = 26
_PRESENT = (0.0, 0.36, 0.26)


@dataclass(frozen=True)
class SheetFace:
    """A face on a contact sheet.

    Attributes
    ----------
    name
        The file name.
    image
        (H, W, 3) uint8 RGB in the frame; None if the file cannot be read.
    landmarks
        (P, 2), x and y in the frame; None if there is no face.
    regions
        (H, W) unsigned integers, bit r for region r.
    status
        Which landmarker found the landmarks, or why there are none.
    """

    name: str
    image: Image | None
    landmarks: Points | None
    regions: Bits
    status: str


def evenly_spaced(candidates: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """Return at most ``count`` of the candidates, evenly spaced from the first to the last."""
    if len(candidates) <= count:
        return candidates
    chosen: NDArray[np.intp] = candidates[np.linspace(0, len(candidates) - 1, count).round().astype(int)]
    return chosen


def contact_sheet(faces: Sequence[SheetFace], region_names: Sequence[str], title: str = "") -> Image:
    """Draw faces side by side, each with its landmarks and base regions, below a legend.

    Parameters
    ----------
    faces
        At least one, all of one size.
    region_names
        R names, in the order of the bits.
    title
        Heading, such as the store and its rules.

    Returns
    -------
    uint8 RGB.
    """
    frame = faces[0].regions.shape
    scale = 300 / max(frame)
    height, width = scaled_size(frame, scale)
    block = 3 * width + 2 * _GAP
    # As many faces beside each other as make the sheet about as wide as a screen.
    columns = max(1, min(len(faces), round(math.sqrt(1.5 * len(faces) * (height + _CAPTION) / block))))
    rows = math.ceil(len(faces) / columns)
    sheet_width = max(2 * _MARGIN + columns * (block + 3 * _GAP) - 3 * _GAP, 700)
    legend = Legend(region_names, sheet_width - 2 * _MARGIN)
    top = 52 + legend.height + 10
    sheet = Canvas(sheet_width, top + rows * (height + _CAPTION + _GAP) + _MARGIN)
    sheet.text(title or "Base regions", _MARGIN, 28, size=18, bold=True, width=sheet_width - 2 * _MARGIN)
    legend.draw(sheet, _MARGIN, 52)

    for cell, face in enumerate(faces):
        x = _MARGIN + cell % columns * (block + 3 * _GAP)
        y = top + cell // columns * (height + _CAPTION + _GAP)
        status = fit_text(face.status, 12, block / 2)
        name_width = block - text_width(status, 12) - 12
        sheet.text(face.name, x, y + _CAPTION / 2, size=13, bold=True, width=name_width)
        sheet.text(status, x + block, y + _CAPTION / 2, size=12, align="right", colour=PALE_INK)
        for column, tile in enumerate(_tiles(face, region_names, scale)):
            sheet.paste(tile, x + column * (width + _GAP), y + _CAPTION)
        if face.landmarks is None:
            middle = x + width + _GAP + (2 * width + _GAP) / 2
            sheet.text(
                face.status, middle, y + _CAPTION + height / 2, size=18, bold=True, align="center", width=2 * width
            )
    return sheet.render()


def _tiles(face: SheetFace, region_names: Sequence[str], scale: float) -> tuple[Image, Image, Image]:
    empty = np.full((*scaled_size(face.regions.shape, scale), 3), 232, np.uint8)
    if face.image is None:
        return empty, empty, empty
    plain = scale_picture(face.image, scale)
    if face.landmarks is None:
        return plain, empty, empty
    regions = region_overlay(face.image, face.regions, region_names, scale=scale)
    return plain, draw_landmarks(plain, face.landmarks, scale), regions


class Legend:
    """Colour and name of every region, in as many columns as fit."""

    def __init__(self, names: Sequence[str], width: int) -> None:
        self._names = names
        longest = max((text_width(name, 14) for name in names), default=0)
        self._pitch = min(width, math.ceil(longest) + _SWATCH + 32)
        self._columns = max(1, width // self._pitch)
        self.height = math.ceil(len(names) / self._columns) * _LINE

    def draw(self, sheet: Canvas, left: int, top: int) -> None:
        """Draw the legend with its top left corner at (left, top)."""
        for index, (name, colour) in enumerate(zip(self._names, region_colours(len(self._names)), strict=True)):
            x = left + index % self._columns * self._pitch
            y = top + index // self._columns * _LINE
            sheet.fill(x, y + (_LINE - _SWATCH) // 2, _SWATCH, _SWATCH, colour)
            sheet.text(name, x + _SWATCH + 8, y + _LINE / 2, size=14, width=self._pitch - _SWATCH - 16)


def attribute_sheet(
    face: SheetFace,
    attribute_names: Sequence[str],
    labels: NDArray[np.int8],
    coverage: Mask,
    drawn: NDArray[np.bool_],
) -> Image:
    """Draw one face once an attribute, with the attribute's label and mask.

    Parameters
    ----------
    face
        A face with an image.
    attribute_names
        A names.
    labels
        int8 (A,): 1 present, 0 absent, -1 unknown.
    coverage
        bool (A, H, W): where the attribute's mask lies, whatever its label.
    drawn
        bool (A,): whether the label calls for the mask. Such a mask is filled; any other is only outlined, to show
        where it would be.

    Returns
    -------
    uint8 RGB.
    """
    if face.image is None:
        raise ValueError(f"{face.name}: a sheet of attributes needs the image")
    side = 180 if len(attribute_names) > 12 else 260 if len(attribute_names) > 2 else 480
    scale = side / min(face.image.shape[:2])
    height, width = scaled_size(face.image.shape, scale)
    cell_height = height + 2 * 22 + _GAP
    columns = round(math.sqrt(len(attribute_names) * cell_height / width * 1.3))
    columns = max(1, min(len(attribute_names), columns))
    rows = math.ceil(len(attribute_names) / columns)
    gap = 2 * _GAP
    sheet = Canvas(max(2 * _MARGIN + columns * (width + gap) - gap, 420), 84 + rows * (cell_height + _GAP) + _MARGIN)
    sheet.text(face.name, _MARGIN, 26, size=18, bold=True, width=sheet.width - 2 * _MARGIN)
    note = "filled: the mask as drawn · dashed: where it would be"
    sheet.text(note, _MARGIN, 56, size=13, colour=PALE_INK, width=sheet.width - 2 * _MARGIN)

    for cell, name in enumerate(attribute_names):
        x = _MARGIN + cell % columns * (width + gap)
        y = 80 + cell // columns * (cell_height + _GAP)
        label = {1: "present", 0: "absent"}.get(int(labels[cell]), "unknown")
        if not coverage[cell].any():
            label += " · empty mask"
        present = int(labels[cell]) == 1
        sheet.text(name, x, y + 11, size=14, bold=True, width=width)
        colour = _PRESENT if present else PALE_INK if int(labels[cell]) == 0 else INK
        sheet.text(label, x, y + 32, size=13, bold=present, width=width, colour=colour)
        picture = mask_overlay(face.image, coverage[cell], drawn=bool(drawn[cell]), scale=scale)
        sheet.paste(picture, x, y + 44)
    return sheet.render()
