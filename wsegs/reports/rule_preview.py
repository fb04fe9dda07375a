"""One picture of a rule file: landmarks with their numbers, base regions, and every attribute, over one face."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wsegs.reports.canvas import PALE_INK, Canvas
from wsegs.reports.contact_sheet import Legend, SheetFace, attribute_sheet
from wsegs.reports.overlay import Image, draw_landmarks, region_overlay, scale_picture, scaled_size
from wsegs.rules import RuleSet
from wsegs.store.frame import Frame, transform_points, warp_image

_FRAME = Frame("face", (436, 356), zoom=1.0)
_PANEL = 640  # height of a panel in pixels
_MARGIN = 20
_MOST_NUMBERS = 100  # numbers of more landmarks would hide each other
_PAPER = 205  # grey of the picture that a face without an image is drawn on


def draw_rules(rules: RuleSet, landmarks: NDArray[np.floating], image: Image | None, title: str) -> Image:
    """Draw a rule file over one face.

    Parameters
    ----------
    rules
        Compiled rules.
    landmarks
        (P, 2) of the rules' scheme, x and y in pixels of ``image``, or in any unit where there is none.
    image
        uint8 RGB (h, w, 3); None draws on grey.
    title
        What face this is.

    Returns
    -------
    uint8 RGB: landmarks beside regions, the legend, below them every attribute as for a present label.
    """
    points = np.asarray(landmarks, np.float32)[None]
    size = np.array([image.shape[1::-1] if image is not None else _FRAME.size[::-1]])
    affine = _FRAME.affine(points, size, rules.scheme)
    framed = transform_points(points, affine)
    if image is None:
        picture = np.full((*_FRAME.size, 3), _PAPER, np.uint8)
    else:
        picture = warp_image(image, affine[0], _FRAME.size)
    (regions,) = rules.draw(framed, _FRAME.size)
    panels = _panels(rules, picture, framed[0], regions, title)
    if not rules.attribute_names:
        return panels
    face = SheetFace("attributes", picture, framed[0], regions, "")
    lookup = rules.lookup(rules.attribute_names)
    drawn = np.ones(len(rules.attribute_names), bool)
    labels = np.where(lookup.label == 0, 0, 1).astype(np.int8)
    return _stacked(panels, attribute_sheet(face, rules.attribute_names, labels, lookup.coverage(regions), drawn))


def _panels(rules: RuleSet, picture: Image, landmarks: NDArray[np.floating], regions: NDArray, title: str) -> Image:
    scale = _PANEL / _FRAME.size[0]
    height, width = scaled_size(_FRAME.size, scale)
    sheet_width = 2 * width + 3 * _MARGIN
    legend = Legend(rules.region_names, sheet_width - 2 * _MARGIN)
    top = 84 + legend.height
    sheet = Canvas(sheet_width, top + height + _MARGIN)
    sheet.text(f"{rules.name} · {rules.scheme.name}", _MARGIN, 28, size=18, bold=True, width=sheet_width - 2 * _MARGIN)
    sheet.text(title, _MARGIN, 54, size=13, colour=PALE_INK, width=sheet_width - 2 * _MARGIN)
    legend.draw(sheet, _MARGIN, 72)
    sheet.paste(draw_landmarks(scale_picture(picture, scale), landmarks, scale), _MARGIN, top)
    sheet.paste(region_overlay(picture, regions, rules.region_names, landmarks, scale=scale), 2 * _MARGIN + width, top)
    if len(landmarks) <= _MOST_NUMBERS:
        for number, (x, y) in enumerate(landmarks * scale):
            if 0 <= x < width - 12 and 8 <= y < height:
                sheet.text(str(number), _MARGIN + x + 4, top + y - 6, size=9, colour=(0.0, 0.0, 0.0))
    return sheet.render()


def _stacked(upper: Image, lower: Image) -> Image:
    width = max(upper.shape[1], lower.shape[1])
    padded = [
        np.pad(sheet, ((0, 0), (0, width - sheet.shape[1]), (0, 0)), constant_values=255) for sheet in (upper, lower)
    ]
    return np.concatenate(padded)
