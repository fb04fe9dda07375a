from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from wsegs.datasets import open_dataset
from wsegs.errors import DataError, OptionError
from wsegs.evaluation.evaluate import evaluate
from wsegs.evaluation.results import write_evaluation
from wsegs.evaluation.runs import load_run
from wsegs.geometry.warp import warp_image
from wsegs.io.images import read_image
from wsegs.training.lightning.module import normalise


@pytest.fixture(scope="module")
def run(run_folder):
    return load_run(run_folder)


@pytest.fixture
def dataset(faces, table):
    return open_dataset(faces)


@pytest.mark.slow
def test_an_evaluation_by_hand(run, dataset, store) -> None:
    evaluation = evaluate(run, dataset, "test")
    assert evaluation.images == store.images[-4:]
    assert evaluation.crops == {"as in training": 4}
    np.testing.assert_array_equal(evaluation.labels.numpy(), store.attributes[-4:])
    half = np.array([[0.5, 0, -0.25], [0, 0.5, -0.25]], np.float32)
    crops = np.stack([warp_image(read_image(dataset.root / image), half, (32, 28)) for image in evaluation.images])
    with torch.inference_mode():
        logits = run.network(normalise(torch.from_numpy(crops).permute(0, 3, 1, 2))).logits
    torch.testing.assert_close(evaluation.logits, logits, rtol=1e-3, atol=1e-3)
    right = ((evaluation.logits >= 0).numpy() == (store.attributes[-4:] == 1)).mean(axis=0)
    assert [score.accuracy for score in evaluation.scores()] == pytest.approx(list(right))


def test_workers_give_the_same(run, dataset, monkeypatch) -> None:
    monkeypatch.setattr("wsegs.evaluation.evaluate._BATCH", 4)
    alone, apart = evaluate(run, dataset, "all"), evaluate(run, dataset, "all", jobs=1)
    assert torch.equal(alone.logits, apart.logits)
    assert alone.images == apart.images


def test_attributes_are_joined_by_name(run, dataset) -> None:
    names, columns = ("Male", "Bald", "Smiling"), [2, 1, 0]
    other = replace(dataset, attribute_names=names, attributes=dataset.attributes[:, columns])
    plain, joined = evaluate(run, dataset, "all"), evaluate(run, other, "all")
    assert joined.attribute_names == ("Smiling", "Male")
    assert (joined.only_run, joined.only_data) == (("Eyeglasses",), ("Bald",))
    assert torch.equal(joined.logits, plain.logits[:, [0, 2]])
    assert torch.equal(joined.labels, plain.labels[:, [0, 2]])


def test_nothing_in_common(run, dataset) -> None:
    with pytest.raises(DataError, match="has none of the 3 attributes of"):
        evaluate(run, replace(dataset, attribute_names=("a", "b", "c")))


def test_an_empty_split_says_which_are_not(run, dataset) -> None:
    with pytest.raises(OptionError, match=r"--split validation: .*train 22, validation 0, test 4, all 26"):
        evaluate(run, dataset, "validation")


def test_unreadable_images_are_left_out_and_named(run, faces, table, tmp_path) -> None:
    folder = shutil.copytree(faces, tmp_path / "data")
    broken = folder / table.images[-2]
    broken.write_bytes(b"")
    evaluation = evaluate(run, open_dataset(folder), "test")
    assert len(evaluation.images) == len(evaluation.logits) == 3
    assert table.images[-2] not in evaluation.images
    assert evaluation.unreadable == (f"{broken}: an empty file",)
    for image in table.images[-4:]:
        (folder / image).write_bytes(b"")
    with pytest.raises(DataError, match="no image could be read"):
        evaluate(run, open_dataset(folder), "test")


def test_another_alignment_is_one_transform(run, dataset) -> None:
    """The same images in a larger white picture: cropped back to what they were, the scores hardly move."""
    other = replace(run, info=replace(run.info, source_size=(1, 1)))
    points = (run.info.mean_points + 0.5) * 2 - 0.5
    aligned = evaluate(other, replace(dataset, aligned_points=points), "test")
    assert aligned.crops == {"aligned": 4}
    torch.testing.assert_close(aligned.logits, evaluate(run, dataset, "test").logits, rtol=0.05, atol=0.05)


def test_landmarks_crop_what_is_not_aligned(run, dataset, table) -> None:
    other = replace(run, info=replace(run.info, source_size=(1, 1)))
    evaluation = evaluate(other, dataset, "all", landmarks=table)
    assert evaluation.crops == {"landmarks": 25, "whole image": 1}
    with pytest.raises(DataError, match="--landmarks: has no image of"):
        evaluate(other, dataset, "all", landmarks=replace(table, images=tuple(f"x{i}" for i in range(len(table)))))


def test_what_is_written(run, dataset, tmp_path) -> None:
    evaluation = evaluate(run, dataset, "test")
    evaluation.labels[:, 1] = 1
    summary = write_evaluation(evaluation, tmp_path / "evaluation", {"split": "test"})
    assert json.loads((tmp_path / "evaluation" / "metrics.json").read_text()) == summary
    assert summary["undefined_average_precision"].count("Eyeglasses") == 1
    assert summary["attributes"][1]["average_precision"] is None
    with (tmp_path / "evaluation" / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["attribute"] for row in rows] == ["Smiling", "Eyeglasses", "Male"]
    assert float(rows[1]["majority_rate"]) == 1
    with (tmp_path / "evaluation" / "scores.csv").open(newline="") as file:
        scores = list(csv.DictReader(file))
    assert [row["image"] for row in scores] == list(evaluation.images)
    assert float(scores[0]["Male"]) == pytest.approx(evaluation.logits[0, 2].sigmoid().item(), abs=1e-5)


def test_how_attributes_go_together_is_written(run, dataset, tmp_path) -> None:
    evaluation = evaluate(run, dataset, "all")
    summary = write_evaluation(evaluation, tmp_path, {})
    with (tmp_path / "relations.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = evaluation.attribute_names
    assert [(row["attribute"], row["other"]) for row in rows] == [
        (names[0], names[1]),
        (names[0], names[2]),
        (names[1], names[2]),
    ]
    labels, probabilities = evaluation.labels.numpy(), evaluation.logits.double().sigmoid().numpy()
    known = (labels[:, :2] >= 0).all(axis=1)  # one of Smiling is not
    assert float(rows[0]["true"]) == pytest.approx(np.corrcoef(labels[known].T)[0, 1], abs=1e-5)
    assert float(rows[0]["learnt"]) == pytest.approx(np.corrcoef(probabilities[known].T)[0, 1], abs=1e-5)
    apart = np.mean([abs(float(row["true"]) - float(row["learnt"])) for row in rows])
    assert summary["relation_distance"] == pytest.approx(apart, abs=1e-5)
    alone = replace(
        evaluation, attribute_names=names[:1], logits=evaluation.logits[:, :1], labels=evaluation.labels[:, :1]
    )
    assert "relation_distance" not in write_evaluation(alone, tmp_path / "alone", {})
    assert not (tmp_path / "alone/relations.csv").exists()
