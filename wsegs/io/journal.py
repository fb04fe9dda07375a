"""Keep the finished work of a run on disk, so that an interrupted run goes on where it was.

A journal is an SQLite database beside the output, ``masks.h5.partial``: a header that says which inputs and options the
work is for, and a value of bytes for each key, a row of the output. Each :meth:`Journal.write` is one transaction. A
process that is killed loses at most the last; so does a machine whose power fails, since SQLite's write-ahead log drops
what the disk did not get.

Only the holder of the output's lock (:mod:`wsegs.io.lock`) opens a journal. SQLite therefore locks nothing itself and
shares no memory between processes, so that its write-ahead log works on network drives, too.
"""

from __future__ import annotations

import json
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from wsegs.errors import DataError, OptionError, WsegsError

_TABLES = """
CREATE TABLE header (text TEXT NOT NULL);
CREATE TABLE work (key INTEGER PRIMARY KEY, crc32 INTEGER NOT NULL, value BLOB NOT NULL);
"""


class Journal:
    """The values that a run has finished, by key; a context manager that closes the file.

    A journal without values is removed when it is closed: there is nothing to go on from.

    Attributes
    ----------
    path
        The file.
    """

    def __init__(self, path: Path, kind: str, header: dict[str, Any], *, force: bool) -> None:
        """Open the journal that an interrupted run left, or a new one.

        Parameters
        ----------
        path
            The file.
        kind
            Name and version of what the values are.
        header
            All inputs and options that decide the result, as JSON can hold them.
        force
            Drop what a run with another header left, and files that are no journal.

        Raises
        ------
        OptionError
            If the header differs and ``force`` is false.
        DataError
            If the file is damaged or no journal, and ``force`` is false.
        WsegsError
            If it cannot be written.
        """
        self.path = path
        header = {"format": kind, **json.loads(json.dumps(header))}
        text = json.dumps(header, sort_keys=True)
        try:
            found = self._open()
            if found not in ("", text):
                self._connection.close()
                if not force:
                    raise _refusal(path, found, header)
                self._delete()
                found = self._open()
            if not found:
                with self._connection:
                    self._connection.executescript(f"BEGIN;{_TABLES}")
                    self._connection.execute("INSERT INTO header VALUES (?)", [text])
        except sqlite3.Error as error:
            self._close()
            raise WsegsError(f"{path}: {error}") from error

    def write(self, values: Iterable[tuple[int, bytes]]) -> None:
        """Keep values under their keys; from here on they outlive the process.

        Raises
        ------
        WsegsError
            If they cannot be written, on a full disk for example; what was written before is kept.
        """
        rows = ((key, _checksum(key, value), value) for key, value in values)
        try:
            with self._connection:
                self._connection.executemany("INSERT OR REPLACE INTO work VALUES (?, ?, ?)", rows)
        except sqlite3.Error as error:
            kept = "what was done is kept there"
            with suppress(sqlite3.Error):
                kept = "nothing was done before" if self.is_empty() else kept
            raise WsegsError(f"{self.path}: {error}; {kept}: run the same command again when that is mended") from error

    def read(self) -> Iterator[tuple[int, bytes]]:
        """Yield keys and their values in the order of the keys, without values that are damaged."""
        for key, crc32, value in self._connection.execute("SELECT key, crc32, value FROM work ORDER BY key"):
            if isinstance(value, bytes) and crc32 == _checksum(key, value):
                yield key, value

    def is_empty(self) -> bool:
        """Tell whether no value is kept."""
        return self._connection.execute("SELECT key FROM work LIMIT 1").fetchone() is None

    def remove(self) -> None:
        """Delete the file, once the run's output is in place."""
        self._connection.close()
        self._delete()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(sqlite3.Error, OSError):  # closed already, or a drive that turned read-only
            if self.is_empty():  # the file is asked: an interrupt may come between a write and any count of it
                self.remove()
        self._close()

    def _open(self) -> str:
        """Open the file and return the text of its header: empty if the file is new, "?" if it is no journal."""
        system = "&vfs=unix-none" if os.name == "posix" else ""  # SQLite locks nothing itself
        self._connection = sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=rwc{system}", uri=True)
        self._connection.text_factory = lambda text: text.decode("utf-8", "replace")
        try:
            # Exclusive before anything is read: then the index of the log is in this process's memory, not in a file.
            self._set("page_size=16384", "locking_mode=EXCLUSIVE")
            found, state = [("",)], [("ok",)]
            if self._connection.execute("SELECT 1 FROM sqlite_master").fetchall():
                state = self._connection.execute("PRAGMA quick_check(1)").fetchall()
                found = self._connection.execute("SELECT text FROM header").fetchall()
            if state != [("ok",)] or len(found) != 1:
                return "?"
            self._set("journal_mode=WAL", "synchronous=NORMAL")
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            if type(error) is not sqlite3.OperationalError or "no such" in str(error):  # it is not the drive that fails
                return "?"
            raise
        return str(found[0][0])

    def _set(self, *settings: str) -> None:
        for setting in settings:
            self._connection.execute(f"PRAGMA {setting}").fetchall()

    def _close(self) -> None:
        with suppress(AttributeError, sqlite3.Error):  # never opened, or a drive that fails, which was an error before
            self._connection.close()

    def _delete(self) -> None:
        for suffix in ("", "-wal", "-journal"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)


def _checksum(key: int, value: bytes) -> int:
    return zlib.crc32(value, zlib.crc32(key.to_bytes(8, "little", signed=True)))


def _refusal(path: Path, text: str, wanted: dict[str, Any]) -> WsegsError:
    """Return the error of a journal with another header, which names the first entry that differs."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or found.get("format") != wanted["format"]:
        return DataError(f"{path}: not the journal of an unfinished run; --force replaces it")
    difference = "unknown"
    for key in sorted({*found, *wanted}):
        old, new = (json.dumps(header.get(key), sort_keys=True) for header in (found, wanted))
        if old != new:
            difference = f"{key} was {old}, is {new}" if len(old) + len(new) < 120 else f"{key} differs"
            break
    return OptionError(
        f"{path}: an unfinished run with other input ({difference});"
        " repeat its options to go on, or --force to begin anew"
    )
