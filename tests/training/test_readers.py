"""Processes that read images: one that dies, is silent, or cannot send ends the command with one line."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.training.tiny import tiny_recipe
from wsegs.errors import OptionError
from wsegs.training.lightning.trainer import TrainerOptions
from wsegs.training.samples.readers import SILENCE, seconds_of_silence
from wsegs.training.samples.sources import SampleDataset
from wsegs.training.train import train


@pytest.mark.slow
def test_a_silent_reader_is_given_up(store, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(SampleDataset, "__getitem__", lambda self, plan: os.kill(os.getpid(), signal.SIGSTOP))
    monkeypatch.setenv(SILENCE, "1.5")
    began = time.monotonic()
    with pytest.raises(OptionError, match=r"--jobs: the processes that read images sent nothing for 2 s: .*-j 0"):
        train(tiny_recipe(), store, tmp_path / "run", options=TrainerOptions("cpu", workers=2, cache=False))
    assert time.monotonic() - began < 60
    assert not [process for process in multiprocessing.active_children() if process.daemon]  # a stopped one is deaf


def test_the_time_of_silence_is_a_number(monkeypatch) -> None:
    monkeypatch.delenv(SILENCE, raising=False)
    assert seconds_of_silence() == 120
    monkeypatch.setenv(SILENCE, "0")
    assert seconds_of_silence() == 0
    for wrong in ("soon", "-1", "nan", "inf"):
        monkeypatch.setenv(SILENCE, wrong)
        with pytest.raises(OptionError, match=f"{SILENCE}: expected a number of seconds, 0 or more, got '{wrong}'"):
            seconds_of_silence()


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.parametrize("size", ["24k", "300k"])
def test_a_small_shared_memory_is_named(store, tmp_path, size) -> None:
    """Of 300 KiB all locks are there, and a mini-batch finds no place."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("needs root and unshare, for a /dev/shm of its own")
    if subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode:
        pytest.skip("needs the right to a mount namespace")
    options = "--width 0.03 --size 218x178 --batch-size 8 --max-steps 40 -j 2 --no-cache --accelerator cpu"
    command = f"{sys.executable} -m wsegs.cli.main train attparsenet {store.path} {options} -o {tmp_path / 'run'}"
    inside = f"mount -t tmpfs -o size={size} tmpfs /dev/shm && exec {command}"
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", inside], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1, done.stderr
    assert "--jobs: a process that reads images could not send them: shared memory is too small" in done.stderr
    assert "/dev/shm has" in done.stderr
    assert "-j 0" in done.stderr
    assert done.stderr.count("\n") == 1
