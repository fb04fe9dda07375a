"""Outputs that are complete or absent."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from wsegs.io.files import atomic_write, remove_abandoned, shortened
from wsegs.io.lock import lock_output, lock_path

WRITE = """
import os, signal, sys
from wsegs.io.files import atomic_write
with atomic_write(sys.argv[1]) as temporary:
    temporary.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def _killed(output: Path) -> None:
    """Have a process die while it writes."""
    ended = subprocess.run([sys.executable, "-c", WRITE, str(output)], check=False)
    assert ended.returncode == -signal.SIGKILL


@pytest.mark.parametrize("name", ["masks.h5", "a [b] *.tar.gz", "run", f"{'x' * 251}.png", "é" * 127])
def test_what_a_killed_writer_left_goes_with_the_next_lock(tmp_path, name):
    output = tmp_path / name
    _killed(output)
    assert len(list(tmp_path.iterdir())) == 1  # under a temporary name
    with lock_output(output):
        assert list(tmp_path.iterdir()) == [lock_path(output)]
    assert not list(tmp_path.iterdir())


def test_nobody_elses_file_is_removed(tmp_path):
    output = tmp_path / "masks.h5"
    kept = [
        tmp_path / name
        for name in (
            f".masks.{os.getpid()}.writing.h5",  # of a process that runs
            ".masks.x.writing.h5",
            ".masks.4194305.writing.csv",
            ".other.4194305.writing.h5",
            "masks.4194305.writing.h5",
        )
    ]
    for path in kept:
        path.write_bytes(b"kept")
    left = tmp_path / ".masks.4194305.writing.h5"  # above the highest number that Linux gives to a process
    left.write_bytes(b"half")
    remove_abandoned(output)
    assert sorted(tmp_path.iterdir()) == sorted(kept)


def test_an_abandoned_folder_is_removed(tmp_path):
    folder = tmp_path / ".run.4194305.writing"
    folder.mkdir()
    (folder / "run.json").write_text("{")
    remove_abandoned(tmp_path / "run")
    assert not folder.exists()


def test_bytes_are_on_the_disk_before_the_name_is(tmp_path, monkeypatch):
    output, seen = tmp_path / "masks.h5", []

    def fsync(descriptor: int) -> None:
        seen.append((output.exists(), os.pread(descriptor, 9, 0)))

    monkeypatch.setattr(os, "fsync", fsync)
    with atomic_write(output) as temporary:
        temporary.write_bytes(b"whole")
    assert seen == [(False, b"whole")]
    assert output.read_bytes() == b"whole"


def test_a_drive_that_turned_read_only_is_told_of_by_the_writer(tmp_path, monkeypatch):
    def write():
        with atomic_write(tmp_path / "masks.h5") as temporary:
            temporary.write_bytes(b"half")
            monkeypatch.setattr(Path, "unlink", refuse)
            refuse()

    def refuse(*_, missing_ok=False):
        raise OSError(errno.EROFS, "Read-only file system")

    with pytest.raises(OSError, match=r"Read-only file system: .*/masks\.h5'") as caught:
        write()
    assert caught.value.errno == errno.EROFS


@pytest.mark.parametrize("name", [f"{'x' * 251}.png", f"{'é' * 125}.png", "日" * 85, f"a.{'b' * 253}"])
def test_a_name_of_255_bytes_is_written_under_a_shorter_one(tmp_path, name):
    assert len(os.fsencode(name)) >= 254
    with atomic_write(tmp_path / name) as temporary:
        assert temporary.name.startswith(".")
        temporary.write_text("whole")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_cut_name_is_one_of_its_own():
    names = [f"{'é' * 140}{end}.jpeg" for end in "ab"]
    short = [shortened(name) for name in names]
    assert len({*short}) == 2
    for name in short:
        assert name.endswith(".jpeg")
        assert 250 < len(name.encode()) <= 255  # and no half character
    assert shortened("photo.png") == "photo.png"
    assert len(os.fsencode(shortened("x" * 255, room=40))) == 215
