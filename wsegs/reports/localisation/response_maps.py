"""Response maps over their images (Liu, Luo, Wang & Tang, figures 6 and 7b)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from wsegs.evaluation.localisation.maps import maps_of
from wsegs.evaluation.localisation.networks import Locator
from wsegs.evaluation.localise import Located
from wsegs.io.files import shortened
from wsegs.io.images import read_image
from wsegs.reports.canvas import PALE_INK, Canvas, write_png
from wsegs.reports.heatmaps import heatmap_overlay
from wsegs.reports.overlay import Image, scale_picture

_HEIGHT = 260  # pixels of each picture
_BOX = (0, 158, 115)  # Okabe and Ito's green, which is in no heat map


@dataclass(frozen=True)
class ResponsePictures:
    """Draws images into a folder, with the maps of their networks and that of another LNet_o; pickles.

    Attributes
    ----------
    folder
        Where the pictures are written, named as their images, folders joined by a dash.
    beside
        Run of another LNet_o; None for none.
    """

    folder: Path
    beside: Path | None = None

    def __call__(self, locator: Locator, path: Path, name: str, faces: Sequence[Located]) -> None:
        """Draw an image, the maps, and the boxes of its faces."""
        image = read_image(path)
        titles = [run.name for run in locator.runs]
        maps = maps_of(locator, image)
        if self.beside is not None:
            maps += maps_of(replace(locator, runs=(self.beside,), sides=locator.sides[:1]), image)
            titles.append(self.beside.name)
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / shortened(f"{'-'.join(Path(name).with_suffix('').parts)}.png")
        write_png(response_picture(image, maps, titles, [face.box for face in faces], title=name), file)


def response_picture(
    image: Image,
    maps: Sequence[NDArray[np.floating]],
    titles: Sequence[str],
    boxes: Sequence[NDArray[np.floating]],
    *,
    title: str = "",
) -> Image:
    """Return an image with its boxes, and beside it its response maps, each from 0 to its own maximum.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    maps, titles
        Maps (H, W), and what each is of.
    boxes
        x, y, width, height in pixels of the image.
    title
        Heading.
    """
    scale = _HEIGHT / image.shape[0]
    face = scale_picture(image, scale)
    height, width = face.shape[:2]
    margin, head, caption, foot, gap = 16, 36, 24, 30, 12
    sheet = Canvas(max(360, 2 * margin + (width + gap) * (1 + len(maps)) - gap), head + caption + height + foot)
    sheet.text(title, margin, head / 2, size=15, bold=True, width=sheet.width - 2 * margin)
    boxed = face.copy()
    for x, y, across, down in boxes:
        first = (round(float(x) * scale), round(float(y) * scale))
        last = (round(float(x + across) * scale) - 1, round(float(y + down) * scale) - 1)
        cv2.rectangle(boxed, first, last, _BOX, 2)
    for number, (name, picture) in enumerate([("located" if boxes else "no face", boxed), *_heats(face, maps, titles)]):
        left = margin + number * (width + gap)
        sheet.text(name, left, head + caption / 2, size=13, width=width)
        sheet.paste(picture, left, head + caption)
    note = "each map from 0 to its largest response"
    sheet.text(note, margin, sheet.height - foot / 2, size=12, colour=PALE_INK, width=sheet.width - 2 * margin)
    return sheet.render()


def _heats(face: Image, maps: Sequence[NDArray[np.floating]], titles: Sequence[str]) -> list[tuple[str, Image]]:
    return [
        (title, heatmap_overlay(face, heat, (0.0, max(float(heat.max()), 1e-12))))
        for heat, title in zip(maps, titles, strict=True)
    ]
