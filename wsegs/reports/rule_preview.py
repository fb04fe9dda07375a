"""Draw a rule file over a face: numbered landmarks, base regions, and every attribute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from wsegs.geometry.frame import Frame
from wsegs.geometry.matrices import transform_points
from wsegs.geometry.warp import warp_image
from wsegs.reports.canvas import PALE_INK, Canvas
from wsegs.reports.contact_sheet import Legend, SheetFace, attribute_sheet
from wsegs.reports.overlay import Image, draw_landmarks, region_overlay, scale_picture, scaled_size
from wsegs.rules import RuleSet
from wsegs.schemes import LandmarkScheme

_FRAME = Frame("face", (436, 356), zoom=1.0)
_CLOSE = Frame("face", _FRAME.size, zoom=1.45)  # close, so that the numbers of landmarks do not overlap
_ZOOMS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4)  # of a frame, until a long chin fits in
_BORDER = 14  # pixels between the landmarks and the edge of the frame
_PANEL = 640  # height of a panel in pixels
_MARGIN = 20
_MOST_NUMBERS = 100  # more numbers would overlap
_PAPER = 205  # grey background of a face without an image


def draw_rules(
    rules: RuleSet,
    landmarks: NDArray[np.floating],
    image: Image | None,
    title: str,
    known: Mapping[str, int] | None = None,
) -> Image:
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
    known
        Its labels by attribute: 1 present, 0 absent, -1 unknown; others are drawn as if the label asked for it.

    Returns
    -------
    uint8 RGB: landmarks beside regions, the legend, below them every attribute.
    """
    picture, points = _framed(_FRAME, rules.scheme, landmarks, image)
    (regions,) = rules.draw(points[None], _FRAME.size)
    panels = _panels(rules, _framed(_CLOSE, rules.scheme, landmarks, image), (picture, points), regions, title)
    if not rules.attribute_names:
        return panels
    face = SheetFace("attributes", picture, points, regions, "")
    lookup = rules.lookup(rules.attribute_names)
    wanted = np.where(lookup.label == 0, 0, 1).tolist()
    named = zip(rules.attribute_names, wanted, strict=True)
    labels = np.array([(known or {}).get(name, label) for name, label in named], np.int8)
    drawn = lookup.drawn(labels)
    return _stacked(panels, attribute_sheet(face, rules.attribute_names, labels, lookup.coverage(regions), drawn))


def _framed(
    frame: Frame, scheme: LandmarkScheme, landmarks: NDArray[np.floating], image: Image | None
) -> tuple[Image, NDArray[np.float32]]:
    """Return the picture in a frame, grey where there is no image, and the landmarks (P, 2) in it, all of them."""
    points = np.asarray(landmarks, np.float32)[None]
    for zoom in _ZOOMS:
        affine = replace(frame, zoom=frame.zoom * zoom).affine(scheme.five_points(points), np.zeros((1, 2), int))
        placed = transform_points(points, affine)[0]
        if (placed >= _BORDER).all() and (placed < np.array(frame.size[::-1]) - _BORDER).all():
            break
    paper = np.full((*frame.size, 3), _PAPER, np.uint8)
    picture = paper if image is None else warp_image(image, affine[0], frame.size)
    return picture, placed


def _panels(
    rules: RuleSet,
    close: tuple[Image, NDArray[np.float32]],
    whole: tuple[Image, NDArray[np.float32]],
    regions: np.ndarray,
    title: str,
) -> Image:
    """Draw a close-up of the numbered landmarks, and beside it the regions of the whole head."""
    scale = _PANEL / _FRAME.size[0]
    height, width = scaled_size(_FRAME.size, scale)
    sheet_width = 2 * width + 3 * _MARGIN
    legend = Legend(rules.region_names, sheet_width - 2 * _MARGIN)
    top = 84 + legend.height
    sheet = Canvas(sheet_width, top + height + _MARGIN)
    sheet.text(f"{rules.name} · {rules.scheme.name}", _MARGIN, 28, size=18, bold=True, width=sheet_width - 2 * _MARGIN)
    sheet.text(title, _MARGIN, 54, size=13, colour=PALE_INK, width=sheet_width - 2 * _MARGIN)
    legend.draw(sheet, _MARGIN, 72)
    picture, landmarks = close
    sheet.paste(draw_landmarks(scale_picture(picture, scale), landmarks, scale), _MARGIN, top)
    if len(landmarks) <= _MOST_NUMBERS:
        for number, (x, y) in enumerate(landmarks * scale):
            if 0 <= x < width - 12 and 8 <= y < height:
                sheet.text(str(number), _MARGIN + x + 4, top + y - 7, size=10, colour=(0.0, 0.0, 0.0))
    picture, landmarks = whole
    overlay = region_overlay(picture, regions, rules.region_names, landmarks, scale=scale)
    sheet.paste(overlay, 2 * _MARGIN + width, top)
    return sheet.render()


def _stacked(upper: Image, lower: Image) -> Image:
    width = max(upper.shape[1], lower.shape[1])
    padded = [
        np.pad(sheet, ((0, 0), (0, width - sheet.shape[1]), (0, 0)), constant_values=255) for sheet in (upper, lower)
    ]
    return np.concatenate(padded)
