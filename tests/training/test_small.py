"""One of anything: one attribute, one region, one class, one validation image, a last mini-batch of one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.training.tiny import make_store, recipe_of, tiny_recipe, write_faces, write_labels
from wsegs.datasets import open_dataset
from wsegs.errors import DataError
from wsegs.evaluation.evaluate import evaluate
from wsegs.evaluation.parsing import evaluate_parsing
from wsegs.evaluation.predict import Failure, predict
from wsegs.evaluation.region_readers import store_reader
from wsegs.evaluation.results import write_evaluation
from wsegs.evaluation.runs import load_run
from wsegs.reports.run_report import write_report
from wsegs.training.fitting.fit import fit_probe
from wsegs.training.recipe import load_recipe
from wsegs.training.resolve import Overrides, resolve
from wsegs.training.train import train

pytestmark = pytest.mark.slow

ONE_RULE = """
version: 1
scheme: ibug68
space: image
regions: {mouth: {polygon: 48..59}}
attributes: {}
default: mouth
"""


@pytest.fixture(scope="module")
def faces_of(astronaut_landmarks, tmp_path_factory):
    """Return a function that makes a data set of some images and attributes, and its store."""

    def make(train_: int, validation: int, test: int, attributes: int):
        folder = tmp_path_factory.mktemp("small")
        count = train_ + validation + test
        table = write_faces(folder / "data", astronaut_landmarks, count=9)
        names = tuple(f"A{i}" for i in range(attributes))
        labels = np.random.default_rng(count).integers(-1, 2, (count, attributes)).astype(np.int8)
        labels[:train_] = np.arange(train_)[:, None] % 2  # something to learn,
        labels[train_ : train_ + validation] = np.arange(validation)[:, None] % 2  # and to validate by
        split = np.repeat(np.array([0, 1, 2], np.int8), (train_, validation, test))
        rows = np.array([0, 1, 2, 4, 5, 6, 7, 8][:count])  # image 3 has no face
        table = replace(
            table,
            **{name: getattr(table, name)[rows] for name in ("landmarks", "status", "faces", "boxes", "image_size")},
            images=tuple(table.images[row] for row in rows),
            identity=np.full(count, -1, np.int32),
            attribute_names=names,
            attributes=labels,
            split=split,
        )
        write_labels(folder / "data", table)
        return folder, make_store(folder, table, rules=ONE_RULE)

    return make


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(
    images=st.tuples(st.integers(1, 3), st.integers(1, 2), st.integers(1, 2)),
    attributes=st.integers(1, 2),
    batch_size=st.integers(1, 2),
)
@example(images=(1, 1, 1), attributes=1, batch_size=1)
@example(images=(3, 1, 2), attributes=1, batch_size=2)
def test_few_images_train_and_are_measured(faces_of, images, attributes, batch_size) -> None:
    folder, store = faces_of(*images, attributes)
    recipe = tiny_recipe(batch_size=batch_size, max_steps=2)
    assert train(recipe, store, folder / "run")["steps"] == 2
    run = load_run(folder / "run")
    dataset = open_dataset(folder / "data")
    for split in ("train", "validation", "test"):
        evaluation = evaluate(run, dataset, split)
        summary = write_evaluation(evaluation, folder / split, {})
        assert len(summary["attributes"]) == attributes
    (prediction,) = predict(run, [dataset.path(0)])
    assert not isinstance(prediction, Failure)
    assert prediction.maps.shape[0] == attributes
    report = write_report([run], folder / "report.html")
    assert report["figures"]


@pytest.mark.parametrize("images", [(1, 1, 1), (2, 1, 0)])
def test_one_class_is_parsed(faces_of, images) -> None:
    folder, store = faces_of(*images, 1)
    recipe = recipe_of("parser", batch_size=1, max_steps=2, validate_every=1, **{"tasks.parsing.from": "store"})
    assert train(recipe, store, folder / "parser")["classes"] == ["background", "mouth"]
    assert evaluate_parsing(load_run(folder / "parser"), "train").images == images[0]
    write_report([load_run(folder / "parser")], folder / "report.html")
    ssg = recipe_of("ssg", batch_size=1, max_steps=2, **{"regions.parser": str(folder / "parser")})
    train(ssg, store, folder / "ssg")
    assert len(list(predict(load_run(folder / "ssg"), [store.data_root / store.images[0]]))) == 1


@pytest.mark.parametrize("images", [(1, 1, 1), (2, 1, 1), (3, 2, 1)])
@pytest.mark.parametrize("folds", [0, 5])
def test_a_fit_on_a_few_images_is_one_or_says_what_is_missing(faces_of, images, folds) -> None:
    folder, store = faces_of(*images, 1)
    fields = {"size": (64, 56), "network.strides": [8], "fit.folds": folds, "precision": "32-true"}
    recipe = load_recipe("region-probe", fields)
    plan = resolve(recipe, Overrides(masks=store.path))
    try:
        summary = fit_probe(recipe, plan, folder / "probe", jobs=1)
    except DataError as error:
        assert "expected images with labels to fit on, got 1" in str(error) or "present and absent" in str(error)  # noqa: PT017
        return
    assert summary["images"]["train"] <= images[0]
    run = load_run(folder / "probe")
    assert (
        len(evaluate(run, open_dataset(folder / "data"), "test", regions=store_reader(run, store, store.images)).images)
        == 1
    )
    write_report([run], folder / "report.html")
