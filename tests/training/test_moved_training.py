"""Trainings on moved crops, and the further levers of a recipe: fading losses, masks of all, maps beside features."""

from __future__ import annotations

import pytest
import torch

from tests.training.tiny import RULES, recipe_of, tiny_recipe
from wsegs.datasets import open_dataset
from wsegs.errors import DataError, OptionError
from wsegs.evaluation.crop_sources import chosen_moves
from wsegs.evaluation.evaluate import evaluate
from wsegs.evaluation.runs import load_run
from wsegs.geometry.moves import MoveRanges, SeededMoves
from wsegs.rules import compile_rules
from wsegs.tasks.mask_expander import MaskExpander
from wsegs.training.lightning.module import TrainingModule
from wsegs.training.recipe import Stage, load_recipe
from wsegs.training.train import train

MOVED = {"augmentation.rotate": 25, "augmentation.scale": (0.75, 1.2), "augmentation.shift": 3}


@pytest.fixture(scope="module")
def moved_run(store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("moved") / "run"
    train(tiny_recipe(validate_every=2, **MOVED, **{"augmentation.colour": 0.2}), store, folder)
    return folder


@pytest.mark.slow
def test_an_interrupted_training_on_moved_crops_goes_on_to_the_same_bit(moved_run, store, tmp_path, monkeypatch):
    recipe, undisturbed = load_recipe(str(moved_run / "recipe.yaml")), TrainingModule.training_step

    def interrupted(self, batch, batch_index):
        if self.global_step == 5:
            raise KeyboardInterrupt
        return undisturbed(self, batch, batch_index)

    monkeypatch.setattr(TrainingModule, "training_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, store, tmp_path / "run")
    monkeypatch.setattr(TrainingModule, "training_step", undisturbed)
    other = recipe.model_copy(update={"augmentation": type(recipe.augmentation)(rotate=5)})
    with pytest.raises(OptionError, match=r"plan\.json says moves"):
        train(other, store, tmp_path / "run", resume=True)
    train(recipe, store, tmp_path / "run", resume=True)
    assert (tmp_path / "run" / "metrics.csv").read_text() == (moved_run / "metrics.csv").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("masks", ["warped", "drawn"])
def test_either_kind_of_masks_can_be_learnt(store, tmp_path, masks) -> None:
    summary = train(tiny_recipe(max_steps=2, **MOVED, **{"augmentation.moved_masks": masks}), store, tmp_path / "run")
    assert summary["steps"] == 2


@pytest.mark.slow
def test_an_evaluation_on_moved_crops_is_the_same_again(moved_run, run_folder, faces) -> None:
    run, dataset = load_run(moved_run), open_dataset(faces)
    moves = chosen_moves(run, 3, {})
    assert moves == SeededMoves(MoveRanges(25, (0.75, 1.2), 3, 0.2), 3)
    whole, test = (evaluate(run, dataset, split, moves=moves) for split in ("all", "test"))
    # An image moves alike whatever else is measured.
    torch.testing.assert_close(whole.logits[-4:], test.logits, rtol=1e-3, atol=1e-4)
    other = evaluate(run, dataset, "test", moves=SeededMoves(moves.ranges, 4))
    plain = evaluate(run, dataset, "test")
    assert not torch.allclose(test.logits, other.logits, atol=1e-4)
    assert not torch.allclose(test.logits, plain.logits, atol=1e-4)
    still = evaluate(run, dataset, "test", moves=SeededMoves(MoveRanges(scale=(1.0, 1.0), colour=0.0), 0))
    assert torch.equal(still.logits, plain.logits)
    unmoved = load_run(run_folder)
    assert chosen_moves(unmoved, 1, {"rotate": 5.0}) == SeededMoves(MoveRanges(rotate=5.0), 1)
    assert chosen_moves(unmoved, None, {}) is None
    with pytest.raises(OptionError, match=r"--moved: .* was trained on crops as they are"):
        chosen_moves(unmoved, 1, {})
    with pytest.raises(OptionError, match="--rotate: expected --moved SEED, too"):
        chosen_moves(unmoved, None, {"rotate": 5.0})


@pytest.mark.slow
def test_a_fading_loss_is_weighed_by_its_step(store, tmp_path, monkeypatch) -> None:
    seen, undisturbed = [], TrainingModule.training_step

    def spied(self, batch, batch_index):
        loss = undisturbed(self, batch, batch_index)
        losses = self.last_losses
        seen.append(((losses["loss"] - losses["attributes"]) / losses["segmentation"]).item())
        return loss

    monkeypatch.setattr(TrainingModule, "training_step", spied)
    stage = {"epochs": 2, "losses": {"segmentation": 6, "attributes": 1}, "fade": {"segmentation": 0}}
    train(tiny_recipe(max_steps=4, stages=[stage]), store, tmp_path / "run")
    assert seen == pytest.approx([6, 4, 2, 0], abs=1e-3)
    assert "fade" in (tmp_path / "run" / "recipe.yaml").read_text()


def test_what_fades_is_a_loss_of_its_stage() -> None:
    stage = {"epochs": 1, "losses": {"attributes": 1}, "fade": {"segmentation": 0}}
    with pytest.raises((DataError, OptionError), match=r"expected losses of the stage \(attributes\)"):
        tiny_recipe(stages=[stage])
    both = Stage(epochs=2, losses={"segmentation": 4, "attributes": 1}, fade={"segmentation": 0.5})
    recipe = tiny_recipe(stages=[both]).without_segmentation()
    assert recipe.stages == (Stage(epochs=2, losses={"attributes": 1}),)


def test_masks_of_where_to_look_are_drawn_whatever_the_label() -> None:
    lookup = compile_rules(RULES, "tiny.yaml").lookup(["Smiling", "Eyeglasses", "Male"])
    expander = MaskExpander(lookup)
    labels = torch.tensor([[0, -1, 1]], dtype=torch.int8)
    everywhere = expander.drawn_everywhere(labels)
    regions = torch.tensor([[[0, 1, 2, 3]]])
    assert expander(regions, everywhere)[0].flatten(1).tolist() == [[0, 1, 0, 1], [0, 0, 1, 1], [0, 1, 1, 1]]
    assert expander(regions, labels)[0].flatten(1).tolist() == [[0] * 4, [0] * 4, [0, 1, 1, 1]]
    assert expander.known(everywhere, torch.tensor([True])).all()
    assert not expander.known(everywhere, torch.tensor([False])).any()


@pytest.mark.slow
@pytest.mark.parametrize(
    "fields",
    [
        {"tasks.segmentation": {"targets": "all"}},
        {"network.read": "features"},
        {"stages": [{"epochs": 3, "losses": {"segmentation": 10, "attributes": 1}}]},  # no stage of masks alone
        {"samples.people": (0, 0.5)},
    ],
    ids=["targets", "features", "one-stage", "people"],
)
def test_every_lever_trains_and_is_measured(store, faces, tmp_path, fields) -> None:
    train(tiny_recipe(max_steps=2, **fields), store, tmp_path / "run")
    evaluation = evaluate(load_run(tmp_path / "run"), open_dataset(faces), "test")
    assert evaluation.logits.isfinite().all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["basic", "sppnet", "bbox", "ssp", "ssg", "naive", "parser"])
def test_every_kind_of_network_trains_on_moved_crops(store, tmp_path, name) -> None:
    read = {} if name in ("basic", "sppnet", "bbox") else {"regions.from": "store"}
    if name == "ssp":
        read["network.pooling"] = {"eyes": "max"}
    if name == "parser":
        read = {"tasks.parsing.from": "store"}
    recipe = recipe_of(name, **MOVED, **read, max_steps=2)
    recipe = recipe.without_parser() if name in ("ssp", "ssg", "naive") else recipe
    summary = train(recipe, store, tmp_path / "run")
    assert summary["steps"] == 2
    assert load_run(tmp_path / "run").plan.moves.ranges == MoveRanges(25, (0.75, 1.2), 3)
