from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wsegs.datasets import open_dataset
from wsegs.errors import OptionError
from wsegs.evaluation.evaluate import evaluate
from wsegs.evaluation.predict import Failure, check_maps, map_files, predict
from wsegs.evaluation.runs import load_run


def test_a_prediction_is_what_an_evaluation_says(run_folder, faces, table) -> None:
    run = load_run(run_folder)
    evaluation = evaluate(run, open_dataset(faces), "test")
    predictions = list(predict(run, [faces / image for image in evaluation.images]))
    probabilities = np.stack([prediction.probabilities for prediction in predictions])
    np.testing.assert_allclose(probabilities, evaluation.logits.sigmoid().numpy(), atol=1e-4)
    first = predictions[0]
    assert first.crop.shape == (32, 28, 3)
    assert first.crop_kind == "as in training"
    assert first.maps.shape == (3, *run.network.map_size)
    ranked = [value for _, value in first.ranked()]
    assert ranked == sorted(ranked, reverse=True)
    assert dict(first.ranked())["Male"] == pytest.approx(probabilities[0, 2])


def test_what_cannot_be_read_is_no_obstacle(run_folder, faces, tmp_path, table) -> None:
    (tmp_path / "empty.jpg").write_bytes(b"")
    images = [tmp_path / "empty.jpg", faces / table.images[0], tmp_path / "none.png"]
    results = list(predict(load_run(run_folder), images))
    assert [type(result) is Failure for result in results] == [True, False, True]
    assert results[0] == Failure(tmp_path / "empty.jpg", "an empty file")
    assert [result.path for result in results] == images


def test_pictures_of_equal_names_do_not_overwrite_each_other() -> None:
    images = [Path("a/1.jpg"), Path("b/1.jpg"), Path("c/1.png"), Path("1-2.jpg")]
    files = map_files(Path("maps"), images)
    assert len(set(files)) == 4
    assert files[0] == Path("maps/1.png")


def test_maps_of_a_network_that_was_not_taught_to_draw(run_folder) -> None:
    run = load_run(run_folder)
    check_maps(run)
    tasks = tuple(task for task in run.plan.tasks if task.kind != "segmentation")
    object.__setattr__(run, "plan", replace(run.plan, tasks=tasks))
    with pytest.raises(OptionError, match="trained without segmentation"):
        check_maps(run)
    run.network.map_size = None
    with pytest.raises(OptionError, match="draws no maps"):
        check_maps(run)


def test_long_names_have_a_map_each() -> None:
    """Their own suffixes are shorter than .png, and they are alike where they are cut."""
    images = [Path(f"{'x' * 252}{i}.j") for i in range(3)] + [Path(f"{folder}/{'y' * 251}.png") for folder in "ab"]
    names = [file.name for file in map_files(Path("maps"), images)]
    assert len({*names}) == 5
    assert all(len(name) <= 255 and name.endswith(".png") for name in names)
