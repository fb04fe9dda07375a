"""Processes that read images: what ends them, and how a command hears of it."""

from __future__ import annotations

import errno
import multiprocessing
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

import cv2

from wsegs.errors import OptionError

SILENCE = "WSEGS_READER_TIMEOUT"
"""Environment variable: seconds without a mini-batch after which readers are given up; 0 waits for ever."""

_SECONDS = 120.0
_CANNOT_SEND, _NO_SPACE = 75, 76  # exit codes of a reader that could not hand over a mini-batch
_LEAST = 1 << 18  # bytes of shared memory that queues and their locks need
_SHARED = Path("/dev/shm")


def seconds_of_silence() -> float:
    """Return after how many seconds without a mini-batch readers are given up.

    Raises
    ------
    OptionError
        If the environment says something that is no number.
    """
    text = os.environ.get(SILENCE, "")
    try:
        seconds = float(text) if text else _SECONDS
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise OptionError(f"{SILENCE}: expected a number of seconds, 0 or more, got '{text}'")
    return seconds


def start_reader(worker: int) -> None:
    """Keep a process to one thread, since there are as many as are wanted; end it where it cannot send what it read.

    Python drops what it cannot send and goes on: the training would wait for that mini-batch for ever.
    """
    cv2.setNumThreads(0)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a forked one would tidy up as the command does

    def end(error: BaseException, _: Any) -> None:
        full = getattr(error, "errno", None) == errno.ENOSPC or "No space left" in str(error)
        os._exit(_NO_SPACE if full or "shared memory" in str(error) else _CANNOT_SEND)

    Queue._on_queue_feeder_error = staticmethod(end)  # type: ignore[attr-defined]


def check_shared_memory() -> None:
    """Check that readers can be started at all.

    Raises
    ------
    OptionError
        If there is next to no shared memory.
    """
    if _SHARED.is_dir() and shutil.disk_usage(_SHARED).free < _LEAST:
        raise OptionError(f"--jobs: {_too_small()}")


@contextmanager
def one_line_reader_failures() -> Iterator[None]:
    """Turn the failure of a process that reads into an error of one line, and leave none of them behind.

    Raises
    ------
    OptionError
        If one was killed, could not send what it read, or was silent for too long.
    """
    try:
        yield
    except BaseException as error:
        _end_readers()
        # torch says in the cause how a process ended, and Lightning may fail once more while it ends the training.
        message = "\n".join(str(one) for one in _chain(error) if isinstance(one, RuntimeError))
        if isinstance(error, (RuntimeError, OSError)) and any(map(_is_of_semaphore, _chain(error))):
            raise OptionError(f"--jobs: {_too_small()}") from None
        if not isinstance(error, RuntimeError) or "DataLoader" not in message:
            raise
        raise OptionError(f"--jobs: {_explained(message)}") from None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, and those that led to it."""
    following: BaseException | None = error
    for _ in range(20):
        if following is None:
            return
        yield following
        following = following.__cause__ or following.__context__


def _is_of_semaphore(error: BaseException) -> bool:
    """Return whether an error is that of a semaphore, which lies in shared memory; a file's has a name."""
    numbers = (errno.ENOSPC, errno.ENOSYS, errno.EACCES, errno.ENOENT)
    return isinstance(error, OSError) and error.filename is None and error.errno in numbers


def _shared_memory() -> str:
    if not _SHARED.is_dir():
        return f"there is no {_SHARED}"
    return f"{_SHARED} has {shutil.disk_usage(_SHARED).total / 1e6:.3g} MB"


def _too_small() -> str:
    return (
        f"a process that reads images could not send them: shared memory is too small ({_shared_memory()}); -j 0 reads"
        " without it, fewer --jobs or a smaller --batch-size need less, docker run --shm-size=1g makes it larger"
    )


def _explained(message: str) -> str:
    if f"exit code {_NO_SPACE}" in message or "Bus error" in message:
        return _too_small()
    if "timed out" in message:
        seconds = seconds_of_silence()
        return (
            f"the processes that read images sent nothing for {seconds:.0f} s: one of them hangs, or the images lie"
            f" on a slow drive; -j 0 reads without them, {SILENCE} sets how long is waited"
        )
    first = next(line for line in message.splitlines() if "DataLoader" in line)
    return (
        "a process that reads images was ended from outside, most often for want of memory"
        f" ({first}); fewer processes or --jobs 0 need less, shared memory may be too small ({_shared_memory()})"
    )


def _end_readers() -> None:
    """End the readers of this process, those too that are deaf to a request."""
    readers = [process for process in multiprocessing.active_children() if process.daemon]
    for process in readers:
        process.kill()
    for process in readers:
        process.join(5)
