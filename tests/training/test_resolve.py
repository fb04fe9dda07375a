"""Plans: what a recipe and a command's options become, and every mistake before torch is imported."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from tests.training.tiny import tiny_recipe
from wsegs.errors import DataError, MissingError, OptionError
from wsegs.landmarks.table import write_landmarks
from wsegs.training.plan import read_plan, write_plan
from wsegs.training.recipe import load_recipe
from wsegs.training.resolve import Overrides, resolve


def recipe_of(losses: dict, tasks: dict | None = None, network: str = "basic", **fields):
    return load_recipe(
        "basic",
        {
            "network.name": network,
            "network.width": 0.05,
            "size": (32, 28),
            "stages": [{"epochs": 2, "losses": losses}],
            "tasks": tasks or {},
            "max_steps": 4,
            **fields,
        },
    )


def test_a_plan_is_flat_and_comes_back_from_its_file(store, tmp_path) -> None:
    plan = resolve(tiny_recipe(validate_every=2), Overrides(masks=store.path, limit=12))
    write_plan(tmp_path / "plan.json", plan)
    assert read_plan(tmp_path / "plan.json") == plan
    assert [(stage.first, stage.last, stage.weights) for stage in plan.stages] == [
        (0, 2, {"segmentation": 1}),
        (2, plan.steps, {"segmentation": 1, "attributes": 1}),
    ]
    assert plan.main.train + plan.main.validation == 12
    assert plan.network.heads == {"attributes": 3}


def test_a_network_that_needs_no_masks_takes_the_data_set(faces, store, tmp_path, monkeypatch) -> None:
    recipe = recipe_of({"attributes": 1})
    monkeypatch.chdir(tmp_path)
    assert resolve(recipe, Overrides(data=faces)).main.kind == "data"
    assert resolve(recipe, Overrides(masks=store.path, data=faces)).main.kind == "store"
    (tmp_path / "masks.h5").write_bytes(store.path.read_bytes())
    assert resolve(recipe).main.kind == "store"
    assert resolve(recipe, Overrides(data=faces)).main.kind == "data"
    (tmp_path / "masks.h5").unlink()
    with pytest.raises(MissingError, match=r"masks.h5"):
        resolve(tiny_recipe(), Overrides(data=faces))


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (lambda: recipe_of({"age": 1}, {"age": {"kind": "number"}}), "no number 'age': expected one of none"),
        (
            lambda: recipe_of({"race": 1}, {"race": {"kind": "category"}}),
            "no category 'race'.*--categories race",
        ),
        (
            lambda: load_recipe("attparsenet", {"stages": [{"epochs": 1, "losses": {"identity": 1}}]}),
            "network 'attparsenet' has an output for attributes alone, none for the task 'identity'",
        ),
        (
            lambda: recipe_of(
                {"attributes": 1}, **{"samples.from": "data", "network.name": "ssp", "regions.from": "store"}
            ),
            "regions: from: store needs the regions of a mask store",
        ),
        (
            lambda: recipe_of({"attributes": 1}, **{"network.name": "ssp", "regions.from": "landmarks"}),
            "regions: from: landmarks: .* has none; --landmarks names them",
        ),
        (lambda: recipe_of({"smile": 1}, {"smile": {"kind": "attributes"}}), "is called 'attributes'"),
        (
            lambda: recipe_of({"attributes": 1}, **{"early_stopping.monitor": "mean_iou"}),
            "expected one of accuracy, .*got mean_iou",
        ),
    ],
)
def test_what_does_not_fit_is_told(recipe, message, faces) -> None:
    with pytest.raises(OptionError, match=message):
        resolve(recipe(), Overrides(data=faces))


def test_a_crop_of_its_own_is_for_data_sets(store) -> None:
    with pytest.raises(OptionError, match="--crop: a mask store has landmarks and crops of its own"):
        resolve(tiny_recipe(), Overrides(masks=store.path, crop="face"))


def test_labels_that_nobody_knows_teach_nothing(faces, table, tmp_path) -> None:
    (tmp_path / "labels.csv").write_text("image,Smiling\n" + "".join(f"{name},\n" for name in table.images))
    with pytest.raises(DataError, match=r"expected attributes of the .* images to train on, none of them has a known"):
        resolve(recipe_of({"attributes": 1}), Overrides(data=faces, opened={"labels": tmp_path / "labels.csv"}))


def test_known_people_are_validated_on_other_images_of_theirs(faces) -> None:
    plan = resolve(recipe_of({"identity": 1}, **{"early_stopping.monitor": "identity_accuracy"}), Overrides(data=faces))
    assert plan.main.hold_out == "images"
    assert plan.monitor == replace(plan.monitor, name="identity_accuracy", lower_is_better=False)


def test_crops_by_landmarks_leave_out_images_without_a_face(faces, table, tmp_path) -> None:
    write_landmarks(tmp_path / "l.h5", table)
    plan = resolve(recipe_of({"attributes": 1}), Overrides(data=faces, landmarks=tmp_path / "l.h5"))
    assert (plan.main.frame.kind, plan.main.train + plan.main.validation) == ("face", 21)


@pytest.mark.slow
def test_resolving_imports_no_torch(store) -> None:
    code = (
        "import sys; from pathlib import Path as P; from wsegs.training.recipe import load_recipe;"
        "from wsegs.training.resolve import Overrides, resolve;"
        f"resolve(load_recipe('attparsenet'), Overrides(masks=P({str(store.path)!r})));"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
