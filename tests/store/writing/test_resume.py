"""A build that is stopped, in any way and at any moment, goes on and gives the bytes of one that was not."""

from __future__ import annotations

import json
import queue
import resource
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from wsegs.errors import OptionError, WsegsError
from wsegs.geometry.frame import Frame
from wsegs.io.journal import Journal
from wsegs.landmarks.table import open_landmarks, write_landmarks
from wsegs.rules import load_rules
from wsegs.store.writing import dispatch
from wsegs.store.writing.build import build_store
from wsegs.store.writing.dispatch import in_step

FRAME = Frame("face", (54, 44))
ROWS = 300  # of the store, in tasks of 64
DRAWN = 150_000  # bytes of a journal and its log once there are rows


@pytest.fixture
def many(table):
    """A table of 351 images, 300 of them with a face."""
    repeated = _repeated(table, np.resize(np.arange(7), 351))
    jitter = np.random.default_rng(1).normal(0, 1, (351, 1, 2)).astype(np.float32)
    return replace(repeated, landmarks=repeated.landmarks + jitter)


def _repeated(table, rows):
    """Return a table of some rows of another one, each under a name of its own."""
    return replace(table.select(rows), images=tuple(f"{i}.jpg" for i in range(len(rows))))


@pytest.fixture
def whole(many, tmp_path) -> bytes:
    """What an undisturbed run writes."""
    summary = build_store(many, load_rules("celeba"), FRAME, tmp_path / "whole.h5", jobs=1)
    assert summary["images"] == ROWS + 1
    assert _names(tmp_path) == ["whole.h5"]
    return (tmp_path / "whole.h5").read_bytes()


def _names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _size(journal) -> int:
    """Return the bytes of a journal and its log."""
    files = (journal, journal.with_name(f"{journal.name}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


def _stop_after(monkeypatch, tasks: int, error: BaseException) -> None:
    calls = iter(range(1000))

    def draw(*arguments):
        if next(calls) == tasks:
            raise error
        return real(*arguments)

    real = dispatch.draw_rows
    monkeypatch.setattr(dispatch, "draw_rows", draw)


@pytest.mark.slow
@pytest.mark.parametrize("tasks", [1, 3, 4])
@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupted_build_goes_on(many, whole, tmp_path, monkeypatch, tasks, jobs):
    output = tmp_path / "m.h5"
    with monkeypatch.context() as patch:
        _stop_after(patch, tasks, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            build_store(many, load_rules("celeba"), FRAME, output, jobs=1)
    assert _names(tmp_path) == ["m.h5.partial", "whole.h5"]
    drawn = []
    with monkeypatch.context() as patch:
        if jobs == 1:
            real = dispatch.draw_rows
            patch.setattr(dispatch, "draw_rows", lambda *call: (drawn.append(len(call[1])), real(*call))[1])
        summary = build_store(many, load_rules("celeba"), FRAME, output, jobs=jobs)
    if jobs == 1:
        assert sum(drawn) == ROWS + 1 - 64 * tasks
    assert output.read_bytes() == whole
    assert summary["images"] == ROWS + 1
    assert _names(tmp_path) == ["m.h5", "whole.h5"]


@pytest.mark.slow
def test_an_interrupt_right_behind_the_first_rows_keeps_them(many, whole, tmp_path, monkeypatch):
    """It came between the write and the count of it, and the journal was deleted as an empty one."""
    real = Journal.write

    def write(journal, values):
        real(journal, values)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "write", write)
        with pytest.raises(KeyboardInterrupt):
            build_store(many, load_rules("celeba"), FRAME, tmp_path / "m.h5", jobs=1)
    assert _names(tmp_path) == ["m.h5.partial", "whole.h5"]
    _stop_after(monkeypatch, 4, AssertionError("the first rows are drawn again"))
    build_store(many, load_rules("celeba"), FRAME, tmp_path / "m.h5", jobs=1)
    assert (tmp_path / "m.h5").read_bytes() == whole


def test_empty_regions_are_counted_over_both_runs(many, tmp_path, monkeypatch):
    rules = load_rules("attparsenet-2020")
    expected = build_store(many, rules, FRAME, tmp_path / "whole.h5", jobs=1)["empty_regions"]
    assert expected
    with monkeypatch.context() as patch:
        _stop_after(patch, 2, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            build_store(many, rules, FRAME, tmp_path / "m.h5", jobs=1)
    assert build_store(many, rules, FRAME, tmp_path / "m.h5", jobs=1)["empty_regions"] == expected


@pytest.mark.slow
def test_another_run_does_not_go_on(many, whole, tmp_path, monkeypatch):
    output = tmp_path / "m.h5"
    with monkeypatch.context() as patch:
        _stop_after(patch, 2, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            build_store(many, load_rules("attparsenet-2020"), FRAME, output, jobs=1)
    moved = replace(many, landmarks=many.landmarks + 1)
    for table, rules, options in (
        (many, "celeba", {}),
        (moved, "attparsenet-2020", {}),
        (many, "attparsenet-2020", {"shard": (1, 2)}),
        (many, "attparsenet-2020", {"layout": "dense"}),
    ):
        with pytest.raises(OptionError, match=r"m\.h5\.partial: an unfinished run with other input .*--force"):
            build_store(table, load_rules(rules), FRAME, output, jobs=1, **options)
    build_store(many, load_rules("celeba"), FRAME, output, jobs=1, force=True)
    assert output.read_bytes() == whole


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_the_work_is_kept(many, whole, tmp_path, monkeypatch):
    output = tmp_path / "m.h5"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for where, limit in (("journal", 150_000), ("store", len(whole) - 2000)):
        said = r"File too large; \d+ of 301 images are kept in .*m\.h5\.partial: the same command goes on"
        if where == "journal":
            said = r"m\.h5\.partial: disk I/O error; what was done is kept there: run the same command again"
        else:  # all is in the journal, and the store alone is written
            monkeypatch.setattr(Journal, "write", lambda *_: None)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
        try:
            with pytest.raises(WsegsError, match=said):
                build_store(many, load_rules("celeba"), FRAME, output, jobs=1)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert [name for name in _names(tmp_path) if not name.endswith("-wal")] == ["m.h5.partial", "whole.h5"]
    monkeypatch.undo()
    build_store(many, load_rules("celeba"), FRAME, output, jobs=1)
    assert output.read_bytes() == whole


def _command(many, tmp_path) -> list[str]:
    write_landmarks(tmp_path / "l.h5", many, force=True)
    arguments = ["masks", "l.h5", "--frame", "face", "--size", "54x44", "-o", "m.h5", "--json"]
    return [sys.executable, "-m", "wsegs.cli.main", *arguments]


@pytest.mark.slow
def test_ctrl_c_says_what_is_kept(many, tmp_path):
    process = subprocess.Popen(
        [*_command(many, tmp_path), "-j", "1"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    partial = tmp_path / "m.h5.partial"
    while process.poll() is None and _size(partial) < DRAWN:
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate()
    if process.returncode == 0:  # it was done before the signal came
        assert json.loads(output)["images"] == ROWS + 1
        return
    assert process.returncode == 130
    assert errors.split("\n")[:1] + errors.split()[-1:] == [
        f"{partial.name} keeps what was drawn; the same command goes on from there",
        "interrupted",
    ]


@pytest.mark.slow
def test_landmarks_that_stay_in_their_file_give_the_same_store(many, whole, tmp_path):
    write_landmarks(tmp_path / "l.h5", many)
    with open_landmarks(tmp_path / "l.h5") as table:
        assert not isinstance(table.landmarks, np.ndarray)
        build_store(table, load_rules("celeba"), FRAME, tmp_path / "m.h5", jobs=1)
    assert (tmp_path / "m.h5").read_bytes() == whole


@pytest.mark.slow
def test_calls_wait_for_whoever_takes_their_results():
    """A thread takes the next call as soon as it can, as joblib's does."""
    sent = []

    def run(calls):
        results: queue.Queue[int] = queue.Queue()

        def work():
            for call in calls:
                time.sleep(0.001)
                sent.append(call)
                results.put(call)

        thread = threading.Thread(target=work)
        thread.start()
        for _ in range(100):
            yield results.get()
        thread.join()

    for taken, result in enumerate(in_step(run, range(100), 5), 1):
        assert result == taken - 1
        if taken < 10:
            before = len(sent)
            time.sleep(0.03)
            # While a result is worked on, calls are sent up to five ahead, and one that was let through before.
            assert len(sent) <= max(before, taken + 5) + 1
    assert sent == list(range(100))


def test_no_thread_waits_for_results_that_nobody_takes():
    threads = []

    def run(calls):
        results: queue.Queue[int] = queue.Queue()
        threads.append(threading.Thread(target=lambda: [results.put(call) for call in calls]))
        threads[0].start()
        while True:
            yield results.get()

    taken = in_step(run, range(1000), 5)
    assert next(taken) == 0
    taken.close()
    threads[0].join(10)
    assert not threads[0].is_alive()
