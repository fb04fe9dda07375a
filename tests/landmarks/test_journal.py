from __future__ import annotations

import numpy as np
import pytest
from wsegs.landmarks.journal import Journal, record_type

from wsegs.errors import DataError, OptionError

HEADER = {"images": "abc", "options": {"max_side": 1024, "detectors": ("dlib",)}}


def _records(*rows: int) -> np.ndarray:
    records = np.zeros(len(rows), record_type(68))
    records["index"] = rows
    records["landmarks"] = np.array(rows, np.float32)[:, None, None] + 0.5
    return records


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "l.h5.partial"
    with Journal(path, HEADER, 10, 68, force=False) as journal:
        journal.append(_records(3, 1))
        journal.append(_records(7))
    return path


def test_records_are_there_again(path):
    with Journal(path, HEADER, 10, 68, force=False) as journal:
        assert np.flatnonzero(journal.done).tolist() == [1, 3, 7]
        assert (journal.records["landmarks"][3] == 3.5).all()
        journal.append(_records(0))
    with Journal(path, HEADER, 10, 68, force=False) as journal:
        assert np.flatnonzero(journal.done).tolist() == [0, 1, 3, 7]
        journal.remove()
    assert not path.exists()


def test_a_torn_tail_is_dropped_at_any_byte(path):
    whole = path.read_bytes()
    for cut in range(1, record_type(68).itemsize + 4, 97):
        path.write_bytes(whole[:-cut])
        with Journal(path, HEADER, 10, 68, force=False) as journal:
            assert np.flatnonzero(journal.done).tolist() == [1, 3]
            journal.append(_records(7))
        assert path.read_bytes() == whole


def test_a_record_with_a_flipped_byte_is_not_believed(path):
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)
    with Journal(path, HEADER, 10, 68, force=False) as journal:
        assert np.flatnonzero(journal.done).tolist() == [1, 3]


def test_other_options_are_an_error_unless_forced(path):
    other = {**HEADER, "options": {"max_side": 512, "detectors": ["dlib"]}}
    with pytest.raises(OptionError, match=r"options was .*1024.*, is .*512.*--force"):
        Journal(path, other, 10, 68, force=False)
    with Journal(path, other, 10, 68, force=True) as journal:
        assert not journal.done.any()


def test_a_header_cut_short_begins_anew(path):
    path.write_bytes(path.read_bytes()[:20])
    with Journal(path, HEADER, 10, 68, force=False) as journal:
        assert not journal.done.any()


def test_a_file_that_is_no_journal_is_not_overwritten(path):
    path.write_text("dear diary\n")
    with pytest.raises(DataError, match="not the journal"):
        Journal(path, HEADER, 10, 68, force=False)
    assert path.read_text() == "dear diary\n"


@pytest.mark.parametrize("line", ["[" * 900_000 + "\n", '{"a":' * 50_000 + "\n"])
def test_deep_json_is_no_journal(tmp_path, line):
    """Found by fuzzing: a RecursionError."""
    (tmp_path / "l.h5.partial").write_text(line)
    with pytest.raises(DataError, match=r"l\.h5\.partial: not the journal of an unfinished run"):
        Journal(tmp_path / "l.h5.partial", HEADER, 10, 68, force=False)
