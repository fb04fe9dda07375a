"""What long commands say while they work, how much of it, and how they end when they are told to."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from functools import partial

import pytest

from wsegs.training.lightning import callbacks

TINY = ("--width", 0.03, "--size", "32x28", "--batch-size", 4, "--max-steps", 4, "--precision", "32-true")


@pytest.mark.slow
def test_a_training_tells_how_far_it_is(run, masks, monkeypatch) -> None:
    monkeypatch.setattr("wsegs.training.train.Progress", partial(callbacks.Progress, seconds=0))
    done = run("train", "attparsenet", *TINY)
    assert done.code == 0, done.err
    lines = done.err.splitlines()
    assert len(lines) == 4
    told = r"train: step \d of 4, (attributes [\d.]+, )?segmentation [\d.e-]+, loss [\d.]+, [\d.]+ images/s, \d+ s left"
    assert all(re.fullmatch(told, line) for line in lines), lines
    quiet = run("train", "attparsenet", *TINY, "-q", "--force")
    assert (quiet.code, quiet.err) == (0, "")


@pytest.mark.slow
def test_a_log_keeps_what_was_said(run, masks, tmp_path) -> None:
    done = run("train", "attparsenet", *TINY, "--log-file", "logs/train.log", "-v")
    assert done.code == 0, done.err
    assert "validated, train_loss" in done.err
    log = (tmp_path / "logs/train.log").read_text()
    lines = log.splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", line) for line in lines)
    assert "train attparsenet" in lines[0]
    said = [line[20:] for line in lines[1:]]
    assert sorted(said) == sorted([*done.out.splitlines(), *done.err.splitlines()])
    failed = run("train", "attparsenet", *TINY, "--log-file", "logs/train.log")
    assert failed.code == 1
    appended = (tmp_path / "logs/train.log").read_text()
    assert appended.startswith(log)
    assert failed.err.strip() in appended
    assert not isinstance(sys.stdout, type(None))
    assert type(sys.stderr).__name__ != "Stream"  # as it was


def test_verbose_says_where_an_error_comes_from(run, masks) -> None:
    done = run("train", "attparsenet", "none.h5", "-v")
    assert done.code == 1
    assert "Traceback" in done.err
    assert done.err.splitlines()[-1] == "Error: none.h5: no such mask store; wsegs masks makes it"
    assert "Traceback" not in run("train", "attparsenet", "none.h5").err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "attparsenet", "-v", "-q"), "-v and -q: expected one of them"),
        (("trian",), "No such command 'trian': expected one of .*; did you mean 'train'"),
        (("store", "verfiy"), "did you mean 'verify'"),
        (("rules", "scor"), "did you mean 'score'"),
        (("train", "attparsenet", "--learnin-rate", "1"), "Did you mean.*--learning-rate"),
        (("train", "attparsenet", "--log-file", "data"), "is a directory"),
    ],
)
def test_wrong_usage_is_told_with_the_nearest(run, masks, arguments, message) -> None:
    done = run(*arguments)
    assert done.code == 2
    assert re.search(message, done.err), done.err


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [0, 2])
@pytest.mark.skipif(os.name == "nt", reason="needs signals")
def test_sigterm_ends_a_training_as_ctrl_c_does(masks, tmp_path, jobs) -> None:
    options = "--width 0.03 --size 32x28 --batch-size 4 --max-steps 40000 --validate-every 2 --accelerator cpu"
    command = [sys.executable, "-m", "wsegs.cli.main", "train", "attparsenet", *options.split(), "-j", str(jobs)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        for _ in range(600):
            if (tmp_path / "runs/attparsenet/last.ckpt").exists() or process.poll() is not None:
                break
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 143, err
    assert out == ""
    said = [line for line in err.splitlines() if line]
    assert said == ["the last checkpoint is kept; the same command with --resume continues it", "terminated"]
    assert '"seconds"' in (tmp_path / "runs/attparsenet/run.json").read_text()
