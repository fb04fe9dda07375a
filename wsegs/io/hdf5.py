"""Open and create HDF5 files; the only module that does.

Files are created in the format of HDF5 1.10, most of whose structures carry checksums, with digests in a user block
(:mod:`wsegs.io.integrity`), and are complete or absent.

HDF5 locks the files that it opens. Some network drives have no locks, and opening fails there. The library's own
variable ``HDF5_USE_FILE_LOCKING`` turns locking off, and ``wsegs --no-hdf5-locking`` sets it, for worker processes too.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any

import h5py

from wsegs.io.files import atomic_write
from wsegs.io.integrity import LOCKING_VARIABLE, USER_BLOCK, write_digests
from wsegs.io.processes.subprocess_call import call_in_subprocess

_found_readable: set[tuple[str, int, int]] = set()


def open_hdf5(path: str | os.PathLike[str], rdcc_nbytes: int | None = None) -> h5py.File:
    """Open an HDF5 file to read.

    Parameters
    ----------
    path
        The file.
    rdcc_nbytes
        Bytes of the chunk cache, as in :class:`h5py.File`.

    Raises
    ------
    OSError
        If it cannot be read or is no HDF5 file.
    """
    try:
        return h5py.File(path, "r", locking=_locking(), rdcc_nbytes=rdcc_nbytes)
    except OSError as error:
        if "unable to lock file" not in str(error):
            raise
        raise OSError(
            f"{error}; open for writing elsewhere, or its drive has no locks: wsegs --no-hdf5-locking reads it anyway"
        ) from error


def reason_of(error: BaseException) -> str:
    """Return the first line of an error of h5py or libhdf5."""
    return (str(error).strip("'\"") or type(error).__name__).splitlines()[0]


def check_readable(path: str | os.PathLike[str]) -> None:
    """Read an HDF5 file without digests in a subprocess first, once: damage may send libhdf5 into an endless loop.

    Worker processes skip this, since their parent has opened the file before.

    Raises
    ------
    SubprocessError
        If it cannot be read.
    """
    status = Path(path).stat()
    key = (os.path.abspath(path), status.st_mtime_ns, status.st_size)  # noqa: PTH100
    if key in _found_readable or multiprocessing.parent_process() is not None:
        return
    call_in_subprocess("wsegs.io.hdf5:read_all_but_chunks", key[0], seconds=30 + status.st_size / 1e6)
    _found_readable.add(key)


def read_all_but_chunks(path: str) -> bytes:
    """Read every attribute, and every dataset that is not stored in chunks; called in a subprocess."""
    with h5py.File(path, "r", locking=_locking()) as file:
        dict(file.attrs)
        for name in file:
            item = file[name]
            if isinstance(item, h5py.Dataset):
                dict(item.attrs)
                if item.chunks is None:
                    item[()]
    return b""


class WrittenFile(h5py.File):  # type: ignore[misc]
    """An HDF5 file that is being written."""

    sink: _Sink

    def write_chunk(self, dataset: h5py.h5d.DatasetID, offset: tuple[int, ...], chunk: bytes) -> None:
        """Write a compressed chunk as it is; :func:`wsegs.io.integrity.check_structure` leaves it out.

        Its damage is found when it is decompressed.
        """
        self.sink.expected = chunk
        dataset.write_direct_chunk(offset, chunk)
        self.sink.expected = None

    def check(self) -> None:
        """Raise the OSError of the first write that the system refused; call it now and then in a long write."""
        if self.sink.error is not None:
            raise self.sink.error


@contextmanager
def create_hdf5(path: str | os.PathLike[str]) -> Iterator[WrittenFile]:
    """Yield a new HDF5 file to write; it gets its digests and its name only if the block succeeds."""
    with atomic_write(path) as temporary:
        with temporary.open("w+b", buffering=0) as plain:
            sink = _Sink(plain)
            try:
                with WrittenFile(sink, "w", userblock_size=USER_BLOCK, libver=("v110", "v110")) as file:
                    file.sink = sink
                    yield file
            finally:
                if sink.error is not None:
                    raise sink.error
        write_digests(temporary, sink.left_out)


class _Sink:
    """A file object for libhdf5 that accepts any write; what the system refused is kept in memory and raised later.

    libhdf5 does not survive a full disk: it may crash when it closes the file.
    """

    def __init__(self, file: FileIO) -> None:
        self._file, self._number = file, file.fileno()
        self._place = self._size = 0
        self._refused: list[tuple[int, bytes]] = []
        self.error: OSError | None = None
        self.expected: bytes | None = None  # a chunk that the digest of the structure leaves out
        self.left_out: list[tuple[int, int]] = []  # ranges of such chunks: (first, last + 1)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._place = offset + (self._size if whence == os.SEEK_END else self._place if whence == os.SEEK_CUR else 0)
        return self._place

    def tell(self) -> int:
        return self._place

    def read(self, size: int) -> bytes:
        buffer = bytearray(size)
        self.readinto(buffer)
        return bytes(buffer)

    def readinto(self, buffer: Any) -> int:
        data = bytearray(os.pread(self._number, len(buffer), self._place).ljust(len(buffer), b"\0"))
        for start, refused in self._refused:
            first, last = max(start, self._place), min(start + len(refused), self._place + len(data))
            if first < last:
                data[first - self._place : last - self._place] = refused[first - start : last - start]
        buffer[:] = data
        return len(data)

    def write(self, data: Any) -> int:
        begin, size = self._place, len(data)
        written = 0
        try:
            while written < size and self.error is None:
                written += os.pwrite(self._number, data[written:] if written else data, begin + written)
        except OSError as error:
            self.error = error
        if written < size:
            self._refused.append((begin + written, bytes(data[written:])))
        if self.expected is not None and size == len(self.expected) and bytes(data) == self.expected:
            if self.left_out and self.left_out[-1][1] == begin:
                begin = self.left_out.pop()[0]
            self.left_out.append((begin, self._place + size))
        self._place += size
        if self._place > self._size:
            self._size = self._place
        return size

    def truncate(self, size: int) -> int:
        try:
            if self.error is None:
                self._file.truncate(size)
        except OSError as error:
            self.error = error
        self._size = size
        return size

    def flush(self) -> None:
        """Do nothing: writes are not buffered."""


def _locking() -> bool | str | None:
    """Return h5py's ``locking`` by the library's variable, which the library itself reads only when it is loaded."""
    known: dict[str, bool | str] = {"FALSE": False, "0": False, "TRUE": True, "1": True, "BEST_EFFORT": "best-effort"}
    return known.get(os.environ.get(LOCKING_VARIABLE, "").upper())
