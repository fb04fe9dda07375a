"""Digests of an HDF5 file, by which any flipped byte in it is found.

HDF5 leaves the first bytes of a file, its user block, to the program that writes it, and readers skip them. wsegs keeps
two lines of text there:

    wsegs sealed file, sha256 of what follows: 64 hexadecimal digits
    sha256 of bytes 4096-20480 731230-742118: 64 hexadecimal digits

The first covers the file from there to its end. The second leaves out the chunks of pixels, whose damage shows when
they are decompressed. It is quick to check before libhdf5 sees the file, since damaged structures can send libhdf5 into
endless loops. The digests find accidents. They are no signature: whoever changes a file can write them anew.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Literal

from wsegs.errors import DataError

try:
    import fcntl
except ImportError:  # Windows, where a file that is open for writing cannot be read at all
    fcntl = None  # type: ignore[assignment]

LOCKING_VARIABLE = "HDF5_USE_FILE_LOCKING"
USER_BLOCK = 4096  # bytes
State = Literal["whole", "broken", "none"]

_HDF5 = b"\x89HDF\r\n\x1a\n"
_FIRST = "wsegs sealed file, sha256 of what follows: {}\n"
_SECOND = "sha256 of bytes {}: {}\n"
_FIRST_LENGTH = len(_FIRST.format("0" * 64))
_SECOND_FORM = re.compile(rb"sha256 of bytes ((?:[0-9]{1,18}-[0-9]{1,18} ?)+): ([0-9a-f]{64})\n")
_MOST_RANGES = 90  # as many as surely fit into the user block


def write_digests(path: str | os.PathLike[str], left_out: Sequence[tuple[int, int]] = ()) -> None:
    """Write the digests into a closed HDF5 file that was created with a user block of :data:`USER_BLOCK` bytes.

    Parameters
    ----------
    path
        The file.
    left_out
        Ranges of bytes, (first, last + 1), that :func:`check_structure` leaves out.
    """
    with Path(path).open("r+b") as file:
        lines = b""
        if left_out:
            ranges = _complement(left_out, USER_BLOCK, Path(path).stat().st_size)
            text = " ".join(f"{first}-{behind}" for first, behind in ranges)
            lines = _SECOND.format(text, _sha256(file, ranges)).encode()
        file.seek(_FIRST_LENGTH)
        file.write(lines.ljust(USER_BLOCK - _FIRST_LENGTH, b"\0"))
        digest = _sha256_from(file, _FIRST_LENGTH)
        file.seek(0)
        file.write(_FIRST.format(digest).encode())


def check_digest(path: str | os.PathLike[str]) -> State:
    """Return whether an HDF5 file is as it was written, byte for byte. Reads the whole file, without libhdf5.

    Returns
    -------
    "whole"; "broken" if a byte has changed or is missing, and for any other kind of file; "none" for an HDF5 file
    without digests, as older versions wrote them.

    Raises
    ------
    DataError
        If another program has it open for writing: HDF5 marks the file then, and its digests differ.
    OSError
        If it cannot be read.
    """
    with Path(path).open("rb") as file:
        _refuse_while_written(file, path)
        line = file.read(_FIRST_LENGTH)
        if line.startswith(_HDF5):
            return "none"
        return "whole" if line == _FIRST.format(_sha256_from(file, _FIRST_LENGTH)).encode() else "broken"


def check_structure(path: str | os.PathLike[str]) -> State:
    """Return whether an HDF5 file is as it was written, but for the chunks of pixels; as :func:`check_digest`."""
    with Path(path).open("rb") as file:
        _refuse_while_written(file, path)
        block = file.read(USER_BLOCK)
        if block.startswith(_HDF5):
            return "none"
        form = _SECOND_FORM.match(block, _FIRST_LENGTH)
        if form is None:
            return check_digest(path)
        ranges = [tuple(map(int, pair.split(b"-"))) for pair in form[1].split()]
        size = os.fstat(file.fileno()).st_size
        if any(not USER_BLOCK <= first < behind <= size for first, behind in ranges):
            return "broken"
        return "whole" if _sha256(file, ranges) == form[2].decode() else "broken"


def find_format(path: Path, formats: Sequence[str]) -> str | None:
    """Return the first of some names of formats that an HDF5 file has in it, without libhdf5, which damage may crash.

    HDF5 keeps a text as its length, 8 bytes, and its characters. So a folder named like a format is not taken for it.
    """
    texts = {name: len(name).to_bytes(8, "little") + name.encode() for name in formats}
    longest = max(map(len, texts.values()))
    with path.open("rb") as file:
        tail = b""
        while block := file.read(1 << 20):
            for name, text in texts.items():
                if text in tail + block:
                    return name
            tail = block[-longest:]
    return None


def _refuse_while_written(file: BinaryIO, path: str | os.PathLike[str]) -> None:
    """Raise DataError if somebody holds HDF5's lock for writing; where locks are off, that cannot be known."""
    if fcntl is None or os.environ.get(LOCKING_VARIABLE, "").upper() in ("FALSE", "0"):
        return
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        raise DataError(
            f"{path}: open for writing elsewhere: wait until the other program has closed it"
            " (wsegs --no-hdf5-locking reads it as it is)"
        ) from None
    except OSError:  # a drive without locks
        return
    fcntl.flock(file, fcntl.LOCK_UN)


def _complement(left_out: Sequence[tuple[int, int]], first: int, behind: int) -> list[tuple[int, int]]:
    """Return the ranges from ``first`` to ``behind`` that are not left out; a single range if they are many."""
    ranges, at = [], first
    for start, stop in sorted(left_out):
        if start > at:
            ranges.append((at, start))
        at = max(at, stop)
    if at < behind:
        ranges.append((at, behind))
    return ranges if 0 < len(ranges) <= _MOST_RANGES else [(first, behind)]


def _sha256(file: BinaryIO, ranges: Sequence[tuple[int, ...]]) -> str:
    digest = hashlib.sha256()
    for first, behind in ranges:
        file.seek(first)
        while first < behind and (block := file.read(min(1 << 18, behind - first))):
            digest.update(block)
            first += len(block)
    return digest.hexdigest()


def _sha256_from(file: BinaryIO, first: int) -> str:
    file.seek(0, os.SEEK_END)
    return _sha256(file, [(first, file.tell())])
