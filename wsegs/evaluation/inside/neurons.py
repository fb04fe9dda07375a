"""Hidden neurons: which faces excite them, and which attributes they go with (Liu, Luo, Wang & Tang, figure 8)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wsegs.evaluation.inside.layers import LayerResponses

_SHARE = 0.1  # of the images, whose mean is drawn
_LEAST_ACTIVE = 0.02  # of the images, below which a neuron says nothing


@dataclass(frozen=True, eq=False)
class Neuron:
    """A neuron of the features that heads read.

    Attributes
    ----------
    number
        From 0.
    attribute, correlation
        An attribute that it goes with, and how much, -1 to 1; empty and 0 without attributes.
    faces
        float (3, H, W, 3), 0 to 255: the mean faces of high, medium and low responses.
    active
        Share of the images to which it responds.
    """

    number: int
    attribute: str
    correlation: float
    faces: NDArray[np.float64]
    active: float


@dataclass(frozen=True, eq=False)
class FaceResponse:
    """A face, its responses in order, and the neurons that respond most, in deviations of each neuron's own responses.

    Attributes
    ----------
    image
        uint8 (H, W, 3).
    sorted_responses
        float (F,), the largest first.
    active
        Share of the neurons that respond.
    top
        Neurons.
    """

    image: NDArray[np.uint8]
    sorted_responses: NDArray[np.float32]
    active: float
    top: tuple[Neuron, ...]


def telling_neurons(responses: LayerResponses, count: int = 6) -> list[Neuron]:
    """Return the neurons that go most with an attribute, each with another one; fewer where there are no more.

    Without attributes, those that vary most.
    """
    features = responses.features
    alive = np.flatnonzero((features > 0).mean(axis=0) >= _LEAST_ACTIVE)
    relation = correlations(features, responses.labels)
    if not relation.shape[1]:
        order = alive[np.argsort(-features[:, alive].std(axis=0), kind="stable")]
        return [neuron(responses, int(number), relation) for number in order[:count]]
    chosen: dict[int, int] = {}
    strength = np.abs(relation)
    for place in np.argsort(-strength, axis=None, kind="stable"):
        number, attribute = divmod(int(place), relation.shape[1])
        if number in chosen or attribute in chosen.values() or number not in alive:
            continue
        chosen[number] = attribute
        if len(chosen) == count:
            break
    return [neuron(responses, number, relation, attribute) for number, attribute in chosen.items()]


def neuron(
    responses: LayerResponses, number: int, relation: NDArray[np.float64], attribute: int | None = None
) -> Neuron:
    """Return a neuron; ``relation`` (F, A) as of :func:`correlations`; None takes its strongest attribute."""
    values = responses.features[:, number]
    name, correlation = "", 0.0
    if relation.shape[1]:
        best = int(np.abs(relation[number]).argmax()) if attribute is None else attribute
        name, correlation = responses.attribute_names[best], float(relation[number, best])
    return Neuron(number, name, correlation, mean_faces(responses.images, values), float((values > 0).mean()))


def mean_faces(images: NDArray[np.uint8], values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the mean faces of high, medium and low values, (3, H, W, 3): a tenth of the images each.

    >>> faces = np.arange(30, dtype=np.uint8).reshape(30, 1, 1, 1).repeat(3, axis=3)
    >>> mean_faces(faces, np.arange(30.0))[:, 0, 0, 0].tolist()
    [28.0, 14.0, 1.0]
    """
    order = np.argsort(-values, kind="stable")
    count = max(1, round(_SHARE * len(order)))
    middle = (len(order) - count + 1) // 2
    parts = (order[:count], order[middle : middle + count], order[-count:])
    return np.stack([images[np.sort(part)].mean(axis=0) for part in parts])


def correlations(features: NDArray[np.float32], labels: NDArray[np.int8]) -> NDArray[np.float64]:
    """Return the correlation of features (N, F) with labels (N, A), (F, A), over known labels; 0 where undefined."""
    found = np.zeros((features.shape[1], labels.shape[1]))
    for a in range(labels.shape[1]):
        known = labels[:, a] >= 0
        some, present = features[known].astype(float), labels[known, a].astype(float)
        if not len(present) or np.ptp(present) == 0:
            continue
        some = some - some.mean(axis=0)
        present = present - present.mean()
        norm = np.sqrt((some**2).sum(axis=0) * (present**2).sum())
        np.divide(some.T @ present, norm, out=found[:, a], where=norm > 0)
    return found


def faces_of_neurons(responses: LayerResponses, faces: int = 3, neurons: int = 5) -> list[FaceResponse]:
    """Return some faces with the neurons that respond most to each."""
    features = responses.features
    relation = correlations(features, responses.labels)
    deviation = np.maximum(features.std(axis=0), 1e-12)
    found = []
    for row in np.linspace(0, len(features) - 1, faces).astype(int):
        strength = (features[row] - features.mean(axis=0)) / deviation
        top = np.argsort(-np.where(features[row] > 0, strength, -np.inf), kind="stable")[:neurons]
        found.append(
            FaceResponse(
                responses.images[row],
                -np.sort(-features[row]),
                float((features[row] > 0).mean()),
                tuple(neuron(responses, int(number), relation) for number in top),
            )
        )
    return found
