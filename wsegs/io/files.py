"""Write outputs that are complete or absent; find the files shipped in the package."""

from __future__ import annotations

import csv
import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from pathlib import Path

from wsegs.errors import DataError, MissingError, OutputExistsError, WsegsError

LONGEST_NAME = 255
"""Bytes of a file's name at most, on the file systems that are in use."""

_LONGEST_SUFFIX = 16
_PACKAGE = Path(__file__).parents[1]


def check_output(path: str | os.PathLike[str], *, force: bool, others: Iterable[str | os.PathLike[str]] = ()) -> Path:
    """Return ``path`` if it may be written; call this before any long work.

    Parameters
    ----------
    path
        The output.
    force
        Overwrite it.
    others
        Inputs and other outputs, from which it must differ.

    Raises
    ------
    OutputExistsError
        If it exists and ``force`` is false; if it is a device or a pipe, which a rename would replace; or if it is one
        of ``others``.
    """
    path = Path(path)
    for other in map(Path, others):
        if path.absolute() == other.absolute() or (path.exists() and other.exists() and path.samefile(other)):
            raise OutputExistsError(f"{path}: expected a file of its own to write, got the name of another one in use")
    if path.exists() and not path.is_file() and not path.is_dir():
        raise OutputExistsError(f"{path}: expected a file or folder to write, got a device or a pipe")
    if path.exists() and not force:
        raise OutputExistsError(f"{path}: exists already; --force overwrites it, -o names another output")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary name beside ``path``; rename it to ``path`` only if the block succeeds.

    The bytes are on the disk before the file gets its name, so that a power cut leaves no half file of that name.

    Raises
    ------
    OSError
        With ``path`` as its file name and the system's message, also where HDF5 raised another kind.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(_temporary_name(path, os.getpid()))
    try:
        yield temporary
        rename_whole(temporary, path)
    except (OSError, RuntimeError) as error:
        number = _errno(error)
        if number is None or isinstance(error, WsegsError):
            raise
        raise OSError(number, os.strerror(number), str(path)) from error
    finally:
        with suppress(OSError):  # a drive that turned read-only, which the block reports
            temporary.unlink(missing_ok=True)


def _temporary_name(path: Path, process: int) -> str:
    """Return the hidden name under which a process writes a file."""
    # The suffix stays last, since some writers (OpenCV, matplotlib) choose the format by it.
    tail = f".{process}.writing{_suffix(path.name)}"
    return shortened(f".{path.name.removesuffix(_suffix(path.name))}", room=len(os.fsencode(tail))) + tail


def shortened(name: str, room: int = 0) -> str:
    """Return a file name that leaves ``room`` bytes to what is to follow it; one that fits stays as it is.

    Else it is cut, and a part of its digest keeps names apart that are alike up to there. A suffix stays.

    >>> shortened("photo.png"), len(shortened(f"{'x' * 300}.png"))
    ('photo.png', 255)
    """
    if len(os.fsencode(name)) + room <= LONGEST_NAME:
        return name
    suffix = _suffix(name)
    end = f"-{hashlib.sha256(os.fsencode(name)).hexdigest()[:8]}{suffix}"
    whole = os.fsencode(name.removesuffix(suffix))[: LONGEST_NAME - room - len(os.fsencode(end))]
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:  # bytes that are no text
        return os.fsdecode(whole) + end
    return whole.decode("utf-8", "ignore") + end  # without half a character


def _suffix(name: str) -> str:
    """Return the suffix of a file name, if it is one that programs know formats by."""
    suffix = Path(name).suffix
    return suffix if len(os.fsencode(suffix)) <= _LONGEST_SUFFIX else ""


def write_table(path: str | os.PathLike[str], columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file in UTF-8 with a header, complete or absent; an existing one is replaced.

    Names of files that are not UTF-8 keep their bytes.
    """
    with (
        atomic_write(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def rename_whole(temporary: Path, path: Path) -> None:
    """Rename a finished file once its bytes are on the disk."""
    with temporary.open("r+b") as file:
        os.fsync(file.fileno())
    temporary.replace(path)


def remove_abandoned(path: str | os.PathLike[str]) -> None:
    """Remove temporary files that killed writers of ``path`` left; the caller holds the lock of ``path``.

    Files of a process that still runs are kept.
    """
    path = Path(path)
    number = re.compile(r"\.(\d+)\.writing")
    for found in path.absolute().parent.iterdir():
        match = number.search(found.name)
        if match is None or found.name != _temporary_name(path, int(match[1])) or _runs(int(match[1])):
            continue
        if found.is_dir() and not found.is_symlink():
            shutil.rmtree(found, ignore_errors=True)
        else:
            found.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    """Tell whether a process of this machine runs; True if that cannot be known."""
    if os.name == "nt":  # os.kill would end it there
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # it is somebody else's
        pass
    return True


def _errno(error: OSError | RuntimeError) -> int | None:
    """Return the system's error number of a failed write that does not name its file; None for other errors."""
    if isinstance(error, OSError) and error.filename is not None:
        return None
    said = re.search(r"\berrno = (\d+)", str(error))  # HDF5, in either of h5py's two kinds of error
    if said:
        return int(said[1])
    return error.errno if isinstance(error, OSError) else None


def is_safe_relative_path(name: str) -> bool:
    """Tell whether a name read from a file stays below the folder that it is relative to.

    Absolute names, drives, ``..`` and names of no file (empty, ``.``, with a zero byte) do not.

    >>> is_safe_relative_path("faces/a.jpg"), is_safe_relative_path("../a.jpg")
    (True, False)
    """
    parts = name.replace("\\", "/").split("/")
    drive = len(parts[0]) == 2 and parts[0][1] == ":"
    return bool(parts[0]) and not drive and ".." not in parts and name != "." and "\0" not in name


def sha256_of(path: str | os.PathLike[str]) -> str:
    """Return the hexadecimal sha256 of a file, read in blocks."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def did_you_mean(name: str, known: list[str] | tuple[str, ...]) -> str:
    """Return ``; did you mean 'x'?`` for the known name closest to ``name``, else nothing."""
    match = get_close_matches(name, known, n=1)
    return f"; did you mean '{match[0]}'?" if match else ""


def shipped_folder(kind: str) -> Path:
    """Return the folder of shipped files: ``rules``, ``rules/classes``, ``models`` or ``faces``.

    In a wheel they lie inside the package; in a checkout (and an editable install) at the top level.
    """
    inside = _PACKAGE / "shipped" / kind
    if inside.is_dir():
        return inside
    return _PACKAGE.parent / ("examples/faces" if kind == "faces" else kind)


def find_shipped(kind: str, name: str) -> Path:
    """Find a rule file, class map or recipe given by path or by name; ``kind`` is its :func:`shipped_folder`.

    ``celeba``, ``celeba.yaml`` and ``rules/celeba.yaml`` all name the shipped file where no such file lies in
    the working directory, so that the documented commands work from any folder.

    Raises
    ------
    MissingError
        If there is none; the message lists the shipped names.
    DataError
        If the path is a directory.
    """
    path = Path(name)
    if path.is_dir() and path.suffix:
        raise DataError(f"{path}: expected a YAML file, got a directory")
    if path.is_file():
        return path
    folder = shipped_folder(kind)
    known = sorted(file.stem for file in folder.glob("*.yaml"))
    if path.parent in (Path(), Path(kind)) and path.suffix in ("", ".yaml", ".yml") and path.stem in known:
        return folder / f"{path.stem}.yaml"
    raise MissingError(
        f"{name}: no such file, and no shipped one of that name in {kind}"
        f" (there are: {', '.join(known)}){did_you_mean(path.stem, known)}"
    )
