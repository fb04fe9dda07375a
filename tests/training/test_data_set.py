"""Trainings straight from a data set, without a mask store: every kind of label, from the recipe to a prediction."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest

from tests.training.tiny import recipe_of
from wsegs.datasets import open_dataset
from wsegs.errors import DataError
from wsegs.evaluation.evaluate import evaluate
from wsegs.evaluation.inspect import inspect_run
from wsegs.evaluation.predict import predict
from wsegs.evaluation.results import write_evaluation
from wsegs.evaluation.runs import load_run
from wsegs.landmarks.table import write_landmarks
from wsegs.training.resolve import Overrides, resolve
from wsegs.training.train import train

LABELS = {"numbers": ("age",), "categories": ("race",)}


@pytest.fixture(scope="module")
def labelled(faces, table, tmp_path_factory):
    """The faces with an age (unknown of one) and a race."""
    folder = tmp_path_factory.mktemp("labelled")
    (folder / "faces").symlink_to(faces / "faces")
    with (folder / "labels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "Smiling", "age", "race", "identity", "split"])
        for i, image in enumerate(table.images):
            smiling = "" if table.attributes[i, 0] < 0 else table.attributes[i, 0]
            age = "" if i == 2 else 20 + 10 * max(table.attributes[i, 1], 0) + i / 10
            split = ("train", "validation", "test")[table.split[i]]
            writer.writerow([image, smiling, age, ("White", "Black")[i % 2], table.identity[i], split])
    return folder


def _recipe(**fields):
    losses = {"attributes": 1, "age": 1, "race": 1, "identity": 1}
    tasks = {"age": {"kind": "number"}, "race": {"kind": "category"}, "identity": {"centre_weight": 0.1}}
    return recipe_of(
        "basic",
        stages=[{"epochs": 100, "losses": losses}],
        tasks=tasks,
        **{"early_stopping.monitor": "age_mean_absolute_error", "max_steps": 40, "validate_every": 20, **fields},
    )


@pytest.fixture(scope="module")
def run(labelled, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "all"
    train(_recipe(), None, folder, plan=resolve(_recipe(), Overrides(data=labelled, opened=LABELS)))
    return folder


@pytest.mark.slow
def test_every_kind_of_label_is_learnt_and_measured(run, labelled) -> None:
    with (run / "metrics.csv").open(newline="") as file:
        first, last = csv.DictReader(file)
    for task in ("attributes", "age", "race", "identity"):
        assert float(last[f"train_{task}"]) < float(first[f"train_{task}"]), task
    assert float(last["val_age_mean_absolute_error"]) < 20
    assert {"val_race_accuracy", "val_identity_accuracy", "val_accuracy"} <= set(last)


@pytest.mark.slow
def test_a_run_comes_back_and_says_what_it_learnt(run, labelled, tmp_path) -> None:
    loaded = load_run(run)
    dataset = open_dataset(labelled, **LABELS)
    evaluation = evaluate(loaded, dataset, "all")
    assert evaluation.attribute_names == ("Smiling",)
    assert set(evaluation.other) == {"age", "race", "identity"}
    assert 0 <= evaluation.other["race"]["accuracy"] <= 1
    said = next(predict(loaded, [labelled / dataset.images[0]]))
    assert said.crop_kind == "as in training"
    assert 10 < said.other["age"] < 45
    assert sum(said.other["race"].values()) == pytest.approx(1, abs=1e-5)
    summary = write_evaluation(evaluation, tmp_path, {})
    assert summary["tasks"]["age"]["mean_absolute_error"] == evaluation.other["age"]["mean_absolute_error"]
    assert "NaN" not in (tmp_path / "metrics.json").read_text()
    assert inspect_run(loaded, faces=2).images.shape[0] == 2


def test_categories_are_compared_by_their_names(run, labelled, tmp_path) -> None:
    """Another data set numbers its categories in another order, and has one more."""
    dataset = open_dataset(labelled, **LABELS)
    race = dataset.categories["race"]
    from dataclasses import replace

    order = ("Other", *reversed(race.names))
    codes = np.array([order.index(race.names[code]) for code in race.codes])
    other = replace(dataset, categories={"race": replace(race, names=order, codes=codes)})
    loaded = load_run(run)
    assert evaluate(loaded, other, "all").other["race"] == evaluate(loaded, dataset, "all").other["race"]


def test_a_data_set_without_the_labels_is_measured_on_what_it_has(run, faces) -> None:
    evaluation = evaluate(load_run(run), open_dataset(faces), "all")
    assert set(evaluation.other) == {"identity"}
    assert evaluation.attribute_names == ("Smiling",)


@pytest.mark.slow
def test_a_resumed_training_is_one_that_was_never_disturbed(run, labelled, tmp_path, monkeypatch) -> None:
    """Centres, mean and deviation are those of the checkpoint."""
    from wsegs.training.lightning.module import TrainingModule

    undisturbed = TrainingModule.training_step

    def interrupted(self, batch, batch_index):
        if self.global_step == 25:
            raise KeyboardInterrupt
        return undisturbed(self, batch, batch_index)

    plan = resolve(_recipe(), Overrides(data=labelled, opened=LABELS))
    monkeypatch.setattr(TrainingModule, "training_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(_recipe(), None, tmp_path / "run", plan=plan)
    monkeypatch.setattr(TrainingModule, "training_step", undisturbed)
    train(_recipe(), None, tmp_path / "run", plan=plan, resume=True)
    assert (tmp_path / "run" / "metrics.csv").read_text() == (run / "metrics.csv").read_text()


@pytest.mark.slow
def test_boxes_about_landmarks_need_no_masks(faces, table, tmp_path) -> None:
    write_landmarks(tmp_path / "l.h5", table)
    plan = resolve(recipe_of("bbox"), Overrides(data=faces, landmarks=tmp_path / "l.h5"))
    summary = train(recipe_of("bbox"), None, tmp_path / "run", plan=plan)
    assert summary["samples"]["crop"] == "face"
    assert summary["without_face"] == 0
    assert len(evaluate(load_run(tmp_path / "run"), open_dataset(faces), landmarks=table).images) == 4


def test_a_network_that_says_nan_is_refused(run, labelled) -> None:
    loaded = load_run(run)
    dataset = open_dataset(labelled, **LABELS)
    loaded.network.heads["attributes"].bias.data[:] = math.nan
    with pytest.raises(DataError, match=r"the network says nan of 26 of 26 images, the first of them 'faces/000.png'"):
        evaluate(loaded, dataset, "all")


def test_a_network_that_says_nan_of_some_images_is_refused_too(run, labelled, monkeypatch) -> None:
    loaded = load_run(run)
    forward = loaded.network.forward

    def partly(images):
        output = forward(images)
        output.heads["attributes"][5:7] = math.nan
        return output

    monkeypatch.setattr(loaded.network, "forward", partly)
    with pytest.raises(DataError, match="says nan of 2 of 26 images"):
        evaluate(loaded, open_dataset(labelled, **LABELS), "all")
