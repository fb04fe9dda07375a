"""Train, evaluate and predict by paths."""

from __future__ import annotations

import numpy as np
import pytest

import wsegs
from tests.training.tiny import tiny_recipe
from wsegs.errors import OptionError

CHANGES = {"network.width": 0.03, "size": (32, 28), "batch_size": 4, "precision": "32-true", "max_steps": 2}


@pytest.mark.slow
def test_train_evaluate_predict(store, faces, table, tmp_path):
    summary = wsegs.train("attparsenet", str(store.path), str(tmp_path / "run"), changes=CHANGES)
    assert summary["steps"] == 2
    run = wsegs.load_run(summary["output"])

    by_path = wsegs.evaluate(str(tmp_path / "run"), str(faces))
    assert by_path.attribute_names == store.attribute_names
    for data in (wsegs.open_dataset(faces), None):  # None: what it was trained on
        other = wsegs.evaluate(run, data)
        assert other.images == by_path.images
        np.testing.assert_array_equal(other.logits, by_path.logits)

    image = faces / by_path.images[0]
    (prediction,) = wsegs.predict(str(tmp_path / "run"), str(image))
    np.testing.assert_allclose(prediction.probabilities, by_path.logits[0].sigmoid(), atol=1e-4)
    assert prediction.maps.shape[0] == 3
    assert len(list(wsegs.predict(run, [str(image), image]))) == 2


@pytest.mark.slow
def test_a_store_with_images_needs_no_folder(store, table, run_folder, tmp_path):
    with_images = wsegs.build_store(table, store.rules, tmp_path / "masks.h5", with_images=True, jobs=1)
    evaluation = wsegs.evaluate(run_folder, with_images)
    by_path = wsegs.evaluate(run_folder, str(tmp_path / "masks.h5"))
    np.testing.assert_array_equal(evaluation.logits, by_path.logits)
    (prediction,) = wsegs.predict(run_folder, evaluation.images[0], store=str(tmp_path / "masks.h5"))
    np.testing.assert_allclose(prediction.probabilities, evaluation.logits[0].sigmoid(), atol=1e-4)


def test_a_loaded_recipe_says_all_but_where(store):
    recipe = tiny_recipe(max_steps=1)
    with pytest.raises(OptionError, match="output: expected the run folder"):
        wsegs.train(recipe, store)
    with pytest.raises(OptionError, match="changes: expected the name or file of a recipe"):
        wsegs.train(recipe, store, "run", changes=CHANGES)


def test_the_run_is_checked_before_the_first_image(tmp_path):
    with pytest.raises(wsegs.WsegsError, match="no-run"):
        wsegs.predict(tmp_path / "no-run", "a.jpg")
