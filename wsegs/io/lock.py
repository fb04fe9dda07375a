"""Lock an output: a second writer is refused in one line that names the first.

The library filelock locks ``.masks.h5.lock`` beside ``masks.h5``. The system drops the lock when its process ends,
however it ends, so a killed process blocks nobody. The file says who writes, as a line of JSON.

On a drive without file locks the existence of ``.masks.h5.lock.soft`` is the lock. One that a killed process of this
machine left is taken over. A drive may also keep file locks to each machine (NFS with ``nolock`` or ``local_lock``)
without telling. A lock that another machine left is therefore never taken over: the message names the file to remove.
"""

from __future__ import annotations

import errno
import json
import os
import shlex
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import ParamSpec, TypeVar

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from wsegs.errors import OutputLockedError
from wsegs.io.files import remove_abandoned, shortened

P = ParamSpec("P")
R = TypeVar("R")

_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)
_LONGEST = 10_000  # characters read of a lock file


def lock_path(output: str | os.PathLike[str]) -> Path:
    """Return the name of an output's lock file."""
    output = Path(os.path.abspath(output))  # noqa: PTH100 - resolve() would follow a link that is to be replaced
    return output.with_name(shortened(f".{output.name}", room=len(".lock.soft")) + ".lock")


@contextmanager
def lock_output(output: str | os.PathLike[str]) -> Iterator[None]:
    """Hold the lock of an output, a file or a folder, while the block runs; first remove what killed writers left.

    Raises
    ------
    OutputLockedError
        If another process holds the lock, or another machine left it; the message says who, and what to remove.
    """
    path = lock_path(output)
    made = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = _acquire(path, output)
        try:
            with suppress(OSError):  # a folder that may be written but not listed
                remove_abandoned(output)
            yield
        finally:
            with suppress(OSError):  # a drive that turned read-only, which the block reports
                if not isinstance(lock, SoftFileLock):
                    path.unlink(missing_ok=True)  # before the release, so that no other writer's file is removed
                lock.release()
    finally:
        with suppress(OSError):  # folders in use
            for folder in made:
                folder.rmdir()


def locks_output(when: Callable[[], bool] = lambda: True) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a function so that it holds the lock of its argument ``output`` while it runs; see :func:`lock_output`.

    Parameters
    ----------
    when
        Tell whether this process is the one that writes.
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


def _acquire(path: Path, output: str | os.PathLike[str]) -> BaseFileLock:
    holder = _holder(path)
    if holder.get("host", socket.gethostname()) != socket.gethostname():
        raise OutputLockedError(f"{output}: {_who(holder)} writes it, or left its lock; if it has ended, remove {path}")
    lock: BaseFileLock = FileLock(path, timeout=0, thread_local=False, fallback_to_soft=False)
    try:
        try:
            lock.acquire()
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            path.unlink(missing_ok=True)
            path = path.with_name(f"{path.name}.soft")
            lock = SoftFileLock(path, timeout=0, thread_local=False)
            lock.acquire()
            return lock
    except (Timeout, PermissionError) as error:  # the file of another user may not be opened
        if not path.exists() and not isinstance(error, Timeout):
            raise
        what = (
            f"if it has ended, remove {path}" if path.suffix == ".soft" else "wait for it, or -o names another output"
        )
        raise OutputLockedError(f"{output}: {_who(_holder(path))} writes it; {what}") from None
    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])[:200]
    mine = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
    with suppress(OSError):  # Windows keeps the locked file from being written
        path.write_text(json.dumps({**mine, "command": command}) + "\n", encoding="utf-8")
    return lock


def _holder(path: Path) -> dict[str, object]:
    """Return what a lock file says of its holder; empty where it cannot be read."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            text = file.read(_LONGEST)
        if path.suffix == ".soft":  # filelock's own format
            return dict(zip(("pid", "host"), text.splitlines(), strict=False))
        holder = json.loads(text)
    except (OSError, ValueError, RecursionError):
        return {}
    return holder if isinstance(holder, dict) else {}


def _who(holder: dict[str, object]) -> str:
    if not holder:
        return "another process"
    pid, host, since, command = (str(holder.get(key, "unknown"))[:200] for key in ("pid", "host", "since", "command"))
    return f"process {pid} on {host} since {since} ({command})"
