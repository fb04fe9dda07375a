"""Draw where a network looks beside where each attribute is, on faces that it says right and wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wsegs.evaluation.where.examples import OUTCOMES, Example
from wsegs.geometry.resample import resample_nearest
from wsegs.reports.canvas import PALE_INK, Canvas, write_png
from wsegs.reports.heatmaps import heatmap_overlay
from wsegs.reports.overlay import Image, mask_overlay, outline_overlay, scale_picture

_WIDTH, _GAP, _MARGIN, _HEAD, _NAME, _CAPTION = 96, 14, 16, 64, 170, 18
_OUTLINE = np.array([255, 255, 255], np.uint8)


def draw_where(examples: Sequence[Example], output: Path, *, title: str = "Where the network looks") -> None:
    """Write a picture with a row for each attribute: faces with the mask, and beside each the network's map.

    The mask is outlined on the map, too; it is dashed where the attribute is absent.

    Parameters
    ----------
    examples
        At least one; several of an attribute stand in a row, in their order.
    output
        A ``.png`` file; overwritten.
    title
        Heading.
    """
    rows: dict[str, list[Example]] = {}
    for example in examples:
        rows.setdefault(example.attribute, []).append(example)
    scale = _WIDTH / examples[0].face.shape[1]
    height = max(1, round(examples[0].face.shape[0] * scale))
    most = max(map(len, rows.values()))
    cell = 2 * _WIDTH + _GAP
    sheet = Canvas(
        width=2 * _MARGIN + _NAME + most * (cell + _GAP),
        height=_HEAD + len(rows) * (height + _CAPTION + _GAP) + _MARGIN,
    )
    sheet.text(title, _MARGIN, 20, size=18, bold=True, width=sheet.width - 2 * _MARGIN)
    note = "left: where the attribute is (dashed: would be); right: where the network looks, its maximum yellow"
    sheet.text(note, _MARGIN, 44, size=12, colour=PALE_INK, width=sheet.width - 2 * _MARGIN)
    for row, (attribute, faces) in enumerate(rows.items()):
        y = _HEAD + row * (height + _CAPTION + _GAP)
        sheet.text(
            attribute.replace("_", " "), _MARGIN, y + _CAPTION + height / 2, size=13, bold=True, width=_NAME - 10
        )
        for column, example in enumerate(faces):
            x = _MARGIN + _NAME + column * (cell + _GAP)
            right = example.outcome in (OUTCOMES[0], OUTCOMES[3])
            caption = f"{example.outcome}: {'right' if right else 'wrong'}"
            sheet.text(caption, x, y + _CAPTION / 2, size=11, bold=not right, width=cell)
            masked, looked = _pair(example, scale)
            sheet.paste(masked, x, y + _CAPTION)
            sheet.paste(looked, x + _WIDTH + 4, y + _CAPTION)
    write_png(sheet.render(), Path(output))


def _pair(example: Example, scale: float) -> tuple[Image, Image]:
    """Return the face with its mask, and with the map and the mask's outline, ``scale`` times as large."""
    size = (example.face.shape[0], example.face.shape[1])
    mask = resample_nearest(example.mask, size, np.bitwise_or)
    masked = mask_overlay(example.face, mask, drawn=example.outcome.startswith("present"), scale=scale)
    looked = heatmap_overlay(scale_picture(example.face, scale), example.map)
    return masked, outline_overlay(
        looked, [resample_nearest(mask, _shape(looked), np.bitwise_or)], [_OUTLINE], scale=1, thickness=1
    )


def _shape(picture: Image) -> tuple[int, int]:
    return picture.shape[0], picture.shape[1]
