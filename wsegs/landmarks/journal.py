"""What a run has found so far, on disk: an interrupted run goes on where it was.

``landmarks.h5.partial`` is a line of JSON that says which images and options the run is for, then one record of fixed
size and its checksum an image, in the order in which the workers finished. It is only ever appended to. A record that
was torn by a crash is dropped with all that follows it, and its image is done again.
"""

from __future__ import annotations

import contextlib
import json
import os
import zlib
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsegs.errors import WsegsError
from wsegs.io.journal import end_of_header

FORMAT = "wsegs-landmarks-journal 1"


def record_type(points: int) -> np.dtype[Any]:
    """Return the record of one image with ``points`` landmarks."""
    return np.dtype(
        [
            ("index", "<u4"),
            ("status", "u1"),
            ("faces", "<i2"),
            ("box", "<f4", (4,)),
            ("image_size", "<i4", (2,)),
            ("landmarks", "<f4", (points, 2)),
            ("reason", "S120"),  # why an image is unreadable, UTF-8
        ]
    )


class Journal:
    """An append-only file of records; a context manager that closes it.

    Attributes
    ----------
    path
        The file.
    records
        (N,) array of :func:`record_type`, row i for image i.
    done
        (N,) bool: which rows are there.
    """

    def __init__(self, path: Path, header: dict[str, Any], count: int, points: int, *, force: bool) -> None:
        """Open the journal of a run, a new one or the one that an interrupted run left.

        Raises
        ------
        OptionError
            If what it left is of other images or options and ``force`` is false.
        DataError
            If the file is no journal.
        """
        self.path = path
        self.records: NDArray[Any] = np.zeros(count, record_type(points))
        self.done = np.zeros(count, bool)
        header = {"format": FORMAT, **json.loads(json.dumps(header))}
        start = self._resume(header, force) if path.exists() else 0
        # Unbuffered, since a buffer that a full disk has refused would be refused again on closing.
        self._file = path.open("r+b" if start else "wb", buffering=0)
        if start:
            self._file.truncate(start)
            self._file.seek(start)
        else:
            self._write(json.dumps(header, sort_keys=True).encode() + b"\n")

    def append(self, records: NDArray[Any]) -> None:
        """Add records; they outlive the process from here on.

        Raises
        ------
        WsegsError
            If they cannot be written, on a full disk for example; what was added before is kept.
        """
        blocks = [record.tobytes() for record in records]
        self._write(b"".join(block + zlib.crc32(block).to_bytes(4, "little") for block in blocks))
        self._keep(records)

    def remove(self) -> None:
        """Delete the file, once the run's output is in place."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._file.closed:
            with contextlib.suppress(OSError):  # no news: what was not written has been an error before
                os.fsync(self._file.fileno())
            self._file.close()

    def _write(self, data: bytes) -> None:
        try:
            left = memoryview(data)
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise WsegsError(
                f"{self.path}: {error.strerror}; {self.done.sum()} images are kept there:"
                " run the same command again when that is mended"
            ) from error

    def _keep(self, records: NDArray[Any]) -> None:
        self.records[records["index"]] = records
        self.done[records["index"]] = True

    def _resume(self, header: dict[str, Any], force: bool) -> int:
        """Load what is whole and return where it ends; 0 to begin anew."""
        begin = end_of_header(self.path, header, force=force)
        if not begin:
            return 0
        with self.path.open("rb") as file:
            file.seek(begin)
            return begin + self._load(file.read())

    def _load(self, data: bytes) -> int:
        """Keep the records of ``data`` up to the first that is torn; return their length in bytes."""
        size = self.records.dtype.itemsize
        end = 0
        while end + size + 4 <= len(data):
            block, check = data[end : end + size], data[end + size : end + size + 4]
            if zlib.crc32(block) != int.from_bytes(check, "little"):
                break
            record: NDArray[Any] = np.frombuffer(block, self.records.dtype)
            if record["index"][0] >= len(self.records):
                break
            self._keep(record)
            end += size + 4
        return end
