from __future__ import annotations

import csv
import json
import shutil
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.training.tiny import SIZE, make_store, tiny_recipe
from wsegs.errors import DataError, MissingError, OptionError, OutputExistsError
from wsegs.evaluation.runs import load_run
from wsegs.geometry.frame import Frame
from wsegs.io.files import sha256_of
from wsegs.training.lightning.module import TrainingModule
from wsegs.training.lightning.trainer import TrainerOptions
from wsegs.training.resolve import Overrides, resolve
from wsegs.training.runs import read_run
from wsegs.training.train import train
from wsegs.training.weights import read_checkpoint


def _rows(run) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_is_all_there(run_folder) -> None:
    names = {file.name for file in run_folder.iterdir()}
    expected = {
        "recipe.yaml",
        "plan.json",
        "run.json",
        "training_images.csv",
        "validation_images.csv",
        "best.ckpt",
        "last.ckpt",
        "metrics.csv",
        "curve.png",
        "tensorboard",
    }
    assert names == expected
    assert any((run_folder / "tensorboard").iterdir())
    rows = _rows(run_folder)
    assert [row["step"] for row in rows] == ["2", "4", "6", "8"]
    assert [row["stage"] for row in rows] == ["1", "2", "2", "2"]
    assert rows[0]["train_attributes"] == ""  # masks alone
    assert rows[-1]["train_attributes"]
    loss = float(rows[-1]["train_segmentation"]) + float(rows[-1]["train_attributes"])
    assert float(rows[-1]["train_loss"]) == pytest.approx(loss, rel=1e-4)
    assert all(0 <= float(row["val_accuracy"]) <= 1 for row in rows)


def test_the_best_checkpoint_is_the_best_of_the_last_stage(run_folder) -> None:
    rows = [row for row in _rows(run_folder) if row["stage"] == "2"]
    best = max(rows, key=lambda row: float(row["val_average_precision"]))
    assert read_checkpoint(run_folder / "best.ckpt")["global_step"] == int(best["step"])
    assert read_checkpoint(run_folder / "last.ckpt")["global_step"] == 8


def test_a_run_knows_what_it_was_trained_on(run_folder, store, faces) -> None:
    plan, info = read_run(run_folder)
    assert plan == resolve(tiny_recipe(validate_every=2), Overrides(masks=store.path))
    assert plan.task("attributes").outputs == store.attribute_names
    assert (run_folder / "training_images.csv").read_text().splitlines()[1].startswith("faces/000.png,0,")
    assert info.source_size == SIZE
    assert info.frame == store.frame
    assert info.provenance["rules"]["sha256"] == store.rules.sha256
    assert info.provenance["root"] == str(faces)
    # Half the size of the store: the middle of the left eye of the mean face.
    found = store.landmarks[(store.split == 0) & (store.status > 0)]
    np.testing.assert_allclose(info.mean_points[0], (found[:, 36:42].mean(axis=(0, 1)) + 0.5) / 2 - 0.5, atol=0.2)


@pytest.mark.slow
def test_training_learns(store, tmp_path) -> None:
    recipe = tiny_recipe(max_steps=120, validate_every=60, **{"network.width": 0.06, "optimizer.learning_rate": 0.01})
    summary = train(recipe, store, tmp_path / "run")
    rows = _rows(tmp_path / "run")
    assert float(rows[-1]["train_loss"]) < 0.6
    assert summary["last"]["val_accuracy"] > 0.75


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 1, 2])
def test_a_resumed_training_is_one_that_was_never_disturbed(run_folder, store, tmp_path, monkeypatch, workers) -> None:
    recipe = tiny_recipe(validate_every=2)
    options = TrainerOptions("cpu", workers=workers, cache=False)
    undisturbed = TrainingModule.training_step

    def interrupted(self, batch, batch_index):
        if self.global_step == 5:  # in the middle of the third round
            raise KeyboardInterrupt
        return undisturbed(self, batch, batch_index)

    monkeypatch.setattr(TrainingModule, "training_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, store, tmp_path / "run", options=options)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert [row["step"] for row in _rows(tmp_path / "run")] == ["2", "4"]
    monkeypatch.setattr(TrainingModule, "training_step", undisturbed)
    train(recipe, store, tmp_path / "run", options=options, resume=True)
    assert _rows(tmp_path / "run") == _rows(run_folder)
    for name in ("last.ckpt", "best.ckpt"):
        ours, theirs = (read_checkpoint(run / name)["state_dict"] for run in (tmp_path / "run", run_folder))
        assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


@pytest.mark.slow
@pytest.mark.parametrize("schedule", ["one-cycle", "cosine"])
def test_a_schedule_is_resumed_too(store, tmp_path, schedule, monkeypatch) -> None:
    recipe = tiny_recipe(validate_every=2, **{"schedule.name": schedule, "schedule.warmup": 0.25})
    train(recipe, store, tmp_path / "whole")
    rates = [float(row["learning_rate"]) for row in _rows(tmp_path / "whole")]
    assert rates[0] == max(rates)
    assert rates[-1] < 0.2 * rates[0]
    undisturbed = TrainingModule.training_step

    def interrupted(self, batch, batch_index):
        if self.global_step == 4:
            raise KeyboardInterrupt
        return undisturbed(self, batch, batch_index)

    monkeypatch.setattr(TrainingModule, "training_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, store, tmp_path / "run")
    monkeypatch.setattr(TrainingModule, "training_step", undisturbed)
    train(recipe, store, tmp_path / "run", resume=True)
    assert _rows(tmp_path / "run") == _rows(tmp_path / "whole")


@pytest.mark.slow
def test_a_finished_run_can_be_resumed_and_stays_what_it_is(run_folder, store, tmp_path) -> None:
    folder = shutil.copytree(run_folder, tmp_path / "run")
    summary = train(tiny_recipe(validate_every=2), store, folder, resume=True)
    assert summary["steps"] == 8
    assert _rows(folder) == _rows(run_folder)


def test_what_is_resumed_must_be_the_same_training(run_folder, store, table, tmp_path) -> None:
    with pytest.raises(OptionError, match=r"plan.json says batch_size: 4, and now it is 2"):
        train(tiny_recipe(validate_every=2, batch_size=2), store, run_folder, resume=True)
    (tmp_path / "other").mkdir()
    other = make_store(tmp_path / "other", table, rules=store.rules.text + "# another\n")
    with pytest.raises(DataError, match="trained on other rules"):
        train(tiny_recipe(validate_every=2), other, run_folder, resume=True)
    with pytest.raises(DataError, match="begun on other data"):
        train(tiny_recipe(validate_every=2), store, run_folder, resume=True, limit=10)
    with pytest.raises(MissingError, match="no such run"):
        train(tiny_recipe(validate_every=2), store, tmp_path / "none", resume=True)
    folder = shutil.copytree(run_folder, tmp_path / "run")
    (folder / "last.ckpt").unlink()
    with pytest.raises(MissingError, match=r"last.ckpt: no such checkpoint"):
        train(tiny_recipe(validate_every=2), store, folder, resume=True)


@pytest.mark.slow
def test_an_existing_run_is_not_overwritten_unless_told(run_folder, store, tmp_path) -> None:
    before = (run_folder / "last.ckpt").read_bytes()
    with pytest.raises(OutputExistsError, match="--resume continues it, --force overwrites it"):
        train(tiny_recipe(), store, run_folder)
    assert (run_folder / "last.ckpt").read_bytes() == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputExistsError, match="is not a run"):
        train(tiny_recipe(), store, tmp_path / "mine", force=True)
    assert (tmp_path / "mine" / "thesis.txt").exists()
    folder = shutil.copytree(run_folder, tmp_path / "run")
    (folder / "notes.txt").write_text("mine")
    train(tiny_recipe(max_steps=2), store, folder, force=True)
    assert [row["step"] for row in _rows(folder)] == ["2"]
    assert (folder / "notes.txt").exists()


@pytest.mark.slow
def test_the_baseline_sees_no_masks(store, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(type(store), "regions", lambda *_: pytest.fail("masks were read"))
    summary = train(tiny_recipe().without_segmentation(), store, tmp_path / "run")
    row = _rows(tmp_path / "run")[-1]
    assert summary["steps"] == 8
    assert not any("segmentation" in name for name in row)
    assert float(row["train_loss"]) == pytest.approx(float(row["train_attributes"]))


@pytest.mark.slow
def test_the_face_frame_and_balanced_classes(table, faces, tmp_path) -> None:
    store = make_store(tmp_path, table, Frame("face", (64, 52)))
    assert len(store) == 25  # the image without a face is left out
    summary = train(tiny_recipe(max_steps=4, **{"tasks.attributes.balance": "class"}), store, tmp_path / "run")
    assert summary["without_face"] == 0
    assert load_run(tmp_path / "run").info.source_size is None


@pytest.mark.slow
def test_mixed_precision_trains(store, tmp_path) -> None:
    summary = train(tiny_recipe(max_steps=4, precision="bf16-mixed"), store, tmp_path / "run")
    assert summary["precision"] == "bf16-mixed"
    weights = read_checkpoint(tmp_path / "run" / "last.ckpt")["state_dict"]
    assert {value.dtype for value in weights.values() if value.is_floating_point()} == {torch.float32}


@pytest.mark.slow
def test_early_stopping_waits_for_the_last_stage(store, tmp_path) -> None:
    overrides = {"early_stopping.patience": 1, "optimizer.learning_rate": 1e-20}
    recipe = tiny_recipe(max_steps=40, validate_every=2, **overrides)
    summary = train(recipe, store, tmp_path / "run")
    stages = [row["stage"] for row in _rows(tmp_path / "run")]
    assert stages.count("1") >= 5  # patience of one would have ended it
    assert stages.count("2") < 10
    assert summary["steps"] < 40


def test_a_training_that_diverges_is_stopped_with_advice(store, tmp_path) -> None:
    overrides = {"optimizer.learning_rate": 1e30, "optimizer.name": "sgd"}
    with pytest.raises(OptionError, match="--learning-rate: the training diverged before step 2"):
        train(tiny_recipe(validate_every=2, **overrides), store, tmp_path / "run")


def test_an_unreadable_image_ends_the_training_in_one_line(store, faces, tmp_path) -> None:
    folder = shutil.copytree(faces, tmp_path / "data")
    for image in store.images:
        (folder / image).write_bytes(b"half")
    with pytest.raises(DataError) as caught:
        train(tiny_recipe(), store, tmp_path / "run", data=folder)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


def test_devices_share_a_batch(store, tmp_path) -> None:
    with pytest.raises(OptionError, match=r"--batch-size: expected a multiple of the 2 devices, .* got 3"):
        train(tiny_recipe(batch_size=3), store, tmp_path / "run", options=TrainerOptions("cpu", 2))


def test_an_accelerator_that_is_not_there(store, tmp_path) -> None:
    with pytest.raises(OptionError, match="--accelerator"):
        train(tiny_recipe(), store, tmp_path / "run", options=TrainerOptions("tpu"))


def test_a_run_is_described_in_json_that_names_no_pickle(run_folder) -> None:
    fields = json.loads((run_folder / "run.json").read_text())
    assert fields["format"] == 2
    assert set(torch.load(run_folder / "best.ckpt", weights_only=True)) >= {"state_dict", "optimizer_states"}


@pytest.mark.slow
def test_a_training_starts_from_the_best_weights_of_another(run_folder, store, tmp_path) -> None:
    # So small a rate changes no weight that the network keeps in 32 bits, where the seed's own weights would be others.
    fine = tiny_recipe(
        init_from=str(run_folder),
        seed=5,
        **{"tasks.attributes.balance": "class"},
        max_steps=2,
        **{"optimizer.learning_rate": 1e-30},
    )
    train(fine, store, tmp_path / "run")
    begun, ours = (
        read_checkpoint(path)["state_dict"] for path in (run_folder / "best.ckpt", tmp_path / "run/last.ckpt")
    )
    learned = [name for name in begun if name.endswith(("weight", "bias"))]
    assert all(torch.equal(begun[name], ours[name]) for name in learned)
    _, info = read_run(tmp_path / "run")
    assert info.provenance["init_from"] == {str(run_folder.absolute()): sha256_of(run_folder / "best.ckpt")}


def test_what_a_training_starts_from_must_be_the_same_network(run_folder, store, table, tmp_path) -> None:
    with pytest.raises(OptionError, match=r"--init-from: .* is of another network or width"):
        train(tiny_recipe(init_from=str(run_folder), **{"network.width": 0.1}), store, tmp_path / "run")
    with pytest.raises(MissingError, match="no such run"):
        train(tiny_recipe(init_from=str(tmp_path / "none")), store, tmp_path / "run")
    (tmp_path / "other").mkdir()
    other = replace(table, attribute_names=("Left", *table.attribute_names[1:]))
    renamed = make_store(tmp_path / "other", other, rules=store.rules.text.replace(table.attribute_names[0], "Left"))
    with pytest.raises(OptionError, match=r"has other attributes: expected \d+ \(Left"):
        train(tiny_recipe(init_from=str(run_folder)), renamed, tmp_path / "run")
    assert not (tmp_path / "run").exists()
