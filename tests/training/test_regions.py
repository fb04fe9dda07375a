"""Networks of Kalayeh et al. trained, evaluated and used, with regions from everywhere they may come from."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.training.tiny import make_store, recipe_of, write_truth
from wsegs.datasets import open_dataset
from wsegs.errors import MissingError, OptionError
from wsegs.evaluation.evaluate import evaluate
from wsegs.evaluation.parsing import evaluate_parsing, write_parsing_evaluation
from wsegs.evaluation.predict import predict
from wsegs.evaluation.results import average
from wsegs.evaluation.runs import load_run
from wsegs.landmarks.table import LandmarkTable
from wsegs.training.lightning.module import TrainingModule
from wsegs.training.recipe import EarlyStopping, NetworkChoice
from wsegs.training.resolve import Overrides, resolve
from wsegs.training.runs import read_run
from wsegs.training.samples.sampler import TrainingSampler
from wsegs.training.train import train
from wsegs.training.weights import read_checkpoint

pytestmark = pytest.mark.slow

CLASSES = "classes: {ground: 0, eye: 7, lip: 300}\nregions: {ground: ground, eyes: eye, mouth: lip}\n"


@pytest.fixture(scope="module")
def truth(table: LandmarkTable, tmp_path_factory):
    """Human masks of the faces, and their class map."""
    folder = tmp_path_factory.mktemp("truth")
    write_truth(folder, table)
    (folder / "classes.yaml").write_text(CLASSES)
    return folder


@pytest.fixture(scope="module")
def human(truth) -> dict[str, str]:
    return {"tasks.parsing.parsing_masks": str(truth), "tasks.parsing.class_map": str(truth / "classes.yaml")}


@pytest.fixture(scope="module")
def parser(store, human, tmp_path_factory):
    """A parser of human masks."""
    folder = tmp_path_factory.mktemp("runs") / "parser"
    train(recipe_of("parser", **human), store, folder)
    return folder


def test_a_parser_learns_human_masks(store, human, tmp_path) -> None:
    recipe = recipe_of("parser", **human, max_steps=60, validate_every=30, **{"optimizer.name": "adam"})
    summary = train(recipe, store, tmp_path / "run")
    assert summary["classes"] == ["ground", "eyes", "mouth"]
    assert summary["best"]["val_mean_iou"] > 0.5
    assert "val_accuracy" not in summary["best"]
    assert load_run(tmp_path / "run").attribute_names == ()

    evaluation = evaluate_parsing(load_run(tmp_path / "run"), "test")
    assert evaluation.images == 4
    assert evaluation.confusion.sum() == 4 * 32 * 28
    assert evaluation.overlap[0] > 0.8
    written = write_parsing_evaluation(evaluation, tmp_path / "out", {"split": "test"})
    assert [row["class"] for row in written["classes"]] == ["ground", "eyes", "mouth"]
    assert written["mean_iou"] == pytest.approx(evaluation.overlap.mean())
    assert (tmp_path / "out" / "classes.csv").read_text().startswith("class,pixels,iou\nground,")


def test_a_parser_is_distilled_from_the_store(store, tmp_path) -> None:
    summary = train(recipe_of("parser", **{"tasks.parsing.from": "store"}), store, tmp_path / "run")
    assert summary["classes"] == ["background", "mouth", "eyes"]
    # Painted at test time as in training, whatever lies in the test images.
    assert sorted(read_run(tmp_path / "run")[0].main.class_maps.painted) == [0, 1]
    assert evaluate_parsing(load_run(tmp_path / "run"), "train").images == 22


@pytest.mark.parametrize("name", ["ssp", "ssg", "naive"])
def test_a_parser_draws_the_regions_and_stays_as_it_is(name, parser, store, faces, tmp_path) -> None:
    pooling = {"network.pooling": {"eyes": "max"}} if name == "ssp" else {}
    copy = shutil.copytree(parser, tmp_path / "parser")
    summary = train(recipe_of(name, **pooling, **{"regions.parser": str(copy)}), store, tmp_path / "run")
    assert summary["regions"] == ["ground", "eyes", "mouth"]
    shutil.rmtree(copy)  # the run keeps the parser for itself

    before = read_checkpoint(parser / "best.ckpt")["state_dict"]
    after = read_checkpoint(tmp_path / "run" / "best.ckpt")["state_dict"]
    for weight, value in before.items():
        assert torch.equal(after[weight.replace("network.", "regions.parser.")], value), weight

    run = load_run(tmp_path / "run")
    evaluation = evaluate(run, open_dataset(faces))
    (prediction,) = predict(run, [faces / evaluation.images[0]])
    np.testing.assert_allclose(prediction.probabilities, evaluation.logits[0].sigmoid().numpy(), atol=1e-4)


def test_a_parser_that_has_seen_the_test_images_is_told(table, store, tmp_path) -> None:
    """Four images of two people are the test split here, and were trained on there."""
    (tmp_path / "all").mkdir()
    everything = make_store(tmp_path / "all", replace(table, split=np.zeros(len(table), np.int8)))
    distilled = {"tasks.parsing.from": "store"}
    for name, source in (("seen", everything), ("unseen", store)):
        train(recipe_of("parser", **distilled, max_steps=2, validate_every=1), source, tmp_path / name)
    told = {}
    for name in ("seen", "unseen"):
        recipe = recipe_of("ssg", max_steps=2, **{"regions.parser": str(tmp_path / name)})
        told[name] = train(recipe, store, tmp_path / f"ssg-{name}")["parser_overlap"]
        assert read_run(tmp_path / f"ssg-{name}")[1].provenance["parser_overlap"] == told[name]
    assert told["unseen"] == {"test_images": 4, "images": 0, "people": 0}
    assert 0 < told["seen"]["images"] <= 4
    assert 0 < told["seen"]["people"] <= 2
    (tmp_path / "seen" / "training_images.csv").unlink()  # a run of before
    recipe = recipe_of("ssg", max_steps=2, **{"regions.parser": str(tmp_path / "seen")})
    unknown = train(recipe, store, tmp_path / "unknown")["parser_overlap"]
    assert unknown == {"test_images": 4, "images": None, "people": None}


def test_known_regions_need_a_parser_only_for_new_images(store, faces, tmp_path) -> None:
    known = {"regions.from": "store", "regions.parser": None, "network.pooling": {}}
    recipe = recipe_of("ssp", **known)
    recipe = recipe.model_copy(update={"regions": recipe.regions.model_copy(update={"parser": None})})
    train(recipe, store, tmp_path / "alone")
    with pytest.raises(OptionError, match="nothing draws them for new images; wsegs train --parser"):
        evaluate(load_run(tmp_path / "alone"), open_dataset(faces))
    with pytest.raises(OptionError, match="nothing draws them"):
        list(predict(load_run(tmp_path / "alone"), [faces / "faces/000.png"]))

    train(recipe_of("parser", **{"tasks.parsing.from": "store"}), store, tmp_path / "distilled")
    with_parser = recipe_of("ssp", **{**known, "regions.parser": str(tmp_path / "distilled")})
    train(with_parser, store, tmp_path / "both")
    both = load_run(tmp_path / "both")
    assert both.regions.hard  # as those of the training are
    assert len(evaluate(both, open_dataset(faces)).images) == 4
    # Trained on the same regions from the same seed, whether or not there is a parser for later.
    one, other = (read_checkpoint(tmp_path / run / "last.ckpt")["state_dict"] for run in ("alone", "both"))
    assert all(torch.equal(other[name], value) for name, value in one.items())


def test_a_parser_of_other_regions_is_refused(parser, store, tmp_path) -> None:
    recipe = recipe_of("ssg", **{"regions.from": "store", "regions.parser": str(parser)})
    with pytest.raises(OptionError, match="expected a parser of the regions background, mouth, eyes, got one of"):
        train(recipe, store, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_human_masks_as_regions(truth, parser, store, faces, tmp_path) -> None:
    human = {
        "from": "masks",
        "parsing_masks": str(truth),
        "class_map": str(truth / "classes.yaml"),
        "parser": str(parser),
    }
    train(recipe_of("ssg", **{f"regions.{key}": value for key, value in human.items()}), store, tmp_path / "run")
    assert len(evaluate(load_run(tmp_path / "run"), open_dataset(faces)).images) == 4


def test_boxes_follow_landmarks_and_else_the_mean_face(table, store, faces, tmp_path, monkeypatch) -> None:
    train(recipe_of("bbox"), store, tmp_path / "run")
    run = load_run(tmp_path / "run")
    assert len(run.region_names) == 16
    dataset = open_dataset(faces)
    five = iter(table.scheme.five_points(table.landmarks[-4:]))
    monkeypatch.setattr("wsegs.evaluation.crop_sources.find_landmarks", lambda *_: next(five))
    found, own = evaluate(run, dataset), evaluate(run, dataset, landmarks=table)
    assert (found.regions, own.regions) == ({"landmarks found": 4}, {"landmarks": 4})
    torch.testing.assert_close(found.logits, own.logits, rtol=1e-3, atol=1e-3)
    monkeypatch.setattr("wsegs.evaluation.crop_sources.find_landmarks", lambda *_: None)
    mean = evaluate(run, dataset)
    assert mean.regions == {"mean face": 4}
    assert found.crops == mean.crops == own.crops == {"as in training": 4}
    assert not torch.equal(mean.logits, own.logits)
    assert torch.allclose(mean.logits, own.logits, atol=0.5)
    (prediction,) = predict(run, [dataset.path(25)])
    assert prediction.regions_from == "mean face"


def test_two_data_sets_in_one_loop(human, store, table, faces, tmp_path, monkeypatch) -> None:
    """The parser of a joint training learns from its own images: fewer, in another frame."""
    few = 12
    (tmp_path / "other").mkdir()
    other = make_store(tmp_path / "other", _first(table, few))
    recipe = recipe_of("joint", **human, **{"tasks.parsing.store": str(other.path)})
    plans: list[tuple[int, int]] = []
    plan = TrainingSampler.plan
    monkeypatch.setattr(
        TrainingSampler, "plan", lambda self, step: plans.append((len(self._rows), step)) or plan(self, step)
    )
    summary = train(recipe, store, tmp_path / "run")
    assert {"val_mean_iou", "val_accuracy", "val_parsing", "val_attributes"} <= set(summary["best"])
    rows = {count for count, _ in plans}
    assert len(rows) == 2
    for count in rows:  # both go through the same steps, round after round
        assert [step for own, step in plans if own == count] == [0, 1, 2, 3]
    run = load_run(tmp_path / "run")
    assert len(evaluate(run, open_dataset(faces)).images) == 4
    assert evaluate_parsing(run, "train").images == few


def _first(table: LandmarkTable, count: int) -> LandmarkTable:
    from dataclasses import fields, replace

    by_row = {}
    for field in fields(table):
        value = getattr(table, field.name)
        if isinstance(value, (np.ndarray, tuple)) and len(value) == len(table) and field.name != "attribute_names":
            by_row[field.name] = value[:count]
    return replace(table, **by_row)


@pytest.mark.parametrize("name", ["ssp", "joint"])
def test_a_resumed_training_is_one_that_was_never_disturbed(name, parser, human, store, tmp_path, monkeypatch) -> None:
    if name == "ssp":
        given = {"network.pooling": {"eyes": "max"}, "regions.parser": str(parser)}
    else:
        given = {**human, "tasks.parsing.store": str(store.path)}
    recipe = recipe_of(name, **given)
    train(recipe, store, tmp_path / "undisturbed")
    undisturbed = TrainingModule.training_step

    def interrupted(self, batch, batch_index):
        if self.global_step == 3:
            raise KeyboardInterrupt
        return undisturbed(self, batch, batch_index)

    monkeypatch.setattr(TrainingModule, "training_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, store, tmp_path / "resumed")
    monkeypatch.setattr(TrainingModule, "training_step", undisturbed)
    train(recipe, store, tmp_path / "resumed", resume=True)
    one, other = (read_checkpoint(tmp_path / run / "last.ckpt")["state_dict"] for run in ("undisturbed", "resumed"))
    assert all(torch.equal(one[weight], other[weight]) for weight in one)
    assert (tmp_path / "undisturbed/metrics.csv").read_text() == (tmp_path / "resumed/metrics.csv").read_text()


def test_the_average_of_two_runs(run_folder, faces) -> None:
    dataset = open_dataset(faces)
    one = evaluate(load_run(run_folder), dataset)
    other = evaluate(load_run(run_folder, "last"), dataset)
    both = average([one, other])
    mean = (one.logits.sigmoid() + other.logits.sigmoid()) / 2
    torch.testing.assert_close(both.logits.sigmoid().float(), mean)
    assert torch.equal(average([one]).logits.sigmoid().float(), one.logits.double().sigmoid().float())


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("parser", {}, r"parsing: from: masks: expected the folder of human parsing masks.*--parsing-masks DIR"),
        ("ssp", {"regions.from": "masks"}, r"regions: from: masks: expected the folder"),
        ("basic", {"network.name": "ssp"}, "network 'ssp' reads regions: expected a field 'regions'"),
        ("basic", {"network.name": "parser"}, "network 'parser' has no output for the task 'attributes'"),
        (
            "parser",
            {"network.name": "joint", "stages": [{"epochs": 1, "losses": {"attributes": 1}}]},
            "'joint' needs classes",
        ),
        ("parser", {"network.name": "basic", "tasks.parsing.from": "store"}, "network 'basic' does not parse"),
        (
            "parser",
            {"early_stopping.monitor": "accuracy", "tasks.parsing.from": "store"},
            "monitor: expected one of mean_iou, parsing, which this training has, got accuracy",
        ),
        (
            "basic",
            {"early_stopping.monitor": "mean_iou"},
            "monitor: expected one of accuracy, average_precision, .* got mean_iou",
        ),
    ],
)
def test_what_does_not_fit_is_said_before_the_training(name, overrides, message, store, tmp_path) -> None:
    recipe = recipe_of(name, **overrides)
    if recipe.regions is not None:
        recipe = recipe.model_copy(update={"regions": recipe.regions.model_copy(update={"parser": None})})
    with pytest.raises(OptionError, match=message):
        train(recipe, store, tmp_path / "run")
    assert not (tmp_path / "run").exists()


OWN_NETWORK = """
import torch
from wsegs.nets import NetworkOutput

class Share(torch.nn.Module):
    map_size = None
    region_size = (5, 3)

    def __init__(self, attributes, size, regions, bias=True):
        super().__init__()
        self.linear = torch.nn.Linear(len(regions), attributes, bias=bias)

    def forward(self, images, regions):
        assert regions.shape[1:] == (3, 5, 3)
        return NetworkOutput({"attributes": self.linear(regions.mean(dim=(2, 3)))})
"""


def test_a_network_of_the_users_own_package(parser, store, faces, tmp_path, monkeypatch) -> None:
    """A class that asks for regions by the name of its argument is trained, evaluated and used like the others."""
    (tmp_path / "my_package").mkdir()
    (tmp_path / "my_package" / "nets.py").write_text(OWN_NETWORK)
    monkeypatch.syspath_prepend(tmp_path)
    recipe = recipe_of("ssg", **{"regions.parser": str(parser)})
    own = {"class": "my_package.nets:Share", "bias": False}
    recipe = recipe.model_copy(update={"network": NetworkChoice.model_validate(own)})
    train(recipe, store, tmp_path / "run")
    run = load_run(tmp_path / "run")
    assert run.network.linear.bias is None
    assert len(evaluate(run, open_dataset(faces)).images) == 4
    wrong = recipe.model_copy(
        update={"network": NetworkChoice.model_validate({**own, "class": "my_package.nets:Shar"})}
    )
    with pytest.raises(OptionError, match=r"network: class: 'my_package.nets:Shar' cannot be imported"):
        train(wrong, store, tmp_path / "other")
    wrong = recipe.model_copy(update={"network": NetworkChoice.model_validate({**own, "bais": 1})})
    with pytest.raises(OptionError, match=r"has no option 'bais': expected one of bias; did you mean 'bias'"):
        train(wrong, store, tmp_path / "other")


def test_only_a_parser_draws_regions(run_folder, store, tmp_path) -> None:
    with pytest.raises(OptionError, match="expected a run of a parser, got one of 'attparsenet'"):
        train(recipe_of("ssg", **{"regions.parser": str(run_folder)}), store, tmp_path / "run")
    with pytest.raises(MissingError, match="nowhere: no such run"):
        train(recipe_of("ssg", **{"regions.parser": "nowhere"}), store, tmp_path / "run")
    with pytest.raises(OptionError, match="does not parse faces; expected a parser's run"):
        evaluate_parsing(load_run(run_folder))


def test_a_parser_has_no_attributes(parser, faces) -> None:
    with pytest.raises(OptionError, match="network 'parser' parses faces, it has no attributes"):
        evaluate(load_run(parser), open_dataset(faces))
    with pytest.raises(OptionError, match="--split validation: no image"):
        evaluate_parsing(load_run(parser), "validation")


@pytest.mark.slow
def test_a_parser_that_trains_on_everything_keeps_its_last_checkpoint(store, tmp_path) -> None:
    recipe = recipe_of("parser", validation_fraction=0, max_steps=6, **{"tasks.parsing.from": "store"})
    summary = train(recipe, store, tmp_path / "run")
    assert summary["images"]["train"] == 22  # all of the train split
    assert (summary["validation_held_out"], summary["best"]["step"]) == (False, 6)
    assert (tmp_path / "run/best.ckpt").read_bytes() == (tmp_path / "run/last.ckpt").read_bytes()
    with pytest.raises(OptionError, match="patience: expected null where validation_fraction is 0"):
        resolve(recipe.model_copy(update={"early_stopping": EarlyStopping(patience=1)}), Overrides(masks=store.path))
