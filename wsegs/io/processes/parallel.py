"""Call a function many times in parallel: in processes of this machine, or in Dask's workers on several.

Workers compute, and the caller collects: results stream back while later calls are still to be sent, so memory does not
grow with their number. Each process computes in one thread, since there is a process for each core. joblib does the
work, with its loky or its Dask backend.
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

_LOOK_SECONDS = 1.0  # after which a worker looks again whether its caller still runs


def _is_news(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], ShutdownExecutorError))


# joblib's thread may send a call while its processes are closed early; loky would log that.
logging.getLogger("concurrent.futures").addFilter(_is_news)


class WorkerLostError(WsegsError):
    """A worker died, or the scheduler went away, before all calls were done."""


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
        A function of a module that workers can import.
    calls
        Arguments of each call, taken a few at a time while results come back.
    jobs
        Processes of this machine; -1 for one a core, 1 to compute in this process. Ignored with a scheduler, all of
        whose workers take part.
    scheduler
        Address of a Dask scheduler, ``tcp://HOST:PORT``; None for processes of this machine.
    ordered
        Yield results in the order of the calls, else as they finish.
    batch_size
        Calls that are sent together: joblib's ``auto``, or a number.

    Raises
    ------
    WorkerLostError
        If a worker died or memory ran out; results yielded before are right.
    MissingError, OptionError
        If Dask is not installed or no scheduler answers.
    """
    delayed = joblib.delayed(_call)
    stopped = False

    def tasks() -> Iterator[Any]:
        for arguments in calls:
            if stopped:  # joblib's thread may still ask for more
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
            # loky's own message is long and says no more.
            what = str(error) if scheduler else "a worker process died, perhaps for want of memory"
            raise WorkerLostError(what) from error
        except MemoryError as error:
            raise WorkerLostError("memory ran out") from error
        finally:
            stopped = True
            with warnings.catch_warnings():
                # A caller that stops early, on an error or Ctrl-C, knows that some calls are not done.
                warnings.filterwarnings("ignore", ".* tasks .*", UserWarning)
                if results is not None:
                    results.close()


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Start processes that ignore Ctrl-C even while they import; in this process it is delayed until they run."""
    if not hasattr(signal, "pthread_sigmask") or threading.current_thread() is not threading.main_thread():
        yield
        return
    # Processes and threads inherit blocked signals. Resource trackers unblock them at their start, so they start first.
    for tracker in (multiprocessing.resource_tracker, loky_tracker):
        tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _call(caller: int, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Call a function in a worker, or in the process ``caller`` itself if there is one job."""
    if os.getpid() != caller and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the caller's to handle
        _end_with(caller)
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(1)
    return function(*arguments)


def _end_with(caller: int) -> None:
    """End this worker soon after its caller, which may be killed."""
    if not hasattr(signal, "setitimer") or signal.getitimer(signal.ITIMER_REAL)[1]:  # Windows, or done already
        return

    def look(number: int, frame: FrameType | None) -> None:
        if os.getppid() != caller:
            os._exit(1)

    # A signal and not a thread: it comes even while the worker waits for its results to be taken.
    signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, _LOOK_SECONDS, _LOOK_SECONDS)


def check_scheduler(backend: Literal["loky", "dask"], scheduler: str | None) -> str | None:
    """Return the scheduler that ``--backend`` and ``--scheduler`` name; None for processes of this machine.

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
    """Choose joblib's backend; yield the exception that it raises for a lost worker."""
    if scheduler is None:
        with joblib.parallel_config(backend="loky"):
            yield BrokenProcessPool
        return
    try:
        from wsegs.io.processes.dask_backend import LostTaskError, connected
    except ImportError as error:
        raise MissingError(
            f"--backend dask: the package distributed is not installed ({error}); pip install 'wsegs[dask]'"
        ) from error
    with connected(scheduler) as backend, joblib.parallel_config(backend=backend):
        yield LostTaskError
