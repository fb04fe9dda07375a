"""A seal over a whole HDF5 file: any flipped byte anywhere in it is found.

HDF5 leaves the first bytes of a file, its user block, to the program that writes it. wsegs keeps one line there, the
sha256 of all that follows, and zeros; HDF5 readers pass over it. The seal finds accidents. It is no signature: whoever
changes a file on purpose can seal it again.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import BinaryIO, Literal

USER_BLOCK = 512  # bytes; the least that HDF5 knows
_HDF5 = b"\x89HDF\r\n\x1a\n"


def seal(path: str | os.PathLike[str]) -> str:
    """Write the seal into a closed HDF5 file that was created with a user block of :data:`USER_BLOCK` bytes.

    Returns
    -------
    The hexadecimal sha256 of all that follows the user block.
    """
    with Path(path).open("r+b") as file:
        digest = _digest(file)
        file.seek(0)
        file.write(_block(digest))
    return digest


def check_seal(path: str | os.PathLike[str]) -> Literal["whole", "broken", "none"]:
    """Return whether an HDF5 file is as it was sealed.

    Reads the whole file, by no HDF5 library.

    Returns
    -------
    "whole"; "broken" if a byte has changed since or is missing, and for any file that is neither sealed nor HDF5;
    "none" for an HDF5 file without a seal, as older versions wrote them.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    with Path(path).open("rb") as file:
        block = file.read(USER_BLOCK)
        if block.startswith(_HDF5):
            return "none"
        return "whole" if block == _block(_digest(file)) else "broken"


def _digest(file: BinaryIO) -> str:
    file.seek(USER_BLOCK)
    digest = hashlib.sha256()
    while block := file.read(1 << 18):  # hashlib.file_digest is not in Python 3.10
        digest.update(block)
    return digest.hexdigest()


def _block(digest: str) -> bytes:
    return f"wsegs sealed file, sha256 of what follows: {digest}\n".encode("ascii").ljust(USER_BLOCK, b"\0")
