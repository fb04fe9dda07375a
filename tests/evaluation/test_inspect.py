from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.training.tiny import recipe_of
from wsegs.evaluation.inspect import inspect_run
from wsegs.evaluation.runs import load_run
from wsegs.training.lightning.module import normalise
from wsegs.training.train import train


@pytest.fixture(scope="module")
def runs(store, tmp_path_factory):
    """A distilled parser, and SSP with it."""
    folder = tmp_path_factory.mktemp("insight")
    train(recipe_of("parser", **{"tasks.parsing.from": "store"}), store, folder / "parser")
    recipe = recipe_of("ssp", **{"regions.parser": str(folder / "parser")}, **{"network.pooling": {"mouth": "max"}})
    train(recipe, store, folder / "ssp")
    return folder


@pytest.mark.slow
def test_everything_is_seen_in_a_network_that_listens_to_regions(runs) -> None:
    run = load_run(runs / "ssp")
    inside = inspect_run(run, faces=2, channels=5)
    assert inside.images.shape == (2, 32, 28, 3)
    assert inside.region_weights.shape == (3, 3)
    np.testing.assert_allclose(inside.region_weights.sum(axis=1), 1, rtol=1e-5)
    assert inside.parsed.shape[:2] == (2, 3)
    np.testing.assert_allclose(inside.parsed.sum(axis=1), 1, rtol=1e-5)
    assert inside.parsed_names == ("background", "mouth", "eyes")

    images = normalise(torch.from_numpy(inside.images).permute(0, 3, 1, 2))
    with torch.inference_mode():
        last = run.network.features(images[:1])[0]
    means = last.mean(dim=(1, 2)).sort(descending=True)
    np.testing.assert_allclose(inside.maps, last[means.indices[:5]].numpy(), rtol=1e-5)


@pytest.mark.slow
def test_a_parser_has_parsed_faces_alone(runs) -> None:
    inside = inspect_run(load_run(runs / "parser"), faces=1)
    assert inside.maps is None
    assert inside.region_weights is None
    assert inside.parsed.shape == (1, 3, 32, 28)


def test_the_maps_of_attparsenet_are_those_of_its_attributes(run_folder) -> None:
    run = load_run(run_folder)
    inside = inspect_run(run, faces=1)
    assert inside.maps.shape == (3, *run.network.map_size)
    assert inside.region_weights is None
    assert inside.parsed is None
