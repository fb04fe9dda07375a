"""Trainings that are killed, or run out of disk, memory, labels."""

from __future__ import annotations

import errno
import os
import resource
import signal

import numpy as np
import pytest
import torch

from tests.training.tiny import make_store, tiny_recipe
from wsegs.errors import DataError, MissingError, OptionError, OutputExistsError
from wsegs.training.lightning.module import TrainingModule
from wsegs.training.lightning.trainer import TrainerOptions
from wsegs.training.runs import read_run
from wsegs.training.samples.sources import SampleDataset
from wsegs.training.train import train
from wsegs.training.weights import read_checkpoint

pytestmark = pytest.mark.slow


def test_a_training_without_a_checkpoint_yet_is_begun_again(run_folder, store, tmp_path, monkeypatch) -> None:
    recipe = tiny_recipe(validate_every=2)
    undisturbed = TrainingModule.training_step

    def interrupted(self, batch, batch_index):
        if self.global_step == 1:
            raise KeyboardInterrupt
        return undisturbed(self, batch, batch_index)

    run = tmp_path / "run"
    monkeypatch.setattr(TrainingModule, "training_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, store, run)
    (run / ".last.ckpt.writing").write_bytes(b"half")
    monkeypatch.setattr(TrainingModule, "training_step", undisturbed)
    with pytest.raises(OutputExistsError, match="has no checkpoint yet, so --resume begins it again"):
        train(recipe, store, run)
    with pytest.raises(OptionError, match=r"plan\.json says batch_size"):
        train(tiny_recipe(validate_every=2, batch_size=2), store, run, resume=True)
    train(recipe, store, run, resume=True)
    assert (run / "metrics.csv").read_text() == (run_folder / "metrics.csv").read_text()
    assert not list(run.glob(".*"))


def test_a_kill_between_the_two_checkpoints_is_made_good(run_folder, store, tmp_path, monkeypatch) -> None:
    # The last round of all is the best by this measure, and its copy was not made.
    recipe = tiny_recipe(validate_every=2, **{"early_stopping.monitor": "attributes"})
    train(recipe, store, tmp_path / "run")
    best = int(read_checkpoint(tmp_path / "run" / "best.ckpt")["global_step"])
    if best != 8:
        pytest.skip("another round is the best with this version of torch")
    (tmp_path / "run" / "best.ckpt").unlink()
    train(recipe, store, tmp_path / "run", resume=True)
    assert read_checkpoint(tmp_path / "run" / "best.ckpt")["global_step"] == 8


def test_a_resumed_training_keeps_its_precision(store, tmp_path) -> None:
    recipe = tiny_recipe(max_steps=4, validate_every=2, precision="auto")
    begun = train(recipe, store, tmp_path / "run", options=TrainerOptions("cpu"))["precision"]
    other = "32-true" if begun == "bf16-mixed" else "bf16-mixed"
    info = tmp_path / "run" / "run.json"
    info.write_text(info.read_text().replace(f'"precision": "{begun}"', f'"precision": "{other}"'))
    assert train(recipe, store, tmp_path / "run", options=TrainerOptions("cpu"), resume=True)["precision"] == other


def test_the_same_training_with_any_number_of_readers(run_folder, store, tmp_path) -> None:
    for workers, cache in ((0, None), (1, True), (2, False)):
        run = tmp_path / f"{workers}-{cache}"
        train(tiny_recipe(validate_every=2), store, run, options=TrainerOptions("cpu", workers=workers, cache=cache))
        assert (run / "metrics.csv").read_bytes() == (run_folder / "metrics.csv").read_bytes()
        ours, theirs = (read_checkpoint(folder / "last.ckpt")["state_dict"] for folder in (run, run_folder))
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_full_disk_keeps_the_earlier_checkpoint(store, tmp_path, monkeypatch) -> None:
    recipe, run = tiny_recipe(validate_every=2), tmp_path / "run"
    whole = TrainingModule.on_train_epoch_start

    def fill_the_disk(self) -> None:
        whole(self)
        if self.current_epoch == 1:
            resource.setrlimit(resource.RLIMIT_FSIZE, (8000, limits[1]))

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    monkeypatch.setattr(TrainingModule, "on_train_epoch_start", fill_the_disk)
    try:
        with pytest.raises(OSError, match=r"no checkpoint of step 4, that before it is kept.*last\.ckpt"):
            train(recipe, store, run)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert read_checkpoint(run / "last.ckpt")["global_step"] == 2
    assert not list(run.glob(".*"))


def test_tensorboard_on_a_drive_that_turned_read_only_is_one_error(store, tmp_path, monkeypatch) -> None:
    """Its thread wrote a traceback beside the error; here that is a warning, and so a failure."""

    def refuse(self, data):
        raise OSError(errno.EROFS, "Read-only file system", "tensorboard/events")

    monkeypatch.setattr("tensorboard.summary.writer.record_writer.RecordWriter.write", refuse)
    with pytest.raises(OSError, match="Read-only file system: 'tensorboard/events'"):
        train(tiny_recipe(validate_every=2), store, tmp_path / "run")


def test_a_reader_that_dies_is_one_line(store, tmp_path, monkeypatch) -> None:
    def die(self, plan):
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(SampleDataset, "__getitem__", die)
    with pytest.raises(OptionError, match="--jobs: a process that reads images was ended from outside") as caught:
        train(tiny_recipe(), store, tmp_path / "run", options=TrainerOptions("cpu", workers=1, cache=False))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("rows", ["all", "validation"])
def test_nothing_is_trained_without_labels(table, faces, tmp_path, rows) -> None:
    attributes = table.attributes.copy()
    attributes[np.array(table.split) == 0 if rows == "all" else []] = -1
    split = table.split.copy()
    if rows == "validation":
        split[-2:] = 1
        attributes[-2:] = -1
    unlabelled = type(table)(**{**table.__dict__, "attributes": attributes, "split": split})
    with pytest.raises(DataError, match=f"to {'train' if rows == 'all' else 'validate'} on, none of them has a known"):
        train(tiny_recipe(), make_store(tmp_path, unlabelled), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_folder_appears_with_its_description(store, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("wsegs.training.runs.write_recipe", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    (tmp_path / "empty").mkdir()
    for run in (tmp_path / "run", tmp_path / "empty"):
        with pytest.raises(OSError, match="full"):
            train(tiny_recipe(), store, run)
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]
    with pytest.raises(MissingError):
        read_run(tmp_path / "empty")
