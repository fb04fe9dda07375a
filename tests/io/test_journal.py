"""A journal keeps each write, whatever ends the process, and never gives back what was not written."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import suppress

import pytest

from wsegs.errors import DataError, OptionError, WsegsError
from wsegs.io.journal import Journal

KIND = "test 1"
HEADER = {"rules": "abc", "options": {"size": (218, 178)}}
VALUES = [(3, b"three"), (7, b""), (12, b"twelve" * 5000)]


def _open(path, header=HEADER, *, kind=KIND, force=False) -> Journal:
    return Journal(path, kind, header, force=force)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "ä 100%?.h5.partial"  # as a URI it needs quotes
    with _open(path) as journal:
        journal.write([VALUES[2], VALUES[0]])
        journal.write([VALUES[1]])
    return path


def test_values_are_there_again_in_order(path):
    with _open(path) as journal:
        assert list(journal.read()) == VALUES
        journal.write([(5, b"five"), (3, b"other")])
    with _open(path) as journal:
        assert list(journal.read()) == [(3, b"other"), (5, b"five"), *VALUES[1:]]
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    with _open(path) as journal:
        journal.remove()
    assert not list(path.parent.iterdir())


def test_an_interrupt_drops_the_write_it_falls_into_whole_and_no_other(tmp_path):
    def interrupted():
        yield 1, b"second"
        raise KeyboardInterrupt

    def write():
        with _open(tmp_path / "m.partial") as journal:
            journal.write([(0, b"first")])
            journal.write(interrupted())

    with pytest.raises(KeyboardInterrupt):
        write()
    with _open(tmp_path / "m.partial") as journal:
        assert list(journal.read()) == [(0, b"first")]


def test_a_journal_without_values_leaves_no_file(tmp_path):
    with _open(tmp_path / "m.partial"):
        assert list(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())


WRITE = """
import os, signal, sys
from pathlib import Path
from wsegs.io.journal import Journal
journal = Journal(Path(sys.argv[1]), "test 1", {}, force=False)
for key in range(int(sys.argv[2])):
    journal.write([(key, bytes([key]) * 100_000)])
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("writes", [0, 1, 300])  # the last is more than the log keeps before SQLite copies it
def test_kill_9_loses_nothing_that_was_written(tmp_path, writes):
    path = tmp_path / "m.partial"
    killed = subprocess.run([sys.executable, "-c", WRITE.replace("[key]", "[key % 256]"), str(path), str(writes)])
    assert killed.returncode == -signal.SIGKILL
    with Journal(path, KIND, {}, force=False) as journal:
        assert list(journal.read()) == [(key, bytes([key % 256]) * 100_000) for key in range(writes)]


def test_a_flipped_byte_is_never_believed(path):
    whole = path.read_bytes()
    for place in range(0, len(whole), 997):
        damaged = bytearray(whole)
        damaged[place] ^= 4
        path.write_bytes(damaged)
        with suppress(DataError, OptionError), _open(path) as journal:
            assert set(journal.read()) <= set(VALUES)
        path.with_name(path.name + "-wal").unlink(missing_ok=True)


def test_other_input_is_an_error_unless_forced(path):
    other = {**HEADER, "rules": "xyz"}
    with pytest.raises(OptionError, match=r'h5\.partial: an unfinished .*rules was "abc", is "xyz".*--force'):
        _open(path, other)
    with _open(path, other, force=True) as journal:
        assert list(journal.read()) == []
        journal.write([(0, b"new")])
    with _open(path, other) as journal:
        assert list(journal.read()) == [(0, b"new")]


@pytest.mark.parametrize(
    "content", [b"dear diary\n", b'{"format": "other"}\n', b"[" * 900_000, b"SQLite format 3\0" + bytes(5000)]
)
def test_a_file_that_is_no_journal_is_kept(path, content):
    path.write_bytes(content)
    with pytest.raises(DataError, match="not the journal of an unfinished run; --force"):
        _open(path)
    assert path.read_bytes() == content
    with _open(path, force=True) as journal:
        assert list(journal.read()) == []


def test_another_database_or_kind_is_no_journal(tmp_path, path):
    with pytest.raises(DataError, match="not the journal"):
        _open(path, kind="test 2")
    other = tmp_path / "places.sqlite"
    database = sqlite3.connect(other)
    database.execute("CREATE TABLE header (name)")
    database.close()
    content = other.read_bytes()
    with pytest.raises(DataError, match=r"places\.sqlite: not the journal"):
        _open(other)
    assert other.read_bytes() == content


@pytest.mark.parametrize(("text", "damaged"), [(b'"abc"', b'"\xffbc"'), (b"header (text", b"h\xff\xffder (text")])
def test_texts_that_are_not_utf_8_are_refused(path, text, damaged):
    """Found by fuzzing: a UnicodeDecodeError."""
    path.write_bytes(path.read_bytes().replace(text, damaged))
    with pytest.raises(WsegsError, match=r"h5\.partial: (not the journal|an unfinished run with other input)"):
        _open(path)


def test_an_empty_file_is_begun_anew(path):
    path.write_bytes(b"")  # a crash right behind its creation
    with _open(path) as journal:
        assert list(journal.read()) == []


def test_what_cannot_be_written_is_one_line(tmp_path):
    with pytest.raises(WsegsError, match=r"m\.partial: unable to open database file"):
        _open(tmp_path / "missing" / "m.partial")
    with _open(tmp_path / "m.partial") as journal:
        journal.write([(0, b"first")])
        journal._connection.execute("PRAGMA query_only=ON")  # a drive that turned read-only
        with pytest.raises(
            WsegsError, match=r"m\.partial: attempt to write a readonly database; what was done is kept"
        ):
            journal.write([(1, b"second")])
    with _open(tmp_path / "m.partial") as journal:
        assert list(journal.read()) == [(0, b"first")]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file systems without locks")
def test_no_locks_and_no_shared_memory_are_needed(path, tmp_path):
    """As on a network drive: a lock of somebody else does not matter, and there is no file of shared memory."""
    import fcntl

    with path.open("r+b") as held, _open(path) as journal:
        fcntl.lockf(held, fcntl.LOCK_EX)
        journal.write([(0, b"first")])
        assert sorted(file.name for file in tmp_path.iterdir()) == [path.name, f"{path.name}-wal"]
