"""What may end a training, each as one line."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from wsegs.errors import OptionError, WsegsError
from wsegs.nets.process_group import ProcessGroup

# What torch says when the process of another device is gone: gloo's words, and NCCL's.
_LOST = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "NCCL communicator was aborted")

_SMALLER = "--batch-size, --size, --width"


class LostProcessError(WsegsError):
    """The process of another device ended before this one."""


class Interrupted(Callback):
    """Remembers that Ctrl-C ended the training: Lightning turns it into an exit of the whole program."""

    def __init__(self) -> None:
        self.happened = False

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Look at what ended the training."""
        self.happened = isinstance(exception, KeyboardInterrupt)


@contextmanager
def one_line_failures(interrupted: Interrupted) -> Iterator[None]:
    """Turn what ends a training into an error of one line.

    Parameters
    ----------
    interrupted
        A callback of the trainer.

    Raises
    ------
    WsegsError
        What a worker that reads images found, without torch's traceback about it.
    OptionError
        If such a worker was killed, or a device has too little memory: other options help.
    LostProcessError
        In the main process, if that of another device ended. Other processes end without a word then: what happened is
        said where it did.
    KeyboardInterrupt
        After Ctrl-C, which Lightning turns into an exit of the whole program.
    """
    try:
        with _silent_tensorboard():
            yield
    except SystemExit:
        if not interrupted.happened:
            raise
        signal.signal(signal.SIGINT, signal.default_int_handler)  # Lightning ignores Ctrl-C from the first one on
        raise KeyboardInterrupt from None
    except WsegsError as error:
        raise type(error)(one_line(error)) from None
    except torch.OutOfMemoryError as error:
        raise OptionError(f"{_SMALLER}: the device has too little memory ({_first(error)})") from None
    except RuntimeError as error:
        message = str(error)
        if "DataLoader worker" in message:
            raise OptionError(
                f"--jobs: a process that reads images was ended from outside, most often for want of memory"
                f" ({_first(error)}); fewer processes or --jobs 0 need less"
            ) from None
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
    """Let TensorBoard's thread keep a failed write to itself: it is raised again where the training next meets it."""
    tell = threading.excepthook

    def tell_of_others(arguments: threading.ExceptHookArgs) -> None:
        tensorboard = type(arguments.thread).__module__.startswith("tensorboard.")
        if not (tensorboard and issubclass(arguments.exc_type, OSError)):
            tell(arguments)

    threading.excepthook = tell_of_others
    try:
        yield
    finally:
        threading.excepthook = tell


def _first(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def one_line(error: Exception) -> str:
    """Return the message of an error that a worker raised without the traceback that torch wraps about it."""
    text = str(error.args[0]) if len(error.args) == 1 else str(error)  # WsegsError's own str() has no line ends
    lines = text.strip().splitlines() or [type(error).__name__]
    if not lines[0].startswith("Caught "):
        return str(error)
    return lines[-1].partition(": ")[2] or lines[-1]
