"""One writer of an output at a time: the second is refused, and told who holds it.

The lock of ``masks.h5`` is ``.masks.h5.lock`` beside it: a line of JSON that says who holds it, under a POSIX record
lock (``fcntl.lockf``). The system drops that lock when the process ends, however it ends, so what a killed process
leaves is taken over at once and without a race; processes that it forked, such as those that read images for a
training, do not keep it. Record locks are those that NFS itself has, so they hold between machines where the drive
shares them. A drive may also keep them to each machine (``nolock``, ``local_lock``), and nothing tells: a lock that
another machine has left is therefore never taken for stale, but refused with the name of the file to remove. Where
there are no record locks (some drives, Windows) the file alone is the lock, and one that was left must be removed by
hand.
"""

from __future__ import annotations

import errno
import json
import os
import shlex
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import IO, Any, ParamSpec, TypeVar

from wsegs.errors import OutputLockedError
from wsegs.io.files import remove_abandoned

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

P = ParamSpec("P")
R = TypeVar("R")

_UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
_WAIT = 0.5  # seconds for a holder to write who it is, after it has the lock
_LONGEST = 10_000  # characters that are read of a lock
# Record locks do not keep a process from locking twice, and closing the file a second time would drop the lock.
_held: set[Path] = set()
_holding = threading.Lock()


def lock_path(output: str | os.PathLike[str]) -> Path:
    """Return the name of an output's lock."""
    output = Path(os.path.abspath(output))  # noqa: PTH100 - resolve() would follow a link that is to be replaced
    return output.with_name(f".{output.name}.lock")


@contextmanager
def lock_output(output: str | os.PathLike[str]) -> Iterator[None]:
    """Hold the lock of an output, a file or a folder, while the block runs; what killed writers left is removed first.

    Raises
    ------
    OutputLockedError
        If another process holds it, or one of another machine left it; the message says who, and what to remove.
    """
    path = lock_path(output)
    with _holding:
        if path in _held:
            raise OutputLockedError(f"{output}: this process writes it already")
        _held.add(path)
    made = [folder for folder in path.parents if not folder.exists()]
    try:
        with _acquire(path, output):
            try:
                with suppress(OSError):  # of a folder that may be written to, but not read
                    remove_abandoned(output)
                yield
            finally:
                with suppress(OSError):  # of a drive that has turned read-only, of which the block has told
                    path.unlink(missing_ok=True)  # before the lock is dropped, so that nobody else's is removed
    finally:
        _held.discard(path)
        with suppress(OSError):  # of folders that are in use
            for folder in made:
                folder.rmdir()


def locks_output(when: Callable[[], bool] = lambda: True) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function hold the lock of its argument ``output`` while it runs; see :func:`lock_output`.

    Parameters
    ----------
    when
        Whether this process is the one that writes.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        names = signature(function)

        @wraps(function)
        def locked(*args: P.args, **kwargs: P.kwargs) -> R:
            if not when():
                return function(*args, **kwargs)
            with lock_output(names.bind(*args, **kwargs).arguments["output"]):
                return function(*args, **kwargs)

        return locked

    return decorate


def _acquire(path: Path, output: str | os.PathLike[str]) -> IO[str]:
    """Return the open file of the lock, which this process now holds."""
    began = time.monotonic()
    while True:
        created = True
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        except FileNotFoundError:
            continue  # another process, which was refused, removed the folder in between
        except FileExistsError:
            created = False
            try:
                handle = os.open(path, os.O_RDWR)
            except FileNotFoundError:
                continue  # its holder ended in between
            except PermissionError:
                raise OutputLockedError(_refusal(output, path, _read_only(path), certain=False)) from None
        file = os.fdopen(handle, "r+", encoding="utf-8", errors="replace")
        try:
            taken = _lock(file)
            if taken is not None and not _is_still(path, file):
                file.close()  # its holder removed it in between
                continue
            holder = {} if created else _read(file)
            mine = taken or (taken is None and created)
            if mine and holder.get("host", socket.gethostname()) == socket.gethostname():
                _write(file)
                return file
            if mine or holder or time.monotonic() - began > _WAIT:
                raise OutputLockedError(_refusal(output, path, holder, certain=taken is False))
        except BaseException:
            file.close()
            raise
        file.close()
        time.sleep(0.02)


def _lock(file: IO[str]) -> bool | None:
    """Return whether the record lock could be had; None where there are none."""
    if fcntl is None:
        return None
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            return False
        if error.errno in _UNSUPPORTED:
            return None
        raise
    return True


def _is_still(path: Path, file: IO[str]) -> bool:
    """Tell whether an open file is the one of that name."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _write(file: IO[str]) -> None:
    holder = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])[:200],
    }
    file.seek(0)
    file.truncate()
    file.write(json.dumps(holder) + "\n")
    file.flush()


def _read(file: IO[str]) -> dict[str, Any]:
    """Return what a lock says of its holder; nothing where it says nothing that can be read."""
    file.seek(0)
    try:
        holder = json.loads(file.read(_LONGEST))
    except (ValueError, RecursionError):
        return {}
    return holder if isinstance(holder, dict) else {}


def _read_only(path: Path) -> dict[str, Any]:
    """Return what the lock of another user says, as far as it may be read."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return _read(file)
    except OSError:
        return {}


def _refusal(output: str | os.PathLike[str], path: Path, holder: dict[str, Any], *, certain: bool) -> str:
    fields = {name: "".join(c if c.isprintable() else "?" for c in str(value))[:200] for name, value in holder.items()}
    who = "another process"
    if fields:
        who = "process {pid} on {host} since {since} ({command})".format(
            **{name: fields.get(name, "unknown") for name in ("pid", "host", "since", "command")}
        )
    if certain and holder.get("host", socket.gethostname()) == socket.gethostname():
        return f"{output}: {who} writes it; wait for it, or -o names another output"
    return f"{output}: {who} writes it, or left its lock behind; if it has ended, remove {path}"
