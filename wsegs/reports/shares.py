"""Draw what each region adds to each attribute's logit, on the face, as a table and against the number of labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from wsegs.io.figures import COLOURS, plain_text, save_figure
from wsegs.reports.heatmaps import draw_heatmaps
from wsegs.reports.overlay import Image


def share_maps(shares: NDArray[np.floating], regions: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return maps of shares: a pixel has the sum of the shares of the regions in which it lies.

    Parameters
    ----------
    shares
        (A, R + 1): what each region and, last, the whole image add to each logit. The whole image's share is in no
        pixel.
    regions
        (R, h, w), between 0 and 1.

    Returns
    -------
    (A, h, w) float32.

    >>> share_maps(np.array([[2.0, -1.0, 0.5]]), np.array([[[0, 1, 0, 1]], [[0, 0, 1, 1]]])).tolist()
    [[[0.0, 2.0, -1.0, 1.0]]]
    """
    maps: NDArray[np.float32] = np.tensordot(shares[:, :-1], regions, axes=1).astype(np.float32)
    return maps


def draw_shares(
    image: Image,
    shares: NDArray[np.floating],
    regions: NDArray[np.floating],
    names: Sequence[str],
    probabilities: Sequence[float] | NDArray[np.floating],
    output: Path,
    *,
    title: str = "",
) -> None:
    """Write a picture of a face for each attribute: red where a region speaks for it, blue where against it.

    Parameters
    ----------
    image
        The face as the network sees it, (H, W, 3) uint8 RGB.
    shares
        (A, R + 1); see :func:`share_maps`.
    regions
        (R, h, w) of the face.
    names, probabilities
        A names and A probabilities.
    output
        A ``.png`` file; overwritten.
    title
        Heading, such as the name of the image.
    """
    maps = share_maps(shares, regions)
    most = float(np.percentile(np.abs(maps).max(axis=(1, 2)), 90)) or 1.0
    limit = float(f"{most:.1g}") or 1.0
    note = "added to the logit   number: probability"
    draw_heatmaps(
        image, maps, names, probabilities, output, title=title, limits=(-limit, limit), colours="RdBu_r", note=note
    )


def draw_share_table(
    shares: NDArray[np.floating],
    own: NDArray[np.bool_],
    attribute_names: Sequence[str],
    row_names: Sequence[str],
    output: Path,
) -> None:
    """Draw how much of each attribute's decisions each region makes, its own regions framed.

    Parameters
    ----------
    shares
        (A, R + 1), mean magnitudes that sum to 1 over the regions.
    own
        bool (A, R + 1): which regions are the attribute's own.
    attribute_names, row_names
        A names, and R + 1 names of regions and the whole image.
    output
        A PNG, PDF or SVG file; overwritten.
    """
    height, width = 0.26 * len(row_names) + 2.4, 0.25 * len(attribute_names) + 2.8
    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    picture = axes.imshow(shares.T, cmap="Greys", vmin=0, aspect="auto")
    for attribute, region in zip(*np.nonzero(own), strict=True):
        axes.scatter(attribute, region, marker="s", s=70, facecolors="none", edgecolors=COLOURS[1], linewidths=1.2)
    axes.set_xticks(range(len(attribute_names)), [plain_text(_readable(name)) for name in attribute_names], rotation=90)
    axes.set_yticks(range(len(row_names)), [plain_text(_readable(name)) for name in row_names])
    axes.tick_params(length=0, labelsize=9)
    figure.colorbar(picture, ax=axes, label="share of the decision", pad=0.01)
    save_figure(figure, output)


def draw_label_curve(rows: Sequence[Mapping[str, float]], output: Path) -> None:
    """Draw average precision against the number of labelled images, with regions and without.

    Parameters
    ----------
    rows
        Each with ``labels``, ``regions`` and ``whole_image``: shares from 0 to 1.
    output
        A PNG, PDF or SVG file; overwritten.
    """
    figure = Figure(figsize=(5.2, 3.6), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    labels = [row["labels"] for row in rows]
    for key, label, colour in (
        ("regions", "read by region", COLOURS[0]),
        ("whole_image", "whole image alone", COLOURS[1]),
    ):
        axes.plot(labels, [100 * row[key] for row in rows], marker="o", color=colour, label=label)
    axes.set_xscale("log")
    axes.set_xticks(labels, [f"{count:.0f}" for count in labels])
    axes.minorticks_off()
    axes.set_xlabel("labelled images")
    axes.set_ylabel("mean average precision, %")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    save_figure(figure, output)


def _readable(name: str) -> str:
    return name.replace("_", " ")
