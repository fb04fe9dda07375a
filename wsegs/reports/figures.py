"""Draw parsed faces, weights of regions and activation maps, as figures 3 to 5 of Kalayeh, Gong & Shah."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from wsegs.io.files import atomic_write
from wsegs.reports.canvas import write_png
from wsegs.reports.overlay import region_overlay

_INCH = 1.05  # width of a small picture
_COLUMNS = 17  # a face and fifty maps fill three rows


def draw_region_weights(
    weights: NDArray[np.floating], attribute_names: Sequence[str], region_names: Sequence[str], output: Path
) -> None:
    """Draw how much each region counts for each attribute, as a heat map (figure 4).

    Parameters
    ----------
    weights
        (A, R), shares that sum to 1 over the regions.
    attribute_names, region_names
        A and R names.
    output
        A PNG, PDF or SVG file; overwritten.
    """
    height, width = 0.24 * len(region_names) + 2.4, 0.25 * len(attribute_names) + 2.5
    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    picture = axes.imshow(weights.T, cmap="viridis", vmin=0, aspect="auto")
    axes.set_xticks(range(len(attribute_names)), [_readable(name) for name in attribute_names], rotation=90)
    axes.set_yticks(range(len(region_names)), [_readable(name) for name in region_names])
    axes.tick_params(length=0, labelsize=9)
    figure.colorbar(picture, ax=axes, label="weight", pad=0.01)
    _save(figure, output)


def draw_activation_maps(image: NDArray[np.uint8], maps: NDArray[np.floating], output: Path) -> None:
    """Draw a face and the activation maps of a layer, the highest mean first (figure 5).

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    maps
        (K, h, w), each drawn from its own least to its own largest value.
    output
        A PNG, PDF or SVG file; overwritten.
    """
    count = len(maps) + 1
    rows = math.ceil(count / _COLUMNS)
    tall = image.shape[0] / image.shape[1]
    columns = min(count, _COLUMNS)
    figure = Figure(figsize=(0.7 * _INCH * columns, 0.7 * _INCH * tall * rows), dpi=100)
    figure.subplots_adjust(0, 0, 1, 1, wspace=0.04, hspace=0.04)
    for position in range(count):
        axes = figure.add_subplot(rows, columns, position + 1)
        axes.set_axis_off()
        if position == 0:
            axes.imshow(image, aspect="auto")
        else:
            axes.imshow(maps[position - 1], cmap="inferno", aspect="auto")
    _save(figure, output)


def draw_parsed_faces(
    images: NDArray[np.uint8], probabilities: NDArray[np.floating], class_names: Sequence[str], output: Path
) -> None:
    """Draw faces, each beside the probability map of every class (figure 3).

    Parameters
    ----------
    images
        (N, H, W, 3) uint8 RGB.
    probabilities
        (N, C, h, w) between 0 and 1: black to white.
    class_names
        C names.
    output
        A PNG, PDF or SVG file; overwritten.
    """
    rows, columns = len(images), len(class_names) + 1
    tall = images.shape[1] / images.shape[2]
    title = 0.3
    figure = Figure(figsize=(_INCH * columns, _INCH * tall * rows + title), dpi=100)
    figure.subplots_adjust(0, 0, 1, 1 - title / (_INCH * tall * rows + title), wspace=0.04, hspace=0.04)
    for row in range(rows):
        for column in range(columns):
            axes = figure.add_subplot(rows, columns, row * columns + column + 1)
            axes.set_axis_off()
            if column == 0:
                axes.imshow(images[row], aspect="auto")
            else:
                axes.imshow(probabilities[row, column - 1], cmap="gray", vmin=0, vmax=1, aspect="auto")
            if row == 0:
                axes.set_title(_readable(class_names[column - 1]) if column else "face", fontsize=8, pad=3)
    _save(figure, output)


def write_classes(classes: NDArray[np.uint8], output: Path) -> None:
    """Write class numbers (H, W) as a grey PNG file, which ``--parsing-masks`` reads; overwritten."""
    _, encoded = cv2.imencode(".png", classes)
    with atomic_write(output) as temporary:
        temporary.write_bytes(encoded.tobytes())


def draw_classes(
    image: NDArray[np.uint8], classes: NDArray[np.uint8], class_names: Sequence[str], output: Path
) -> None:
    """Draw the classes of an image over it, but for the first one, which is what no other is.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    classes
        (H, W) uint8; numbers of no class are left out.
    class_names
        C names, at most 64.
    output
        A PNG file; overwritten.
    """
    bits = np.zeros(classes.shape, np.uint64)
    for number in range(1, len(class_names)):
        bits[classes == number] = np.uint64(1 << (number - 1))
    write_png(region_overlay(image, bits, tuple(class_names[1:]), scale=1.0), output)


def _readable(name: str) -> str:
    return name.replace("_", " ").replace("$", r"\$")  # matplotlib reads $ as a formula


def _save(figure: Figure, output: Path) -> None:
    FigureCanvasAgg(figure)
    with atomic_write(output) as temporary:
        figure.savefig(temporary)
