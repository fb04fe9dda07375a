from __future__ import annotations

import errno
import os

import pytest

from wsegs.errors import DataError, OptionError
from wsegs.io.journal import Journal

KIND = "test 1"
HEADER = {"rules": "abc", "size": (218, 178)}
BLOCKS = [b"one", b"", b"three" * 1000]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "m.h5.partial"
    with Journal(path, KIND, HEADER, force=False) as journal:
        assert not journal.resumed
        journal.append([b"o", b"ne"])
        journal.append([])
        journal.append([BLOCKS[2]])
    return path


def test_blocks_are_there_again(path):
    with Journal(path, KIND, HEADER, force=False) as journal:
        assert journal.resumed
        assert list(journal.blocks()) == BLOCKS
        journal.append([b"four"])
        assert list(journal.blocks()) == [*BLOCKS, b"four"]
    with Journal(path, KIND, HEADER, force=False) as journal:
        assert list(journal.blocks()) == [*BLOCKS, b"four"]
        journal.remove()
    assert not path.exists()


def test_a_torn_tail_is_dropped_at_any_byte(path):
    whole = path.read_bytes()
    for cut in [*range(1, 20), *range(20, 5016, 499)]:
        path.write_bytes(whole[:-cut])
        with Journal(path, KIND, HEADER, force=False) as journal:
            assert list(journal.blocks()) == BLOCKS[:2]
            journal.append([BLOCKS[2]])
        assert path.read_bytes() == whole


def test_a_flipped_byte_is_not_believed(path):
    whole = path.read_bytes()
    for place in (1, 10, 5000, 5010, 5016):  # of the last block: payload, length, checksum, mark
        data = bytearray(whole)
        data[-place] ^= 1
        path.write_bytes(data)
        with Journal(path, KIND, HEADER, force=False) as journal:
            assert list(journal.blocks()) == BLOCKS[:2]


def test_other_input_is_an_error_unless_forced(path):
    other = {**HEADER, "rules": "xyz"}
    with pytest.raises(OptionError, match=r'm\.h5\.partial: an unfinished .*rules was "abc", is "xyz".*--force'):
        Journal(path, KIND, other, force=False)
    with Journal(path, KIND, other, force=True) as journal:
        assert not journal.resumed
    with Journal(path, KIND, other, force=False) as journal:
        assert list(journal.blocks()) == []


def test_a_file_that_is_no_journal_is_kept(path):
    path.write_text('{"format": "other"}\n')
    with pytest.raises(DataError, match="not the journal"):
        Journal(path, KIND, HEADER, force=False)
    assert path.read_text() == '{"format": "other"}\n'


def test_a_torn_first_line_is_begun_anew(path):
    path.write_bytes(path.read_bytes()[:10])
    with Journal(path, KIND, HEADER, force=False) as journal:
        assert list(journal.blocks()) == []


def test_what_is_wrong_is_said_once_by_the_first_to_notice(path, monkeypatch):
    def refuse(descriptor):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match=r"Read-only file system: .*m\.h5\.partial"):
        Journal(path, KIND, HEADER, force=False).__exit__(None, None, None)
    with pytest.raises(KeyError), Journal(path, KIND, HEADER, force=False):
        raise KeyError
    monkeypatch.undo()
    with Journal(path, KIND, HEADER, force=False) as journal:
        assert list(journal.blocks()) == BLOCKS
