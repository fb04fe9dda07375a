"""Opening HDF5 files: the one place where wsegs does.

Files are created in the format of HDF5 1.10, whose structures carry checksums of their own, so that the library finds
most damage by itself instead of following it; with a user block for the seal; complete or absent.

HDF5 locks the files that it opens. Some network drives have no locks, and opening fails there. The library's own
variable ``HDF5_USE_FILE_LOCKING`` turns locking off, and ``wsegs --no-hdf5-locking`` sets it, for worker processes too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import h5py

from wsegs.files import complete_or_absent
from wsegs.seal import USER_BLOCK, seal

LOCKING_VARIABLE = "HDF5_USE_FILE_LOCKING"


def open_hdf5(path: str | os.PathLike[str]) -> h5py.File:
    """Open an HDF5 file to read.

    Raises
    ------
    OSError
        If it cannot be read or is no HDF5 file.
    """
    try:
        return h5py.File(path, "r", locking=_locking())
    except OSError as error:
        if "unable to lock file" not in str(error):
            raise
        raise OSError(
            f"{error}; another program writes it, or its drive has no locks: wsegs --no-hdf5-locking reads it anyway"
        ) from error


@contextmanager
def create_hdf5(path: str | os.PathLike[str]) -> Iterator[h5py.File]:
    """Yield a new HDF5 file to write, which is sealed and gets its name only if the block succeeds."""
    with complete_or_absent(path) as temporary:
        with h5py.File(temporary, "w", userblock_size=USER_BLOCK, libver=("v110", "v110"), locking=_locking()) as file:
            yield file
        seal(temporary)


def _locking() -> bool | str | None:
    """Return what h5py's ``locking`` must be, since the library reads its variable only once, when it is loaded."""
    known: dict[str, bool | str] = {"FALSE": False, "0": False, "TRUE": True, "1": True, "BEST_EFFORT": "best-effort"}
    return known.get(os.environ.get(LOCKING_VARIABLE, "").upper())
