"""Two real processes and one output: one writes, the other is told who does."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import filelock
import pytest

from wsegs.errors import OutputLockedError
from wsegs.io.lock import lock_output, lock_path, locks_output

HOLD = """
import sys
from wsegs.io.lock import lock_output
with lock_output(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""
# Counts up in a file that is only correct if nobody else does so at the same time.
COUNT = """
import sys
from pathlib import Path
from wsegs.errors import OutputLockedError
from wsegs.io.lock import lock_output
counter, done = Path(sys.argv[1]), 0
while done < 40:
    try:
        with lock_output(counter):
            number = int(counter.read_text())
            counter.write_text(str(number + 1))
            done += 1
    except OutputLockedError as error:
        assert "writes it" in str(error), error
"""


@pytest.fixture
def hold(tmp_path):
    """Start a process that holds the lock of ``masks.h5`` until its input ends."""
    started = []

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", HOLD, str(tmp_path / "masks.h5")]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def _take(output: Path) -> None:
    with lock_output(output):
        pass


@pytest.fixture
def without_file_locks(monkeypatch):
    """A drive that has no file locks, as some network drives."""

    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(filelock.UnixFileLock, "_acquire", refuse)


def test_the_second_writer_is_told_who_is_the_first(hold, tmp_path):
    first = hold()
    message = rf"masks\.h5: process {first.pid} on .* since 20.*-c .*masks\.h5\) writes it; wait for it, or -o names"
    for _ in range(2):  # the refusal leaves the line that says who
        with pytest.raises(OutputLockedError, match=message):
            _take(tmp_path / "masks.h5")
    _take(tmp_path / "other.h5")  # another output is free
    first.communicate("")
    _take(tmp_path / "masks.h5")
    assert not list(tmp_path.iterdir())


def test_a_lock_of_a_killed_process_is_taken_over(hold, tmp_path):
    first = hold()
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert json.loads(lock_path(tmp_path / "masks.h5").read_text())["pid"] == first.pid
    with lock_output(tmp_path / "masks.h5"):
        assert json.loads(lock_path(tmp_path / "masks.h5").read_text())["pid"] == os.getpid()
    assert not list(tmp_path.iterdir())


def test_a_process_that_the_writer_forked_does_not_keep_the_lock(tmp_path):
    """It lets go as it begins, which may be after the writer's end."""
    program = HOLD.replace(
        "sys.stdin.read()", "import os, time\n    os.fork() or time.sleep(30)\n    os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "masks.h5")], stdin=subprocess.DEVNULL, timeout=60)
    ended = time.monotonic() + 20
    while True:
        try:
            return _take(tmp_path / "masks.h5")
        except OutputLockedError:
            if time.monotonic() > ended:
                raise
            time.sleep(0.05)


def test_a_lock_of_another_machine_is_never_taken_over(tmp_path):
    path = lock_path(tmp_path / "masks.h5")
    path.write_text(json.dumps({"pid": 7, "host": "elsewhere", "since": "yesterday", "command": "wsegs masks\n"}))
    expected = r"process 7 on elsewhere since yesterday \(wsegs masks\?\) writes it, or left .* if it has ended, remove"
    with pytest.raises(OutputLockedError, match=expected) as caught:
        _take(tmp_path / "masks.h5")
    assert str(path) in str(caught.value)
    path.unlink()
    _take(tmp_path / "masks.h5")


@pytest.mark.parametrize(
    "content", ["", "{", "[" * 100_000, '"text"', "\0\xff", json.dumps({"host": socket.gethostname()})]
)
def test_what_a_crash_left_of_a_lock_is_taken_over(tmp_path, content):
    lock_path(tmp_path / "masks.h5").write_text(content)
    _take(tmp_path / "masks.h5")


def test_one_process_holds_an_output_once_and_keeps_it(hold, tmp_path):
    refused = []

    def second() -> None:
        try:
            _take(tmp_path / "masks.h5")
        except OutputLockedError:
            refused.append(True)

    with lock_output(tmp_path / "masks.h5"):
        second()
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
        with pytest.raises(AssertionError):  # another process finds it locked still
            hold()
    assert refused == [True, True]


@pytest.mark.slow
def test_of_many_at_once_one_at_a_time_writes(tmp_path):
    counter = tmp_path / "counter"
    counter.write_text("0")
    writers = [subprocess.Popen([sys.executable, "-c", COUNT, str(counter)]) for _ in range(4)]
    assert [writer.wait(60) for writer in writers] == [0] * 4
    assert counter.read_text() == "160"
    assert [path.name for path in tmp_path.iterdir()] == ["counter"]


def test_a_function_locks_its_output(tmp_path):
    def is_locked(output: Path) -> bool:
        return lock_path(output).exists()

    assert locks_output()(is_locked)(tmp_path / "a")
    assert locks_output()(is_locked)(output=tmp_path / "a")
    assert not locks_output(when=lambda: False)(is_locked)(tmp_path / "a")


def test_without_file_locks_the_file_is_the_lock(tmp_path, without_file_locks):
    path = lock_path(tmp_path / "a").with_suffix(".lock.soft")
    with lock_output(tmp_path / "a"):
        assert [file.name for file in tmp_path.iterdir()] == [path.name]
        with pytest.raises(OutputLockedError, match=rf"process {os.getpid()} on .* if it has ended, remove .*\.soft"):
            _take(tmp_path / "a")
    assert not list(tmp_path.iterdir())
    path.write_text("7\nelsewhere\n")
    with pytest.raises(OutputLockedError, match=r"process 7 on elsewhere .* if it has ended, remove"):
        _take(tmp_path / "a")
    path.write_text(f"4194305\n{socket.gethostname()}\n")  # a number that Linux never gives: its process was killed
    with suppress(OutputLockedError):  # the first look only notes it
        _take(tmp_path / "a")
    _take(tmp_path / "a")


def test_a_drive_that_turned_read_only_is_told_of_by_the_writer(tmp_path, monkeypatch):
    def refuse(self, missing_ok=False):
        raise OSError(errno.EROFS, "Read-only file system", str(self))

    @locks_output()
    def write(output):
        monkeypatch.setattr(Path, "unlink", refuse)
        raise OSError(errno.EROFS, "Read-only file system", "m.h5.partial")

    with pytest.raises(OSError, match=r"Read-only.*m\.h5\.partial"):
        write(tmp_path / "m.h5")


def test_a_folder_that_was_made_for_the_lock_alone_goes_with_it(tmp_path):
    _take(tmp_path / "a" / "b" / "masks.h5")
    assert not list(tmp_path.iterdir())
    with lock_output(tmp_path / "a" / "b" / "masks.h5"):
        (tmp_path / "a" / "b" / "masks.h5").touch()
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["masks.h5"]
