"""Draw the faces with the lowest scores of each region, with the outlines of rules and human masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wsegs.errors import OptionError
from wsegs.human_masks.parsed_faces import ParsedFaces
from wsegs.reports.canvas import PALE_INK, Canvas, text_width, write_png
from wsegs.reports.overlay import Image, Mask, outline_overlay
from wsegs.rules import RuleSet
from wsegs.rules.tuning.class_map import ClassMap
from wsegs.rules.tuning.score import RegionScores

# Two colours of Okabe and Ito, which colour-blind people can tell apart.
HUMAN_COLOUR = np.array([86, 180, 233], np.uint8)
RULE_COLOUR = np.array([230, 159, 0], np.uint8)

_TILE = 240
_MARGIN = 20
_GAP = 12
_CAPTION = 46
_HEAD = 84
_NAME = 34
_ROOM = 1.8  # width of a tile over that of its region


@dataclass(frozen=True)
class WorstFace:
    """A face and one of its regions.

    Attributes
    ----------
    name
        The image's file name.
    image
        (H, W, 3) uint8 RGB.
    human, drawn
        bool (H, W): the region by people and by the rules.
    iou, precision, recall
        Its scores; precision is nan where the rules drew nothing.
    """

    name: str
    image: Image
    human: Mask
    drawn: Mask
    iou: float
    precision: float
    recall: float


def check_picture(path: Path) -> None:
    """Raise OptionError unless ``path`` ends in ``.png``."""
    if path.suffix.lower() != ".png":
        raise OptionError(f"--worst: expected a name that ends in .png, got '{path}'")


def draw_worst_faces(
    path: Path, faces: ParsedFaces, rules: RuleSet, classes: ClassMap, scores: RegionScores, *, count: int = 3
) -> None:
    """Write a picture of the faces with the lowest intersection over union, ``count`` of each region.

    Parameters
    ----------
    path
        A ``.png`` file; overwritten.
    faces, rules, classes, scores
        What was scored, and the result.
    """
    landmarks = faces.landmarks_of(rules.scheme)
    iou, precision, recall = scores.iou, scores.precision, scores.recall
    rows_of_faces = []
    for column, region in enumerate(scores.regions):
        worst = []
        for row in worst_rows(iou[:, column], scores.human[:, column], count):
            masks = faces.masks([row])
            regions = rules.draw(landmarks[[row]], faces.size)[0]
            bit = regions.dtype.type(1 << rules.region_names.index(region))
            worst.append(
                WorstFace(
                    faces.names[row],
                    faces.image(row),
                    classes.region_bits(masks, [region])[0] != 0,
                    ((regions & bit) != 0) & classes.known(masks)[0],
                    *(float(values[row, column]) for values in (iou, precision, recall)),
                )
            )
        rows_of_faces.append(worst)
    write_png(worst_sheet(scores.regions, rows_of_faces, f"The worst faces of {rules.name}"), path)


def worst_rows(iou: NDArray[np.float64], human: NDArray[np.int64], count: int) -> list[int]:
    """Return the rows of the lowest scores, (N,), lowest first, the largest ``human`` area first among equals.

    Rows of nan are left out.
    """
    order = np.lexsort((-human, iou))  # nan comes last
    rows: list[int] = order[: min(count, int(np.isfinite(iou).sum()))].tolist()
    return rows


def worst_sheet(region_names: Sequence[str], faces: Sequence[Sequence[WorstFace]], title: str) -> Image:
    """Draw a row of faces for each region, uint8 RGB.

    Parameters
    ----------
    region_names
        R names.
    faces
        R lists of faces; an empty one says that the region counts on no image.
    """
    columns = max(2, max(len(row) for row in faces))
    heights = [_NAME + (_TILE + _CAPTION + _GAP if row else 0) for row in faces]
    sheet = Canvas(2 * _MARGIN + columns * (_TILE + _GAP) - _GAP, _HEAD + sum(heights) + _MARGIN)
    sheet.text(title, _MARGIN, 26, size=18, bold=True, width=sheet.width - 2 * _MARGIN)
    x = _MARGIN
    for label, colour in (("human", HUMAN_COLOUR), ("rules", RULE_COLOUR)):
        sheet.fill(x, 48, 16, 16, colour)
        sheet.text(label, x + 24, 56, size=14)
        x += 24 + round(text_width(label, 14)) + 24
    for line, (region, row) in enumerate(zip(region_names, faces, strict=True)):
        y = _HEAD + sum(heights[:line])
        sheet.text(region if row else f"{region}: on no image", _MARGIN, y + _NAME / 2, size=15, bold=True)
        for column, face in enumerate(row):
            _draw_face(sheet, face, _MARGIN + column * (_TILE + _GAP), y + _NAME)
    return sheet.render()


def _draw_face(sheet: Canvas, face: WorstFace, x: int, y: int) -> None:
    top, left, side = _square_about(face.human | face.drawn)
    cut = np.s_[top : top + side, left : left + side]
    picture = outline_overlay(
        np.ascontiguousarray(face.image[cut]),
        [face.human[cut], face.drawn[cut]],
        [HUMAN_COLOUR, RULE_COLOUR],
        scale=_TILE / side,
    )
    sheet.paste(picture[:_TILE, :_TILE], x, y)
    precision = "-" if np.isnan(face.precision) else f"{face.precision:.2f}"
    numbers = f"IoU {face.iou:.2f}, precision {precision}, recall {face.recall:.2f}"
    sheet.text(numbers, x, y + _TILE + 14, size=12, bold=True, width=_TILE)
    sheet.text(face.name, x, y + _TILE + 32, size=12, width=_TILE, colour=PALE_INK)


def _square_about(mask: Mask) -> tuple[int, int, int]:
    """Return top, left and side of a square within the picture that shows a mask with room around it."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    shortest = min(mask.shape)
    if not len(rows):
        return 0, 0, shortest
    extent = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    side = int(min(shortest, max(extent * _ROOM, shortest / 3)))
    top, left = (
        int(np.clip((edge[0] + edge[-1] + 1 - side) // 2, 0, length - side))
        for edge, length in zip((rows, columns), mask.shape, strict=True)
    )
    return top, left, side
