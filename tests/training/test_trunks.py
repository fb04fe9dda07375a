"""Trainings that begin with layers of another run or of a file, frozen or not."""

from __future__ import annotations

import pytest
import torch

from tests.training.tiny import recipe_of
from wsegs.errors import MissingError, OptionError
from wsegs.training.resolve import Overrides, resolve
from wsegs.training.runs import read_run
from wsegs.training.train import train
from wsegs.training.weights import read_checkpoint

EVERYTHING = ["features"]


@pytest.fixture(scope="module")
def objects(faces, tmp_path_factory):
    """A run on whole images of a data set: another head, other crops."""
    recipe = recipe_of(
        "basic",
        stages=[{"epochs": 4, "losses": {"identity": 1}}],
        **{"early_stopping.monitor": "identity_verification_auc", "size": (36, 30)},
    )
    folder = tmp_path_factory.mktemp("runs") / "identity"
    train(recipe, None, folder, data=faces)
    return folder


def _trunk(source, **options):
    return {"network.trunks": [{"from": str(source), "layers": EVERYTHING, **options}]}


def _weights(run):
    return read_checkpoint(run / "last.ckpt")["state_dict"]


@pytest.mark.slow
@pytest.mark.parametrize("frozen", [True, False])
def test_a_trunk_of_another_run(objects, store, tmp_path, frozen) -> None:
    train(recipe_of("basic", **_trunk(objects, frozen=frozen)), store, tmp_path / "run")
    begun, ended = read_checkpoint(objects / "best.ckpt")["state_dict"], _weights(tmp_path / "run")
    kept = [torch.equal(value, ended[name]) for name, value in begun.items() if name.startswith("network.features")]
    assert all(kept) == frozen  # running means and variances too
    assert str(objects) in read_run(tmp_path / "run")[1].provenance["init_from"]


@pytest.mark.slow
def test_a_trunk_of_a_file(objects, store, tmp_path) -> None:
    weights = {name.removeprefix("network."): value for name, value in _weights(objects).items()}
    torch.save({"state_dict": weights}, tmp_path / "weights.pth")
    train(recipe_of("basic", **_trunk(tmp_path / "weights.pth", frozen=True)), store, tmp_path / "run")
    name = "network.features.conv_11.0.weight"
    assert torch.equal(_weights(tmp_path / "run")[name], _weights(objects)[name])


@pytest.mark.slow
def test_a_run_of_a_frozen_trunk_is_resumed(objects, store, tmp_path) -> None:
    recipe = recipe_of("basic", **_trunk(objects, frozen=True))
    train(recipe, store, tmp_path / "run")
    before = (tmp_path / "run" / "metrics.csv").read_text()
    train(recipe, store, tmp_path / "run", resume=True)
    assert (tmp_path / "run" / "metrics.csv").read_text() == before


def test_a_trunk_that_is_not_there(store, objects, tmp_path) -> None:
    with pytest.raises(MissingError, match=r"none.pth: no such file of weights"):
        train(recipe_of("basic", **_trunk(tmp_path / "none.pth")), store, tmp_path / "run")
    wrong = {"network.trunks": [{"from": str(objects), "layers": ["featurs"]}]}
    with pytest.raises(OptionError, match="no layer 'featurs'"):
        train(recipe_of("basic", **wrong), store, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    plan = resolve(recipe_of("basic", **_trunk(objects)), Overrides(masks=store.path))
    assert plan.network.trunks[0].layers == {"features": "features"}
