"""Support vector machines on the features of a trained network: one run holds both."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest
import torch

from tests.training.tiny import make_store, recipe_of, write_faces, write_labels
from wsegs.errors import MissingError, OptionError
from wsegs.evaluation.evaluate import evaluate
from wsegs.evaluation.images import open_images
from wsegs.evaluation.runs import load_run
from wsegs.features.reader import FeatureStore
from wsegs.training.fitting.fit import fit_features
from wsegs.training.fitting.reading import FeatureReader, layout_of, load_network
from wsegs.training.lightning.trainer import TrainerOptions
from wsegs.training.recipe import Fit, load_recipe
from wsegs.training.resolve import Overrides, resolve
from wsegs.training.samples.loaders import open_source
from wsegs.training.train import train
from wsegs.training.weights import seeded_network

PARTS = {
    "face": {"left_eye": [0.3, 0.4], "right_eye": [0.7, 0.4], "left_mouth": [0.35, 0.75], "right_mouth": [0.65, 0.75]},
    "mouth": {"left_mouth": [0.25, 0.5], "right_mouth": [0.75, 0.5]},
}


def panda_recipe(**fields):
    """Return PANDA's recipe with a network of a few filters and a few steps."""
    small = {"network.width": 0.1, "network.patch": 16, "size": (64, 56), "batch_size": 8, "precision": "32-true"}
    return load_recipe("panda", {**small, "regions.parts": PARTS, "max_steps": 6, "validate_every": 3, **fields})


def trained_run(recipe, store, output, **options):
    """Train in this process alone, and return the summary."""
    return train(recipe, store, output, options=TrainerOptions("cpu", workers=0), **options)


@pytest.fixture(scope="module")
def store(tmp_path_factory, astronaut_landmarks):
    folder = tmp_path_factory.mktemp("fit")
    table = write_faces(folder / "data", astronaut_landmarks, count=60)
    write_labels(folder / "data", table)
    return make_store(folder, table)


@pytest.fixture(scope="module")
def trained(store, tmp_path_factory):
    """A run, and what was said of it."""
    output = tmp_path_factory.mktemp("runs") / "panda"
    return output, trained_run(panda_recipe(), store, output)


@pytest.mark.slow
def test_the_run_has_machines_in_place_of_heads(trained):
    output, summary = trained
    fit = summary["fit"]
    assert fit["chosen_by"] == "the validation images"
    assert fit["skipped"] == []
    machines, network = load_run(output), load_run(output, "trained")
    for name, value in network.network.state_dict().items():
        same = torch.equal(machines.network.state_dict()[name], value)
        assert same != name.startswith("heads."), name
    assert json.loads((output / "run.json").read_text())["provenance"]["fit"]["penalty"] == fit["penalty"]
    with (output / "penalties.csv").open() as file:
        assert sum(int(row["attributes"]) for row in csv.DictReader(file)) == 3
    assert not (output / "region_shares.csv").exists()


@pytest.mark.slow
def test_features_in_the_run_are_those_of_the_trained_network(trained, store):
    output, _ = trained
    run = load_run(output, "trained")
    reader = FeatureReader(run.plan, checkpoint=output / "trained.ckpt")
    rows = np.arange(5)
    with FeatureStore(output / "features.h5") as features:
        assert features.region_names == ()
        assert features.blocks == ((1, layout_of(run.network).size),)
        np.testing.assert_allclose(features.matrix(rows), reader.read(rows).blocks["s1"][:, 0], atol=1e-2)


@pytest.mark.slow
def test_folded_weights_say_what_was_fitted(trained, store):
    """Weights of standardised features become those of features as they are: the decisions stay."""
    output, _ = trained
    plan = load_run(output).plan
    network, _ = load_network(plan, output / "trained.ckpt")
    opened, split, _ = open_source(plan.main, plan.network.size)
    with FeatureStore(output / "features.h5") as features:
        result = fit_features(plan.fit, plan, network, opened, split, features)
        read = features.matrix(split.validation).astype(np.float32)
    logits, labels = result.validation
    folded = network.heads["attributes"](torch.from_numpy(read)).numpy()
    np.testing.assert_allclose(folded, logits, atol=1e-3)
    np.testing.assert_array_equal(labels, store.attributes[split.validation])


@pytest.mark.slow
def test_the_run_is_measured_with_its_machines(trained, store):
    run = load_run(trained[0])
    measured = evaluate(run, open_images(run, None, None, None, {}).dataset, "all", landmarks=None)
    with FeatureStore(trained[0] / "features.h5") as features:
        read = features.matrix(features.rows_of(measured.images)).astype(np.float32)
    logits = run.network.heads["attributes"](torch.from_numpy(read)).detach()
    assert measured.logits.shape == logits.shape == (60, 3)
    assert measured.regions.keys() <= {"landmarks found", "mean face"}


@pytest.mark.slow
def test_a_second_fit_is_the_first(trained, store, tmp_path):
    """A training that is complete is only fitted again, and comes to the same."""
    output, summary = trained
    shutil.copytree(output, tmp_path / "run")
    again = trained_run(panda_recipe(), store, tmp_path / "run", resume=True)
    assert again["fit"]["penalty"] == summary["fit"]["penalty"]
    ours, theirs = (load_run(path).network.state_dict() for path in (output, tmp_path / "run"))
    for name, value in ours.items():
        torch.testing.assert_close(theirs[name], value)


@pytest.mark.slow
def test_held_out_attributes_are_learnt_by_machines_alone(store, tmp_path):
    recipe = panda_recipe(**{"tasks.attributes.held_out": ["Male"]})
    summary = trained_run(recipe, store, tmp_path / "run")
    assert summary["fit"]["held_out"]["attributes"] == ["Male"]
    assert set(summary["fit"]["held_out"]["scores"]) == {
        "accuracy",
        "average_precision",
        "balanced_accuracy",
        "majority_rate",
    }
    network, machines = (load_run(tmp_path / "run", name).network for name in ("trained", "best"))
    male = load_run(tmp_path / "run").attribute_names.index("Male")
    begun = load_begun(recipe, store)
    torch.testing.assert_close(
        network.heads["attributes"].bias[male], begun.heads["attributes"].bias[male], atol=1e-6, rtol=0.2
    )  # weight decay alone moved it
    assert machines.heads["attributes"].weight[male].abs().sum() > 0


def load_begun(recipe, store):
    """Return the network as the training begins with it."""
    return seeded_network(resolve(recipe, Overrides(masks=store.path)))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "fields"), [("basic", {}), ("naive", {"regions": {"from": "store"}})])
def test_any_network_with_features_has_machines(store, tmp_path, name, fields):
    recipe = recipe_of(name, max_steps=2, validate_every=2, **fields).with_svm()
    summary = trained_run(recipe, store, tmp_path / "run")
    assert summary["fit"]["scores"]["accuracy"] > 0
    assert load_run(tmp_path / "run").plan.fit.loss == "hinge"


@pytest.mark.slow
def test_what_cannot_be_fitted_is_told_before_the_training(store, tmp_path):
    def resolved(recipe):
        return resolve(recipe, Overrides(masks=store.path))

    with pytest.raises(OptionError, match=r"fit: machines are fitted on .* 'attparsenet' has none"):
        resolved(recipe_of("attparsenet").with_svm())
    with pytest.raises(OptionError, match="--hold-out-attributes: they would never be learnt; --svm"):
        resolved(load_recipe("basic", {"tasks.attributes.held_out": ["Male"]}))
    with pytest.raises(OptionError, match=r"has no attribute 'Mail': expected some of its 3; did you mean 'Male'"):
        resolved(panda_recipe(**{"tasks.attributes.held_out": ["Mail"]}))
    with pytest.raises(OptionError, match="expected some attributes, got all"):
        resolved(panda_recipe(**{"tasks.attributes.held_out": ["Smiling", "Eyeglasses", "Male"]}))
    with pytest.raises(OptionError, match="expected at most 54"):
        resolved(panda_recipe(**{"samples.labels": 57}))
    with pytest.raises(OptionError, match="network 'panda' reads parts, got landmarks"):
        resolved(panda_recipe(**{"regions.from": "landmarks", "regions.parts": {}}))
    with pytest.raises(OptionError, match="network 'ssp' reads regions that lie in the image, got parts"):
        resolved(load_recipe("ssp", {"regions": {"from": "parts", "parts": PARTS}}))


def test_the_fit_after_a_training_takes_no_labels_of_its_own():
    with pytest.raises(ValueError, match="labels and mirrored_copies are for features of a frozen network"):
        Fit(features="trained", penalties=(1.0,), labels=(3,))


@pytest.mark.slow
def test_a_run_without_machines_has_no_trained_checkpoint(store, tmp_path):
    trained_run(recipe_of("basic", max_steps=2, validate_every=2), store, tmp_path / "run")
    with pytest.raises(MissingError, match=r"no heads were fitted after the training, whose best is best\.ckpt"):
        load_run(tmp_path / "run", "trained")


def test_fewer_labels_are_among_more(store):
    """Numbers of labelled images are nested, and drawn from those that have labels."""
    rows = {}
    for count in (10, 30):
        plan = resolve(panda_recipe(**{"samples.labels": count}), Overrides(masks=store.path))
        _, split, _ = open_source(plan.main, plan.network.size)
        rows[count] = set(split.train.tolist())
        assert len(split.train) == plan.main.train == count
    assert rows[10] < rows[30]
