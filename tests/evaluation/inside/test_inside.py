"""What hidden layers say, on data in which the answer is planted."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from wsegs.evaluation.inside.groups import group_attributes
from wsegs.evaluation.inside.layers import FEATURES, LayerResponses
from wsegs.evaluation.inside.neurons import correlations, faces_of_neurons, telling_neurons
from wsegs.evaluation.inside.occlusion import occlusion_maps
from wsegs.evaluation.inside.probing import probe_layers, share_of_person
from wsegs.nets import NetworkOutput

NAMES = ("Bright", "Left", "Noise")


@pytest.fixture(scope="module")
def responses() -> LayerResponses:
    """240 images of 60 people: neuron 2 tells who is bright (a person is or is not), neuron 5 (less well) the left."""
    rng = np.random.default_rng(0)
    identity = np.repeat(np.arange(60, dtype=np.int32), 4)
    labels = np.stack(
        [rng.integers(0, 2, 60)[identity], rng.integers(0, 2, 240), rng.integers(0, 2, 240)], axis=1
    ).astype(np.int8)
    features = np.maximum(rng.normal(size=(240, 8)), 0).astype(np.float32)
    features[:, 2] = 3 * labels[:, 0] + 0.1 * rng.random(240)
    features[:, 5] = 2 * labels[:, 1] + rng.random(240)
    features[:, 7] = 0
    images = rng.integers(0, 40, (240, 6, 5, 3)).astype(np.uint8)
    images[labels[:, 0] == 1] += 200
    early = rng.normal(size=(240, 30)).astype(np.float32)
    return LayerResponses(images, images, {"third": early, FEATURES: features}, NAMES, labels, identity, 0)


def test_neurons_that_tell_are_found_and_their_faces_show_it(responses) -> None:
    found = telling_neurons(responses, count=2)
    assert [(neuron.number, neuron.attribute) for neuron in found] == [(2, "Bright"), (5, "Left")]
    assert found[0].correlation > 0.95
    high, _, low = found[0].faces
    assert high.mean() > 190
    assert low.mean() < 60
    assert 7 not in {neuron.number for neuron in telling_neurons(responses, count=8)}  # it responds to nothing


def test_without_attributes_neurons_that_vary_most_are_taken(responses) -> None:
    alone = replace(responses, attribute_names=(), labels=np.zeros((240, 0), np.int8))
    found = telling_neurons(alone, count=2)
    assert [neuron.number for neuron in found] == [2, 5]
    assert [neuron.attribute for neuron in found] == ["", ""]


def test_correlations_are_those_of_numpy_over_known_labels(responses) -> None:
    labels = responses.labels.copy()
    labels[::7, 1] = -1
    labels[:, 2] = 1
    found = correlations(responses.features, labels)
    known = labels[:, 1] >= 0
    for number in (0, 5):
        expected = np.corrcoef(responses.features[known, number], labels[known, 1])[0, 1]
        assert found[number, 1] == pytest.approx(expected)
    assert not found[:, 2].any()
    assert not found[7].any()


def test_the_strongest_neurons_of_a_face_respond_to_it(responses) -> None:
    for face in faces_of_neurons(responses):
        row = int(np.flatnonzero((responses.images == face.image).all(axis=(1, 2, 3)))[0])
        values = responses.features[row]
        assert face.sorted_responses.tolist() == sorted(values.tolist(), reverse=True)
        assert face.active == (values > 0).mean()
        assert values[face.top[0].number] > 0


def test_layers_are_ranked_by_what_they_tell_of_people_not_seen(responses) -> None:
    probed = probe_layers(responses)
    assert probed is not None
    assert probed.layers == ("third", FEATURES)
    early, late = probed.scores
    assert late[0] > 0.95
    assert late[1] > 0.9
    assert (early < 0.65).all()
    assert late[2] < 0.65
    assert probed.attribute_names[probed.order[0]] == "Bright"
    assert probed.related[0] == 1


def test_share_of_person_is_that_of_a_planted_variance() -> None:
    rng = np.random.default_rng(1)
    identity = np.repeat(np.arange(4000), 3)
    # A person has the attribute with probability .9 or .1 on each image: half of .5 * .4^2 / .25 is between people.
    rate = np.where(rng.random(4000) < 0.5, 0.9, 0.1)[identity]
    labels = (rng.random(12000) < rate).astype(np.int8)[:, None]
    assert share_of_person(labels, identity)[0] == pytest.approx(0.64, abs=0.03)
    assert np.isnan(share_of_person(labels[:5], np.arange(5))[0])


@pytest.mark.slow
def test_planted_groups_are_found() -> None:
    rng = np.random.default_rng(2)
    centres = np.eye(3, 20)
    weight = np.repeat(centres, 4, axis=0) * rng.uniform(0.5, 5, (12, 1)) + 0.05 * rng.normal(size=(12, 20))
    names = tuple(f"a{i}" for i in range(12))
    order = rng.permutation(12)
    found = group_attributes(weight[order], tuple(names[i] for i in order), count=3)
    assert {frozenset(group) for group in found.groups} == {frozenset(names[i : i + 4]) for i in (0, 4, 8)}
    assert sum(found.groups, ()) == found.names
    np.testing.assert_allclose(np.diag(found.similarity), 1)
    assert (found.similarity[:4, :4] > 0.8).all()
    assert (np.abs(found.similarity[:4, 4:]) < 0.3).all()


@pytest.mark.slow
def test_where_a_network_looks_is_where_covering_matters() -> None:
    class Corners(nn.Module):
        def forward(self, images: torch.Tensor) -> NetworkOutput:
            top, bottom = images[:, :, :5, :5].mean(dim=(1, 2, 3)), images[:, :, -5:, -5:].mean(dim=(1, 2, 3))
            return NetworkOutput({"attributes": torch.stack([top, 9 * bottom], dim=1)})

    run: Any = SimpleNamespace(network=Corners(), attribute_names=("top", "bottom"))
    images = np.random.default_rng(3).integers(0, 256, (16, 30, 26, 3)).astype(np.uint8)
    maps = occlusion_maps(run, images)
    assert maps.shape[0] == 2
    top, bottom = maps
    assert top.argmax() == 0
    assert bottom.argmax() == bottom.size - 1
    assert top[-1, -1] == bottom[0, 0] == 0
    assert top.max() == pytest.approx(bottom.max(), rel=0.7)  # the scale of a logit does not count


def test_each_neuron_is_named_after_another_attribute(responses) -> None:
    features = responses.features.copy()
    features[:, 1] = features[:, 2] + 0.5 * np.random.default_rng(4).random(240).astype(np.float32)
    twice = replace(responses, layers={FEATURES: features})
    found = telling_neurons(twice, count=3)
    assert len({neuron.attribute for neuron in found}) == len({neuron.number for neuron in found}) == 3
