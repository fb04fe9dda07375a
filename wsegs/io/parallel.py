"""Many calls of one function, spread over processes of this machine or over Dask's workers on several.

Workers compute, the process that asked collects: results stream back while later calls are still to be sent, so memory
does not grow with their number. Each process computes in one thread, since there is a process for every core.

joblib does the work, with its loky or its Dask backend.
"""

from __future__ import annotations

import logging
import multiprocessing.resource_tracker
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from types import FrameType
from typing import Any, Literal

import joblib
from joblib.externals.loky.backend import resource_tracker as loky_tracker
from joblib.externals.loky.process_executor import BrokenProcessPool, ShutdownExecutorError

from wsegs.errors import MissingError, OptionError, WsegsError

_LOOK_SECONDS = 1.0  # between a worker's looks for the process that started it


def _is_news(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], ShutdownExecutorError))


# joblib sends calls in a thread of its own, also while whoever stops early closes its processes; loky would log that.
logging.getLogger("concurrent.futures").addFilter(_is_news)


class WorkerLostError(WsegsError):
    """A worker that died, or a scheduler that went away, before all calls were done."""


def run_in_workers(
    function: Callable[..., Any],
    calls: Iterable[tuple[Any, ...]],
    *,
    jobs: int = -1,
    scheduler: str | None = None,
    ordered: bool = True,
    batch_size: int | str = "auto",
) -> Generator[Any, None, None]:
    """Yield ``function(*arguments)`` for each of ``calls``; close it to stop early.

    Parameters
    ----------
    function
        A function of a module, which workers import.
    calls
        The arguments of each call; taken a few at a time, while results come back.
    jobs
        Processes of this machine; -1 is one a core, 1 computes here. Ignored with a scheduler, whose workers all
        take part.
    scheduler
        Address of a Dask scheduler, ``tcp://HOST:PORT``; None for processes of this machine.
    ordered
        Yield results in the order of the calls, else as they come.
    batch_size
        Calls that travel together: joblib's ``auto``, or a number.

    Raises
    ------
    WorkerLostError
        If a worker died or memory ran out; all that was yielded before is right.
    MissingError, OptionError
        If Dask is not installed or no scheduler answers.
    """
    delayed = joblib.delayed(_call)
    stopped = False

    def tasks() -> Iterator[Any]:
        for arguments in calls:
            if stopped:  # joblib asks for more in a thread of its own, and has nobody to give it to
                return
            yield delayed(os.getpid(), function, arguments)

    return_as = "generator" if ordered else "generator_unordered"
    with _backend(scheduler) as lost:
        parallel = joblib.Parallel(
            n_jobs=None if scheduler else jobs, return_as=return_as, batch_size=batch_size, pre_dispatch="2 * n_jobs"
        )
        results: Any = None
        try:
            with nullcontext() if scheduler or joblib.effective_n_jobs(jobs) == 1 else _without_ctrl_c():
                results = parallel(tasks())  # processes are started here
            for result in results:  # noqa: UP028  # which would close it with a warning
                yield result
        except lost as error:
            # loky's own words are many, and say nothing more.
            what = str(error) if scheduler else "a worker process died, perhaps for want of memory"
            raise WorkerLostError(what) from error
        except MemoryError as error:
            raise WorkerLostError("memory ran out") from error
        finally:
            stopped = True
            with warnings.catch_warnings():
                # Whoever stops early, on an error or Ctrl-C, knows that some calls are not done.
                warnings.filterwarnings("ignore", ".* tasks .*", UserWarning)
                if results is not None:
                    results.close()


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Start processes that never see a Ctrl-C, not even while they import; here it comes a little later."""
    if not hasattr(signal, "pthread_sigmask") or threading.current_thread() is not threading.main_thread():
        yield
        return
    # Processes and threads inherit what is blocked. The trackers would unblock it when they are started.
    for tracker in (multiprocessing.resource_tracker, loky_tracker):
        tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _call(caller: int, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Run in a worker, or in the process ``caller`` itself if there is but one job."""
    if os.getpid() != caller and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the caller's to handle
        _end_with(caller)
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(1)
    return function(*arguments)


def _end_with(caller: int) -> None:
    """End this worker soon after the process that started it, which may be killed and tell nobody."""
    if not hasattr(signal, "setitimer") or signal.getitimer(signal.ITIMER_REAL)[1]:  # Windows, or done already
        return

    def look(number: int, frame: FrameType | None) -> None:
        if os.getppid() != caller:
            os._exit(1)

    # Not a thread: this comes also while results wait for somebody to take them.
    signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, _LOOK_SECONDS, _LOOK_SECONDS)


def check_scheduler(backend: Literal["loky", "dask"], scheduler: str | None) -> str | None:
    """Return the scheduler that ``--backend`` and ``--scheduler`` ask for; None for processes of this machine.

    Raises
    ------
    OptionError
        If one is given without the other, or no scheduler answers.
    MissingError
        If Dask is not installed.
    """
    if backend == "loky":
        if scheduler is not None:
            raise OptionError(f"--scheduler {scheduler}: expected --backend dask beside it")
        return None
    if scheduler is None:
        raise OptionError("--backend dask: expected --scheduler ADDRESS beside it, such as tcp://HOST:8786")
    with _backend(scheduler):
        return scheduler


@contextmanager
def _backend(scheduler: str | None) -> Iterator[type[Exception]]:
    """Choose the workers; yield the error that means that one of them is lost."""
    if scheduler is None:
        with joblib.parallel_config(backend="loky"):
            yield BrokenProcessPool
        return
    try:
        from wsegs.io.dask_backend import LostTaskError, connected
    except ImportError as error:
        raise MissingError(
            f"--backend dask: the package distributed is not installed ({error}); pip install 'wsegs[dask]'"
        ) from error
    with connected(scheduler) as backend, joblib.parallel_config(backend=backend):
        yield LostTaskError
