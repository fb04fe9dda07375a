"""Turn the failures of a training into one line each."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from wsegs.errors import OptionError, WsegsError
from wsegs.nets.process_group import ProcessGroup
from wsegs.training.samples.readers import one_line_reader_failures

# Messages of gloo and NCCL when the process of another device has ended.
_LOST = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "NCCL communicator was aborted")

_SMALLER = "--batch-size, --size, --width"


class LostProcessError(WsegsError):
    """The process of another device ended before this one."""


@contextmanager
def one_line_failures() -> Iterator[None]:
    """Turn the exceptions that end a training into errors of one line.

    Raises
    ------
    WsegsError
        What a process that reads images raised, without torch's traceback.
    OptionError
        If such a process was killed, or a device has too little memory: other options help.
    LostProcessError
        In the main process, if the process of another device ended. Other processes exit without a message then: the
        one that failed prints it.
    KeyboardInterrupt
        After Ctrl-C, for which Lightning exits the whole program.
    """
    before = signal.getsignal(signal.SIGINT)
    try:
        with _silent_tensorboard(), one_line_reader_failures():
            yield
    except SystemExit as error:
        if not isinstance(error.__context__, KeyboardInterrupt):
            raise
        signal.signal(signal.SIGINT, before)  # Lightning ignores Ctrl-C from the first one on
        raise KeyboardInterrupt from None
    except WsegsError as error:
        raise type(error)(one_line(error)) from None
    except torch.OutOfMemoryError as error:
        raise OptionError(f"{_SMALLER}: the device has too little memory ({_first(error)})") from None
    except RuntimeError as error:
        message = str(error)
        if "can't allocate memory" in message:
            raise OptionError(f"{_SMALLER}: too little memory ({_first(error)})") from None
        if ProcessGroup().size > 1 and any(words in message for words in _LOST):
            if ProcessGroup().rank:
                raise SystemExit(1) from None
            raise LostProcessError(
                "the process of another device has ended, and a training cannot go on without it; it says why itself,"
                " unless it was killed"
            ) from None
        raise


@contextmanager
def _silent_tensorboard() -> Iterator[None]:
    """Print no traceback of a failed write in TensorBoard's thread: the training's next write raises it again."""
    before = threading.excepthook

    def print_others(arguments: threading.ExceptHookArgs) -> None:
        tensorboard = type(arguments.thread).__module__.startswith("tensorboard.")
        if not (tensorboard and issubclass(arguments.exc_type, OSError)):
            before(arguments)

    threading.excepthook = print_others
    try:
        yield
    finally:
        threading.excepthook = before


def _first(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def one_line(error: Exception) -> str:
    """Return the message of an error that a worker raised without the traceback that torch wraps about it."""
    text = str(error.args[0]) if len(error.args) == 1 else str(error)  # WsegsError's own str() has no line ends
    lines = text.strip().splitlines() or [type(error).__name__]
    if not lines[0].startswith("Caught "):
        return str(error)
    return lines[-1].partition(": ")[2] or lines[-1]
