from __future__ import annotations

import json
import subprocess
import sys

import pytest

from wsegs.training.lightning.module import TrainingModule
from wsegs.training.recipe import read_recipe

TINY = ("--width", 0.03, "--size", "32x28", "--batch-size", 4, "--max-steps", 4, "--precision", "32-true")


@pytest.mark.slow
def test_train_needs_no_more_than_a_recipe(run, masks, tmp_path) -> None:
    done = run("train", "attparsenet", *TINY)
    assert done.code == 0, done.err
    assert done.err == ""  # not a terminal: no bar, and nothing of Lightning's
    assert "runs/attparsenet: attparsenet" in done.out
    assert "people carved out of train" in done.out
    assert done.out.rstrip().endswith("next: wsegs evaluate runs/attparsenet; wsegs report runs/attparsenet")
    assert (tmp_path / "runs/attparsenet/best.ckpt").is_file()
    assert (tmp_path / "runs/attparsenet/curve.png").is_file()


@pytest.mark.slow
def test_flags_override_the_recipe_and_are_kept(run, masks, tmp_path) -> None:
    options = ("--learning-rate", 0.01, "--schedule", "cosine", "--patience", 3, "--seed", 5, "--no-segmentation")
    options += ("--optimizer", "adagrad", "--balance", "class")
    done = run("train", "attparsenet", masks, "-o", "baseline", *TINY, *options, "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["output"] == "baseline"
    recipe = read_recipe(tmp_path / "baseline" / "recipe.yaml")
    assert (recipe.size, recipe.batch_size, recipe.max_steps, recipe.seed) == ((32, 28), 4, 4, 5)
    assert (recipe.optimizer.learning_rate, recipe.schedule.name) == (0.01, "cosine")
    assert (recipe.optimizer.name, recipe.tasks["attributes"].options) == (
        "adagrad",
        {"balance": "class", "held_out": [], "smoothing": 0.0},
    )
    assert recipe.early_stopping.patience == 3
    assert recipe.losses == {"attributes"}


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on_and_resume_does(run, masks, tmp_path, monkeypatch) -> None:
    whole = TrainingModule.training_step

    def interrupted(self, batch, batch_index):
        if self.global_step == 3:
            raise KeyboardInterrupt
        return whole(self, batch, batch_index)

    monkeypatch.setattr(TrainingModule, "training_step", interrupted)
    options = (*TINY, "--validate-every", 2)
    done = run("train", "attparsenet", *options)
    assert done.code == 130
    assert "--resume continues it" in done.err
    monkeypatch.setattr(TrainingModule, "training_step", whole)
    done = run("train", "attparsenet", *options, "--resume")
    assert done.code == 0, done.err
    assert "4 steps" in done.out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("atparsenet",), "did you mean 'attparsenet'"),
        (("attparsenet", "none.h5"), "none.h5: no such mask store; wsegs masks makes it"),
        (("attparsenet", "data/labels.csv"), "data/labels.csv: expected a mask store"),
        (("attparsenet", "--size", "20x20"), "expected images of at least 28x28 (HxW), got 20x20"),
        (("attparsenet", "--width", "-1"), "expected a width above 0 and below 100, got -1"),
        (("attparsenet", "--learning-rate", "0"), "--learning-rate: expected greater than 0, got 0"),
        (("attparsenet", "--data", "nowhere"), "nowhere: no such folder"),
        (("attparsenet", "--resume"), "runs/attparsenet: no such run"),
        (("attparsenet", "--resume", "--force"), "expected one of them"),
        (("attparsenet", "-o", "data"), "data: exists and is not a run"),
        (
            ("attparsenet", "--unknown", "0"),
            "--unknown: the mask store masks.h5 has images, labels and crops of its own",
        ),
        (("attparsenet", "--labels", "data/labels.csv"), "--labels: the mask store masks.h5 has images, labels"),
        (("attparsenet", "--data-scale", "2"), "--data-scale: the mask store masks.h5 has images, labels"),
    ],
)
def test_wrong_input_is_one_line(run, masks, arguments, message) -> None:
    done = run("train", *arguments)
    assert done.code == 1
    assert message in done.err
    assert done.err.count("\n") == 1
    assert done.out == ""


def test_a_missing_image_is_one_line(run, masks, tmp_path) -> None:
    (tmp_path / "data/faces/004.png").unlink()
    done = run("train", "attparsenet", *TINY)
    assert done.code == 1
    assert "masks.h5: does not match its images: 'faces/004.png'" in done.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_simple_mistakes_show_before_torch_is_imported(masks, tmp_path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "run.json").write_text("{}")
    program = """
import sys
from wsegs.cli.main import main
for arguments in (
    "train attparsenet none.h5", "train atparsenet", "train attparsenet -o there", "train attparsenet -o data",
    "train attparsenet --resume", "train attparsenet --data nowhere", "evaluate none", "evaluate there",
    "evaluate there --checkpoint last", "predict none data/faces/000.png",
):
    sys.argv = ["wsegs", *arguments.split()]
    try:
        main()
    except SystemExit as stop:
        assert stop.code == 1, arguments
    assert "torch" not in sys.modules, arguments
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Error: ") == done.stderr.count("\n") == 10
