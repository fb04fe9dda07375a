"""Draw where a network sees each attribute of a face, as heat maps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray

from wsegs.reports.canvas import PALE_INK, Canvas, write_png
from wsegs.reports.overlay import Image, scale_picture

_OPACITY = 0.6  # of the colour over the face


def heatmap_overlay(
    image: Image, heat: NDArray[np.floating], limits: tuple[float, float] = (0.0, 1.0), colours: str = "inferno"
) -> Image:
    """Draw a heat map over a grey face.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    heat
        (h, w), resized bilinearly to the picture.
    limits
        The values of the first and the last colour; values beyond are clipped.
    colours
        Name of a colour map of matplotlib.
    """
    height, width = image.shape[:2]
    stretched = cv2.resize(np.asarray(heat, np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    low, high = limits
    # nan, from a run that diverged, is drawn as 0.
    value = np.nan_to_num(np.clip((stretched - low) / (high - low), 0, 1))
    colour = matplotlib.colormaps[colours](value)[..., :3] * 255
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None]
    blended: NDArray[np.uint8] = (grey * (1 - _OPACITY) + colour * _OPACITY).round().astype(np.uint8)
    return blended


def draw_heatmaps(
    image: Image,
    maps: NDArray[np.floating],
    names: Sequence[str],
    scores: Sequence[float] | NDArray[np.floating],
    output: Path,
    *,
    title: str = "",
    limits: tuple[float, float] = (0.0, 1.0),
    colours: str = "inferno",
    note: str = "map value over the face, clipped   number: probability, bold from 0.5",
) -> None:
    """Write a picture with the heat map of each attribute, its name and its score.

    Parameters
    ----------
    image
        The face as the network sees it, (H, W, 3) uint8 RGB.
    maps
        (A, h, w), trained to be 1 inside the mask of the attribute and 0 elsewhere.
    names, scores
        A names and A probabilities; an attribute with a score of at least 0.5 is set in bold.
    output
        A ``.png`` file; overwritten.
    title
        Heading, such as the name of the image.
    limits
        The values at both ends of the colour scale, which is drawn at the bottom.
    colours
        Name of a colour map of matplotlib.
    note
        Said at the bottom.
    """
    write_png(_heatmap_grid(image, maps, names, scores, title, limits, colours, note), Path(output))


def _heatmap_grid(
    image: Image,
    maps: NDArray[np.floating],
    names: Sequence[str],
    scores: Sequence[float] | NDArray[np.floating],
    title: str,
    limits: tuple[float, float],
    colours: str,
    note: str,
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
        sheet.paste(heatmap_overlay(face, heat, limits, colours), x, y + caption)

    y = sheet.height - foot + 8
    bar = np.broadcast_to(np.linspace(*limits, 240, dtype=np.float32), (16, 240))
    sheet.paste(heatmap_overlay(np.full((16, 240, 3), 128, np.uint8), bar, limits, colours), margin + 40, y)
    sheet.text(f"{limits[0]:g}", margin + 32, y + 8, size=13, align="right")
    sheet.text(f"{limits[1]:g}", margin + 288, y + 8, size=13)
    sheet.text(note, margin, y + 36, size=13, colour=PALE_INK, width=sheet.width - 2 * margin)
    return sheet.render()
