"""IdentityNet, AgeNet, RaceNet and attributenet: groups of attributes, convolutions of several runs, their rate."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch

from tests.training.tiny import NAMES
from wsegs.datasets.tables.columns import CELEBA_ATTRIBUTES
from wsegs.errors import DataError, MissingError, OptionError
from wsegs.nets import build_network
from wsegs.training.lightning.trainer import TrainerOptions
from wsegs.training.optimizers import build_optimizer, learning_rate_schedule
from wsegs.training.plan import OptimizerPlan, TrunkPlan
from wsegs.training.recipe import load_recipe
from wsegs.training.resolve import Overrides, resolve
from wsegs.training.resolving.attribute_groups import plan_groups
from wsegs.training.resolving.recipe_changes import with_frozen_trunks, with_relation, with_trunks
from wsegs.training.train import train
from wsegs.training.weights import read_checkpoint

GROUPS = {"mouth": ["smiling"], "head": ["Eyeglasses", "Male"]}
TYPES = {"numbers": ("age",), "categories": ("race",)}


def _recipe(name: str, **overrides):
    fields = {"network.width": 0.05, "size": (48, 44), "batch_size": 4, "precision": "32-true", "max_steps": 4}
    return load_recipe(name, {**fields, "validate_every": 2, "optimizer.name": "adam", **overrides})


def _attributenet(*runs: Path, **overrides):
    return with_trunks(_recipe("attributenet", **{"network.groups": GROUPS, **overrides}), runs, streams=True)


@pytest.fixture(scope="module")
def typed(faces, table, tmp_path_factory) -> Path:
    """The labels of the tiny faces with an age and a race."""
    first, *rows = (faces / "labels.csv").read_text().splitlines()
    labels = tmp_path_factory.mktemp("typed") / "typed.csv"
    labels.write_text("\n".join([f"{first},age,race", *(f"{row},{20 + i},{i % 3}" for i, row in enumerate(rows))]))
    return labels


@pytest.fixture(scope="module")
def road(faces, typed, tmp_path_factory) -> Path:
    """Net_0 (of races, since it matters to nobody here), then AgeNet and IdentityNet that begin with it."""
    folder = tmp_path_factory.mktemp("road")
    opened = {"labels": typed, **TYPES}

    def run(recipe, name: str) -> None:
        plan = resolve(recipe, Overrides(data=faces, opened=opened))
        train(recipe, None, folder / name, plan=plan, options=TrainerOptions("cpu"))

    run(with_trunks(_recipe("racenet"), (), streams=False), "zero")
    run(with_trunks(_recipe("agenet"), [folder / "zero"], streams=False), "age")
    run(with_trunks(_recipe("identitynet"), [folder / "zero"], streams=False), "identity")
    return folder


def _weights(run: Path, checkpoint: str = "best") -> dict[str, torch.Tensor]:
    return read_checkpoint(run / f"{checkpoint}.ckpt")["state_dict"]


def test_the_table_of_the_paper_has_every_attribute_of_celeba_once() -> None:
    groups = load_recipe("attributenet").network.options["groups"]
    planned = plan_groups(groups, CELEBA_ATTRIBUTES)
    assert [len(places) for places in planned.values()] == [10, 5, 1, 2, 4, 6, 2, 2, 8]
    assert sorted(place for places in planned.values() for place in places) == list(range(40))
    hair = [CELEBA_ATTRIBUTES[place] for place in planned["Hair"]]
    assert "Receding_Hairline" in hair
    spelled = {"Beard": "5_o_Clock_Shadow", "Eye": "Bushy_Eyebrows", "Global": "Oval_Face"}
    assert all(CELEBA_ATTRIBUTES.index(name) in planned[group] for group, name in spelled.items())


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"a": ["Smiling", "Male"]}, r"in one group, got 'Eyeglasses' in none; --groups FILE"),
        ({"a": ["Smiling", "Male"], "b": ["Male", "Eyeglasses"]}, r"got 'Male' in 'a' and 'b'"),
        ({"a": ["Smiling", "smiling", "Male", "Eyeglasses"]}, r"got 'Smiling' twice in 'a'"),
        ({"a": ["Smilling", "Male", "Eyeglasses"]}, r"'Smilling' is none of the 3 attributes; did you mean 'Smiling'"),
        ({"a": [], "b": list(NAMES)}, r"expected group: \[attribute, ...\], with an attribute or more in each"),
        (["Smiling"], r"expected group: \[attribute, ...\]"),
    ],
)
def test_groups_that_do_not_fit_are_told(faces, table, groups, message) -> None:
    recipe = with_trunks(_recipe("attributenet", **{"network.groups": groups}), (), streams=True)
    with pytest.raises(OptionError, match=message):
        resolve(recipe, Overrides(data=faces))


def test_groups_of_a_file(faces, table, tmp_path) -> None:
    file = tmp_path / "groups.yaml"
    file.write_text("mouth: [Smiling]\nhead: [Male, Eyeglasses]\n")
    recipe = with_trunks(_recipe("attributenet", **{"network.groups": str(file)}), (), streams=True)
    plan = resolve(recipe, Overrides(data=faces))
    assert plan.network.options["groups"] == {"mouth": [0], "head": [2, 1]}
    file.write_text("regions: {a: 1}\nattributes: {}\n")
    with pytest.raises(OptionError, match=r"a rule file; wsegs rules groups .* makes groups of it"):
        resolve(recipe, Overrides(data=faces))
    file.write_text("a: [b\n")
    with pytest.raises(DataError, match=r"groups\.yaml"):
        resolve(recipe, Overrides(data=faces))
    file.unlink()
    with pytest.raises(MissingError, match="no such file of groups"):
        resolve(recipe, Overrides(data=faces))


def test_trunks_that_do_not_fit_are_told_before_torch_is_imported(road, faces, table, run_folder, tmp_path) -> None:
    with pytest.raises(OptionError, match=r"has a width of 0.05: expected 0.1, as here; --width 0.05 takes its"):
        resolve(_attributenet(road / "age", **{"network.width": 0.1}), Overrides(data=faces))
    with pytest.raises(OptionError, match=r"is of network 'attparsenet': expected 'cnn-m'"):
        resolve(_attributenet(run_folder), Overrides(data=faces))
    with pytest.raises(
        MissingError, match=r"none: no such run; wsegs train RECIPE makes it, --trunk RUN names another"
    ):
        resolve(_attributenet(tmp_path / "none"), Overrides(data=faces))
    with pytest.raises(MissingError, match=r"facenet0: no such run; wsegs train facenet0 makes it"):
        resolve(_recipe("agenet"), Overrides(data=faces))
    with pytest.raises(OptionError, match="has 0 trunks by this recipe, expected one to replace, got 1"):
        with_trunks(_recipe("objectnet"), [road / "age"], streams=False)
    with pytest.raises(OptionError, match="has 1 trunks by this recipe, expected one to replace, got 2"):
        with_trunks(_recipe("agenet"), [road / "age", road / "zero"], streams=False)


def test_one_person_or_no_age_teaches_nothing(faces, table, tmp_path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("image,identity,age\n" + "".join(f"{name},7,\n" for name in table.images))
    overrides = Overrides(data=faces, opened={"labels": labels, "numbers": ("age",)})
    with pytest.raises(DataError, match=r"task 'identity': expected two people or more, got one \('7'\)"):
        resolve(with_trunks(_recipe("identitynet"), (), streams=False), overrides)
    with pytest.raises(DataError, match=r"expected age of the .* images to train on, none of them has a known label"):
        resolve(with_trunks(_recipe("agenet"), (), streams=False), overrides)


@pytest.mark.slow
@pytest.mark.parametrize("frozen", [True, False])
def test_convolutions_of_several_runs_in_one_network(road, faces, table, tmp_path, frozen) -> None:
    recipe = _attributenet(road / "identity", road / "age", road / "zero")
    recipe = with_frozen_trunks(recipe) if frozen else recipe
    train(recipe, None, tmp_path / "run", data=faces, options=TrainerOptions("cpu"))
    ended = _weights(tmp_path / "run", "last")
    for number, name in enumerate(("identity", "age", "zero")):
        begun = _weights(road / name)
        for key, value in begun.items():
            if key.startswith("network.convolutions."):
                now = ended[key.replace("network.convolutions.", f"network.convolutions.{number}.")]
                assert torch.equal(value, now) == frozen, key
    with (tmp_path / "run/metrics.csv").open(newline="") as file:
        first, last = csv.DictReader(file)
    assert float(first["train_relation"]) > 0
    assert 0 <= float(last["val_accuracy"]) <= 1


@pytest.mark.slow
def test_a_step_begins_with_what_the_one_before_learnt(road) -> None:
    begun, ended = _weights(road / "zero"), _weights(road / "age", "last")
    name = "network.convolutions.0.weight"
    assert not torch.equal(begun[name], ended[name])
    assert (begun[name] - ended[name]).abs().max() < 0.1 * begun[name].abs().max()  # at a tenth of the rate


def _optimizer_plan(**fields) -> OptimizerPlan:
    return OptimizerPlan(
        **{"name": "sgd", "learning_rate": 0.1, "weight_decay": 0, "schedule": "constant", "warmup": 0.5, **fields}
    )


def test_kept_layers_have_a_rate_of_their_own() -> None:
    network = build_network("cnn-m", heads={"class": 2}, size=(48, 44), width=0.05)
    trunk = TrunkPlan(Path("run"), {"convolutions": "convolutions", "hidden": "hidden"}, frozen=False, rate=0.1)
    optimizer = build_optimizer(_optimizer_plan(momentum=0.9), network, [trunk])
    new, kept = optimizer.param_groups
    assert (new["lr"], kept["lr"], new["momentum"]) == (0.1, pytest.approx(0.01), 0.9)
    assert {id(p) for p in new["params"]} == {id(p) for p in network.heads.parameters()}
    assert len(kept["params"]) == 14
    schedule = learning_rate_schedule(optimizer, _optimizer_plan(schedule="one-cycle"), 10)
    highest = [0.0, 0.0]
    for _ in range(10):
        highest = [max(rate, group["lr"]) for rate, group in zip(highest, optimizer.param_groups, strict=True)]
        optimizer.step()
        schedule.step()
    assert highest == [pytest.approx(0.1), pytest.approx(0.01)]


def test_without_trunks_there_is_one_rate() -> None:
    network = build_network("cnn-m", heads={"class": 2}, size=(48, 44), width=0.05)
    optimizer = build_optimizer(_optimizer_plan(name="adam"), network)
    assert [len(group["params"]) for group in optimizer.param_groups] == [len(list(network.parameters()))]


def test_recipes_say_what_the_paper_does() -> None:
    assert load_recipe("attributenet").stages[0].losses == {"attributes": 1, "relation": 0.5}
    relation = load_recipe("attributenet").tasks["relation"].options
    assert relation == {"scale": "sum", "decay": 0.99, "positive_threshold": 0.8, "negative_threshold": 0.2}
    assert with_relation(load_recipe("attributenet"), 0).losses == {"attributes"}
    identity = load_recipe("identitynet").tasks["identity"].options
    assert (identity["centre_weight"], identity["centre_rate"]) == (0.003, 0.5)
    assert load_recipe("racenet").tasks["race"].options["balance"] == "class"
    for name in ("objectnet", "facenet0", "identitynet", "agenet", "racenet", "attributenet"):
        recipe = load_recipe(name)
        assert (recipe.size, recipe.network.options["width"]) == ((224, 224), 1)
        assert (recipe.optimizer.name, recipe.optimizer.learning_rate, recipe.optimizer.momentum) == ("sgd", 0.01, 0.9)
        assert all(trunk.rate == 0.1 for trunk in recipe.network.trunks)
