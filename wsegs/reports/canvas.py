"""A white canvas with pasted pictures and text drawn by matplotlib."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from numpy.typing import NDArray

from wsegs.errors import DataError
from wsegs.io.files import atomic_write

_DPI = 72  # a point is a pixel
_MEASURE = RendererAgg(8, 8, _DPI)

INK = (0.10, 0.10, 0.12)
PALE_INK = (0.35, 0.35, 0.40)


def _font(size: float, bold: bool) -> FontProperties:
    return FontProperties(family="DejaVu Sans", size=size, weight="bold" if bold else "normal")


def plain_text(text: str) -> str:
    """Return ``text`` as one line that a font can draw, with ``?`` for undecodable bytes and control characters."""
    readable = text.encode("utf-8", "replace").decode()
    return "".join(character if character.isprintable() else "?" for character in readable)


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Return the width of a line of text in pixels."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # glyphs that the font lacks are drawn as boxes
        width, _, _ = _MEASURE.get_text_width_height_descent(plain_text(text), _font(size, bold), ismath=False)
    return float(width)


def fit_text(text: str, size: float, width: float, *, bold: bool = False) -> str:
    """Return ``text``, shortened in its middle until it is at most ``width`` pixels wide.

    File names differ at their ends, so the middle is cut.
    """
    if text_width(text, size, bold=bold) <= width:
        return text
    low, high = 0, len(text)
    while low < high:  # the most characters that fit beside the ellipsis
        keep = (low + high + 1) // 2
        if text_width(_shorten(text, keep), size, bold=bold) <= width:
            low = keep
        else:
            high = keep - 1
    return _shorten(text, low)


def _shorten(text: str, keep: int) -> str:
    tail = keep // 2
    return text[: keep - tail] + "…" + (text[-tail:] if tail else "")


@dataclass
class Canvas:
    """A sheet of ``width`` x ``height`` pixels; x runs right and y down from the top left corner."""

    width: int
    height: int
    pixels: NDArray[np.uint8] = field(init=False)
    _figure: Figure = field(init=False)

    def __post_init__(self) -> None:
        self.pixels = np.full((self.height, self.width, 3), 255, np.uint8)
        self._figure = Figure(figsize=(self.width / _DPI, self.height / _DPI), dpi=_DPI)
        self._figure.patch.set_alpha(0)

    def paste(self, image: NDArray[np.uint8], x: int, y: int) -> None:
        """Put an RGB picture (h, w, 3) with its top left corner at (x, y)."""
        height, width = image.shape[:2]
        self.pixels[y : y + height, x : x + width] = image

    def fill(self, x: int, y: int, width: int, height: int, colour: NDArray[np.uint8]) -> None:
        """Fill a rectangle with one RGB colour."""
        self.pixels[y : y + height, x : x + width] = colour

    def text(
        self,
        text: str,
        x: float,
        y: float,
        *,
        size: float = 14,
        bold: bool = False,
        width: float | None = None,
        align: Literal["left", "center", "right"] = "left",
        colour: tuple[float, float, float] = INK,
    ) -> None:
        """Set one line of text whose vertical middle is at ``y``; shortened to ``width`` if that is given."""
        if width is not None:
            text = fit_text(text, size, width, bold=bold)
        self._figure.text(
            x / self.width,
            1 - y / self.height,
            plain_text(text),
            ha=align,
            va="center_baseline",
            fontproperties=_font(size, bold),
            color=colour,
            parse_math=False,  # a "$" in a file name is no formula
        )

    def render(self) -> NDArray[np.uint8]:
        """Return the sheet with its text, (height, width, 3) uint8 RGB."""
        agg = FigureCanvasAgg(self._figure)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            agg.draw()
        drawn = np.asarray(agg.buffer_rgba())[: self.height, : self.width]
        alpha = drawn[..., 3:].astype(np.float32) / 255
        return (self.pixels * (1 - alpha) + drawn[..., :3] * alpha).round().astype(np.uint8)


def write_png(image: NDArray[np.uint8], path: Path) -> None:
    """Write an RGB picture (H, W, 3) as a complete PNG file or none.

    Raises
    ------
    DataError
        If the name does not end in ``.png``.
    """
    if path.suffix.lower() != ".png":
        raise DataError(f"{path}: expected a name that ends in .png")
    # imwrite cannot open every name on every system; imencode leaves the file to Python.
    _, encoded = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    with atomic_write(path) as temporary:
        temporary.write_bytes(encoded.tobytes())
