"""How much a command says, and the file in which it keeps what it said."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any, TextIO

_VARIABLE = "WSEGS_VERBOSITY"  # an environment variable, which worker processes inherit

LOG: list[LogFile] = []
"""The log of this command, if it has one."""


def set_verbosity(level: int) -> None:
    """Say how much a command says: -1 results and errors alone, 0 notes and progress too, 1 details as well."""
    os.environ[_VARIABLE] = str(level)


def verbosity() -> int:
    """Return what :func:`set_verbosity` was told; 0 where it was not."""
    text = os.environ.get(_VARIABLE, "0")
    return int(text) if text in ("-1", "0", "1") else 0


def say_progress(line: str) -> None:
    """Write a line about progress: on standard error, or where that is a terminal, which has bars, into the log."""
    if verbosity() < 0:
        return
    if not sys.stderr.isatty():
        print(line, file=sys.stderr, flush=True)
    else:
        for log in LOG:
            log.add(f"{line}\n")


class LogFile:
    """Appends lines to a file, each with the time; bars that are drawn over themselves are left out."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[str] = path.open("a", encoding="utf-8", errors="backslashreplace")
        self._begun = ""

    def add(self, text: str) -> None:
        """Add text; a line is written when it is whole."""
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            if "\r" not in line and line.strip():
                self._file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}\n")
        self._file.flush()

    def close(self) -> None:
        """Write what is left, and close."""
        if self._begun:
            self.add("\n")
        self._file.close()


class Stream:
    """A stream that is copied into a log, and that is no terminal where a command is quiet, so that it has no bars."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write to the stream and to the log."""
        for log in LOG:
            log.add(text)
        return self._stream.write(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def isatty(self) -> bool:
        """Return whether bars may be drawn."""
        return verbosity() >= 0 and self._stream.isatty()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def begin_messages(log: LogFile | None = None) -> None:
    """Copy what this process prints into a log, and draw no bars where it is quiet."""
    if log is not None:
        LOG.append(log)
    for name in ("stdout", "stderr"):
        if not isinstance(getattr(sys, name), Stream):
            setattr(sys, name, Stream(getattr(sys, name)))


def end_messages() -> None:
    """Undo :func:`begin_messages`."""
    os.environ.pop(_VARIABLE, None)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, Stream):
            setattr(sys, name, stream._stream)
    while LOG:
        LOG.pop().close()
