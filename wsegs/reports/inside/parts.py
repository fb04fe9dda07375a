"""The parts of a run's page about its hidden layers: figures 8 to 11 of Liu, Luo, Wang & Tang, of any run."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wsegs.evaluation.inside.groups import AttributeGroups, group_attributes
from wsegs.evaluation.inside.layers import LayerResponses, read_layers
from wsegs.evaluation.inside.neurons import faces_of_neurons, telling_neurons
from wsegs.evaluation.inside.occlusion import occlusion_maps
from wsegs.evaluation.inside.probing import ProbedLayers, probe_layers
from wsegs.evaluation.runs import Run
from wsegs.reports.heatmaps import draw_heatmaps
from wsegs.reports.inside.pictures import draw_face_responses, draw_groups, draw_neurons, draw_probed_layers
from wsegs.reports.page import Heading, Part, Picture, Table, Text

_COVERED = 64  # faces over which the effect of covering is averaged
_FEWEST = 7  # attributes that can be grouped


def inside_parts(run: Run, folder: Path, data: Path | None) -> list[Part]:
    """Return neurons, layers, groups of attributes, and where each attribute is looked for, as far as the run has them.

    Parameters
    ----------
    run
        Any run.
    folder
        Where pictures are drawn.
    data
        The data set of the training, if it has moved.

    Raises
    ------
    MissingError, DataError
        If the mask store of the training, or its images, are no longer there.
    """
    responses = read_layers(run, data=data) if run.plan.network.heads else None
    parts: list[Part] = []
    if responses is not None:
        parts += _neuron_parts(responses, folder)
        parts += _layer_parts(responses, folder)
    parts += _group_parts(run, folder)
    if responses is not None and run.attribute_names and not run.region_names:
        parts += _occlusion_parts(run, responses, folder)
    return parts or [Heading("Hidden layers"), Text(f"Network {run.plan.network.name} has no hidden features to show.")]


def _neuron_parts(responses: LayerResponses, folder: Path) -> list[Part]:
    neurons = telling_neurons(responses)
    if not neurons:
        return [Heading("Neurons"), Text("No neuron responds to 2 % of the images or more.")]
    draw_neurons(neurons, folder / "neurons.png")
    draw_face_responses(faces_of_neurons(responses), folder / "responses.png")
    from_training = f" {responses.trained} of them are of the training." if responses.trained else ""
    caption = (
        f"Mean faces of high, medium and low responses (a tenth of {len(responses.images)} images each) of the neurons"
        " that go most with an attribute, and that correlation (figure 8a of Liu, Luo, Wang & Tang)."
        f"{from_training or ' The network was trained on none of them.'}"
    )
    below = (
        "Faces, the responses of all neurons in order, and the mean face of high responses of the five neurons that"
        " respond most, in deviations of each (figure 8b)."
    )
    return [
        Heading("Neurons"),
        Picture(folder / "neurons.png", caption),
        Picture(folder / "responses.png", below),
    ]


def _layer_parts(responses: LayerResponses, folder: Path) -> list[Part]:
    probed = probe_layers(responses)
    if probed is None:
        return []
    draw_probed_layers(probed, folder / "layers.png")
    caption = (
        "Balanced accuracy of linear heads on each layer, by folds of people; in brackets, how much of an attribute is"
        " a matter of who it is (1: never changes on a person). Left those that are most, right those that are least"
        " (figure 9)."
    )
    return [
        Heading("What each layer tells"),
        Picture(folder / "layers.png", caption),
        _halves(probed),
    ]


def _halves(probed: ProbedLayers) -> Table:
    """Return the means over the attributes that are more, and less, a matter of who it is."""
    order = probed.order
    half = (len(order) + 1) // 2
    parts = {"those of the person": order[:half], "the others": order[half:]}
    rows = [
        [
            f"{title} ({len(some)})",
            *(f"{100 * np.nanmean(scores[some]):.2f} %" if len(some) else "-" for scores in probed.scores),
        ]
        for title, some in parts.items()
    ]
    return Table(["attributes", *probed.layers], rows)


def _group_parts(run: Run, folder: Path) -> list[Part]:
    groups = groups_of_run(run)
    if groups is None:
        return []
    draw_groups(groups, folder / "groups.png")
    caption = "How alike the last weights of attributes are, and their groups by k-means (figure 10)."
    rows = [[str(number), ", ".join(group)] for number, group in enumerate(groups.groups, start=1)]
    return [
        Heading("Groups of attributes"),
        Table(["group", "attributes"], rows),
        Picture(folder / "groups.png", caption),
    ]


def groups_of_run(run: Run) -> AttributeGroups | None:
    """Return the groups of a run's attributes by its last weights; None where it has few, or no linear last layer."""
    weight = run.network.state_dict().get("heads.attributes.weight")
    if weight is None or len(run.attribute_names) < _FEWEST:
        return None
    return group_attributes(weight.float().cpu().numpy(), run.attribute_names)


def _occlusion_parts(run: Run, responses: LayerResponses, folder: Path) -> list[Part]:
    crops = responses.crops
    some = crops[np.linspace(0, len(crops) - 1, min(_COVERED, len(crops))).astype(int)]
    maps = occlusion_maps(run, some)
    largest = maps.max(axis=(1, 2))
    draw_heatmaps(
        some.mean(axis=0).round().astype(np.uint8),
        maps,
        run.attribute_names,
        largest,
        folder / "covered.png",
        title="Where each attribute is looked for",
        limits=(0.0, float(max(largest.max(), 1e-6))),
        note="mean change of the decision where the face is covered, in its deviations; number: the largest",
    )
    caption = (
        "By how much the decision about each attribute changes where a fifth of the face is covered by grey, averaged"
        f" over {len(some)} faces, over their mean face (figure 11; the paper does not say how its regions were found)."
    )
    return [Heading("Where each attribute is looked for"), Picture(folder / "covered.png", caption)]
