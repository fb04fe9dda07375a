"""Work that is done so far, on disk: an append-only file of checksummed blocks, from which an interrupted run goes on.

The file is a line of JSON that says what the run is, then blocks. A block that was torn by a crash is dropped, with all
that follows it.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from wsegs.errors import DataError, OptionError

_MAX_HEADER = 1 << 20
Self = TypeVar("Self", bound="Journal")
_BLOCK = struct.Struct("<4sIQ")  # mark, crc32 and length of what follows
_MARK = b"wseg"


class Journal:
    """An append-only file of blocks; a context manager that closes it.

    Attributes
    ----------
    path
        The file.
    resumed
        Whether an earlier run left blocks in it.
    """

    def __init__(self, path: Path, kind: str, header: dict[str, Any], *, force: bool) -> None:
        """Open the journal of a run, a new one or the one that an interrupted run left.

        Parameters
        ----------
        path
            The file.
        kind
            Name and version of what the blocks are.
        header
            All that decides the result, as JSON can hold it.
        force
            Drop what was left by a run with another header.

        Raises
        ------
        OptionError
            If what is left is of another header and ``force`` is false.
        DataError
            If the file is no journal.
        """
        self.path = path
        header = {"format": kind, **json.loads(json.dumps(header))}
        self._begin = end_of_header(path, header, force=force) if path.exists() else 0
        self._file = path.open("r+b" if self._begin else "w+b")
        if not self._begin:
            self._file.write(json.dumps(header, sort_keys=True).encode() + b"\n")
            self._file.flush()
            self._begin = self._file.tell()
        self._end = self._begin
        for block in self._read(os.fstat(self._file.fileno()).st_size):
            self._end += _BLOCK.size + len(block)
        self.resumed = self._end > self._begin
        self._file.truncate(self._end)
        self._file.seek(self._end)

    def append(self, parts: Sequence[bytes]) -> None:
        """Add a block, given in parts; it outlives the process from here on."""
        block = b"".join(parts)
        self._file.write(_BLOCK.pack(_MARK, zlib.crc32(block), len(block)))
        self._file.write(block)
        self._file.flush()
        self._end += _BLOCK.size + len(block)

    def blocks(self) -> Iterator[bytes]:
        """Yield every block, in order."""
        yield from self._read(self._end)
        self._file.seek(self._end)

    def remove(self) -> None:
        """Delete the file, once the run's output is in place."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file.closed:
            return
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as refused:
            if error is None:  # else it says what is wrong already
                raise OSError(refused.errno, refused.strerror, str(self.path)) from None
        finally:
            with suppress(OSError):  # which would try again
                self._file.close()

    def _read(self, end: int) -> Iterator[bytes]:
        """Yield blocks up to the first that is torn or goes beyond ``end``."""
        self._file.seek(self._begin)
        place = self._begin
        while place + _BLOCK.size <= end:
            mark, check, length = _BLOCK.unpack(self._file.read(_BLOCK.size))
            place += _BLOCK.size + length
            if mark != _MARK or place > end:
                return
            block = self._file.read(length)
            if zlib.crc32(block) != check:
                return
            yield block


def end_of_header(path: Path, header: dict[str, Any], *, force: bool) -> int:
    """Return where the header of a journal ends that a run left, 0 if the journal is to be written anew.

    Parameters
    ----------
    path
        The file, which exists.
    header
        What its first line must be, as JSON holds it; ``format`` is the kind of journal.
    force
        Write it anew if the header is another.

    Raises
    ------
    OptionError
        If the header is another and ``force`` is false.
    DataError
        If the file is no journal of that kind.
    """
    with path.open("rb") as file:
        line = file.readline(_MAX_HEADER)
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not line.endswith(b"\n") or not isinstance(found, dict) or found.get("format") != header["format"]:
        # A crash between creating the file and writing its first line leaves less than a line.
        if force or not line.endswith(b"\n"):
            return 0
        raise DataError(f"{path}: not the journal of an unfinished run; --force replaces it")
    if found == header:
        return len(line)
    if force:
        return 0
    raise OptionError(
        f"{path}: an unfinished run with other input ({_difference(found, header)});"
        " repeat its options to go on, or --force to begin anew"
    )


def _difference(found: dict[str, Any], wanted: dict[str, Any]) -> str:
    """Name the first entry that differs, with both values."""
    for key in sorted({*found, *wanted}):
        old, new = (json.dumps(header.get(key), sort_keys=True) for header in (found, wanted))
        if old != new:
            short = len(old) + len(new) < 120
            return f"{key} was {old}, is {new}" if short else f"{key} differs"
    return "unknown"
