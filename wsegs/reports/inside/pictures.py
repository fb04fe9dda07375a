"""Draw hidden neurons, layers and weights of a network (Liu, Luo, Wang & Tang, figures 8 to 11)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from wsegs.evaluation.inside.groups import AttributeGroups
from wsegs.evaluation.inside.neurons import FaceResponse, Neuron
from wsegs.evaluation.inside.probing import ProbedLayers
from wsegs.io.figures import COLOURS, plain_text, save_figure

_TITLES = {"third": "C3", "fourth": "C4", "features": "FC"}
_SHOWN = 8  # attributes at either end of figure 9


def draw_neurons(neurons: Sequence[Neuron], output: Path) -> None:
    """Draw mean faces of high, medium and low responses, a column a neuron (figure 8a)."""
    figure = Figure(figsize=(1.45 * len(neurons) + 0.8, 5.4), dpi=110, layout="constrained")
    for column, neuron in enumerate(neurons):
        for row, level in enumerate(("high", "medium", "low")):
            axes = figure.add_subplot(3, len(neurons), row * len(neurons) + column + 1)
            _picture(axes, neuron.faces[row])
            if column == 0:
                axes.set_ylabel(level)
            if row == 0:
                axes.set_title(_title(neuron), fontsize=8)
    save_figure(figure, output)


def draw_face_responses(faces: Sequence[FaceResponse], output: Path) -> None:
    """Draw faces, the responses of all neurons to each, and the neurons that respond most (figure 8b)."""
    columns = 3 + max(len(face.top) for face in faces)
    figure = Figure(figsize=(1.35 * columns, 2.2 * len(faces)), dpi=110, layout="constrained")
    grid = figure.add_gridspec(len(faces), columns)
    for row, face in enumerate(faces):
        _picture(figure.add_subplot(grid[row, 0]), face.image)
        axes = figure.add_subplot(grid[row, 1:3])
        axes.fill_between(range(len(face.sorted_responses)), face.sorted_responses, color=COLOURS[0], step="mid")
        axes.set_title(f"{face.active:.0%} of the neurons respond", fontsize=8)
        axes.set_yticks([])
        axes.tick_params(labelsize=7)
        for column, neuron in enumerate(face.top, start=3):
            axes = figure.add_subplot(grid[row, column])
            _picture(axes, neuron.faces[0])
            axes.set_title(_title(neuron), fontsize=7)
    save_figure(figure, output)


def draw_probed_layers(probed: ProbedLayers, output: Path) -> None:
    """Draw how well each layer tells attributes: those that are most a matter of who it is, and least (figure 9)."""
    order = probed.order
    shown = np.concatenate([order[:_SHOWN], order[_SHOWN:][-_SHOWN:]]) if len(order) > 2 * _SHOWN else order
    figure = Figure(figsize=(max(5.0, 0.55 * len(shown) + 1.5), 4.2), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    width = 0.8 / len(probed.layers)
    for number, layer in enumerate(reversed(probed.layers)):
        places = np.arange(len(shown)) + (number - (len(probed.layers) - 1) / 2) * width
        scores = 100 * probed.scores[len(probed.layers) - 1 - number, shown]
        axes.bar(places, scores, width, color=COLOURS[number], label=_TITLES.get(layer, layer))
    related = [f"{value:.2f}" if np.isfinite(value) else "-" for value in probed.related[shown]]
    labels = [f"{plain_text(probed.attribute_names[a])} ({share})" for a, share in zip(shown, related, strict=True)]
    axes.set_xticks(range(len(shown)), [label.replace("_", " ") for label in labels], rotation=60, ha="right")
    axes.set_ylim(bottom=45)
    axes.set_ylabel("balanced accuracy, %")
    axes.legend(fontsize=8)
    axes.tick_params(labelsize=8)
    save_figure(figure, output)


def draw_groups(groups: AttributeGroups, output: Path) -> None:
    """Draw how alike the weights of attributes are, group by group (figure 10)."""
    count = len(groups.names)
    figure = Figure(figsize=(0.22 * count + 3, 0.22 * count + 2.5), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    picture = axes.imshow(groups.similarity, cmap="RdBu_r", vmin=-1, vmax=1)
    names = [plain_text(name.replace("_", " ")) for name in groups.names]
    axes.set_xticks(range(count), names, rotation=90)
    axes.set_yticks(range(count), names)
    axes.tick_params(length=0, labelsize=8)
    edges = np.cumsum([len(group) for group in groups.groups])[:-1] - 0.5
    for edge in edges:
        axes.axhline(edge, color="black", linewidth=1)
        axes.axvline(edge, color="black", linewidth=1)
    figure.colorbar(picture, ax=axes, label="cosine of the weights", shrink=0.7)
    save_figure(figure, output)


def _picture(axes: Axes, image: NDArray[np.floating] | NDArray[np.uint8]) -> None:
    axes.imshow(np.clip(image, 0, 255).astype(np.uint8))
    axes.set_xticks([])
    axes.set_yticks([])


def _title(neuron: Neuron) -> str:
    if not neuron.attribute:
        return f"neuron {neuron.number}"
    return f"{plain_text(neuron.attribute.replace('_', ' '))}\n{neuron.correlation:+.2f}, neuron {neuron.number}"
