"""Two real processes that share a batch, against one that has it alone."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.tiny import tiny_recipe
from wsegs.errors import OptionError
from wsegs.tasks.losses import LossTerms
from wsegs.training.lightning.trainer import TrainerOptions
from wsegs.training.running_loss import RunningLoss
from wsegs.training.train import train
from wsegs.training.weights import read_checkpoint

pytestmark = pytest.mark.slow

# Plain descent: Adam's first steps take the sign of every gradient, also of those that are rounding alone.
TINY = ("--width", "0.03", "--size", "32x28", "--batch-size", "4", "--max-steps", "8", "--validate-every", "2")
TINY = (*TINY, "--precision", "32-true", "--optimizer", "sgd", "--learning-rate", "0.1", "--accelerator", "cpu")


def _run(start: list[str], *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *start, "-m", "wsegs.cli.main", "train", "attparsenet", *map(str, arguments), *TINY]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)


def _rows(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_two_processes_train_as_one_does(store, tmp_path) -> None:
    recipe = tiny_recipe(validate_every=2, **{"optimizer.name": "sgd", "optimizer.learning_rate": 0.1})
    train(recipe, store, tmp_path / "one", options=TrainerOptions("cpu"))
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = _run(torchrun, store.path, "-o", tmp_path / "two")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("next: wsegs evaluate") == 1  # one of them speaks
    assert "Warning" not in done.stderr
    one, two = _rows(tmp_path / "one"), _rows(tmp_path / "two")
    assert [list(row) for row in one] == [list(row) for row in two]
    for ours, theirs in zip(one, two, strict=True):
        for name, value in ours.items():
            if value:
                assert float(theirs[name]) == pytest.approx(float(value), rel=1e-4, abs=1e-7, nan_ok=True), name
    ours, theirs = (read_checkpoint(tmp_path / run / "last.ckpt")["state_dict"] for run in ("one", "two"))
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():  # of which the running means and variances are a part
        torch.testing.assert_close(theirs[name], value, rtol=1e-3, atol=1e-5, msg=name)


def test_what_goes_wrong_in_a_further_process_ends_both(store, faces, tmp_path) -> None:
    data = shutil.copytree(faces, tmp_path / "data")
    train_rows = np.flatnonzero(store.split == 0)
    for row in train_rows:
        (data / store.images[row]).write_bytes(b"half")
    done = _run([], store.path, "-o", tmp_path / "run", "--data", data, "--devices", 2)
    assert done.returncode == 1
    lines = done.stderr.strip().splitlines()
    assert all(line.startswith("Error: ") for line in lines), done.stderr
    assert 1 <= len(lines) <= 2
    assert "not an image that can be read" in done.stderr


def test_devices_that_are_not_those_of_torchrun(store, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "here")
    for name, value in (("LOCAL_WORLD_SIZE", 1), ("WORLD_SIZE", 1), ("RANK", 0), ("LOCAL_RANK", 0)):
        monkeypatch.setenv(name, str(value))
    with pytest.raises(OptionError, match="torchrun started 1 processes on each of 1 machines, and 2"):
        train(tiny_recipe(), store, tmp_path / "run", options=TrainerOptions("cpu", 2))


def test_means_of_losses_are_over_all_that_is_known() -> None:
    means = RunningLoss()
    means.add("parsing", LossTerms(torch.tensor([4.0, 9.0]), torch.tensor([2.0, 3.0])))
    means.add("parsing", LossTerms(torch.tensor([0.0, 1.0]), torch.tensor([6.0, 0.0])))
    means.add_step("loss", torch.tensor(1.0))
    means.add_step("loss", torch.tensor(2.0))
    taken = means.take()
    assert taken["parsing"].item() == pytest.approx(4 / 8 + 10 / 3)
    assert taken["loss"].item() == 1.5
    assert means.take() == {}
