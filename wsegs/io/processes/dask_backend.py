"""joblib's Dask backend, which here raises an error when a task is lost.

joblib 1.6 waits without end for a task whose worker died too often or whose scheduler went away: Dask reports an error
of the task, and joblib passes on results alone. Imported only with ``--backend dask``.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import distributed
from distributed.core import rpc
from distributed.scheduler import KilledWorker
from joblib._dask import DaskDistributedBackend

from wsegs.errors import OptionError

SECONDS_TO_CONNECT = 10


class LostTaskError(Exception):
    """A task has no result because Dask lost it, not because it raised."""


class DaskBackend(DaskDistributedBackend):  # type: ignore[misc]
    """As joblib's; a lost task raises :class:`LostTaskError` where its result would come."""

    def submit(self, func: Any, callback: Callable[[Any], None] | None = None) -> Any:
        """Send a task, and pass on its result or its error."""
        future = super().submit(func, callback)

        def tell(done: concurrent.futures.Future[Any]) -> None:
            error = done.exception()
            if callback is not None and error is not None:
                callback(_lost(error))

        future.add_done_callback(tell)
        return future

    def retrieve_result_callback(self, out: Any) -> Any:
        """Return a task's result, or raise what it raised."""
        if isinstance(out, asyncio.CancelledError | concurrent.futures.CancelledError):
            out = _lost(out)
        if isinstance(out, LostTaskError):
            raise out
        return super().retrieve_result_callback(out)


def _lost(error: BaseException) -> LostTaskError:
    if isinstance(error, asyncio.CancelledError | concurrent.futures.CancelledError):
        return LostTaskError("the Dask scheduler went away")
    if isinstance(error, KilledWorker):
        return LostTaskError("a worker process died, perhaps for want of memory")
    return LostTaskError(
        f"Dask's workers cannot run it: {type(error).__name__}: {first_line(error)}; expected the wsegs of this process"
    )


@contextmanager
def connected(scheduler: str) -> Iterator[DaskBackend]:
    """Yield the backend that computes on the workers of a scheduler, ``tcp://HOST:PORT``.

    Raises
    ------
    OptionError
        If no scheduler answers there, or it has no workers.
    """
    # One error replaces the many lines that these log.
    for name in ("distributed", "distributed.client", "distributed.core", "tornado.application"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        # A client that cannot connect logs again 20 seconds after its error, so test the address first.
        asyncio.run(_identity(scheduler))
    except (OSError, ValueError, TypeError, AttributeError, asyncio.TimeoutError) as error:  # Python 3.10 has two
        raise OptionError(f"--scheduler {scheduler}: no Dask scheduler answers there ({first_line(error)})") from error
    with distributed.Client(scheduler, timeout=SECONDS_TO_CONNECT, set_as_default=False) as client:
        try:
            client.wait_for_workers(1, timeout=SECONDS_TO_CONNECT)
        except (TimeoutError, asyncio.TimeoutError) as error:
            raise OptionError(
                f"--scheduler {scheduler}: it has no workers; 'dask worker {scheduler} --nthreads 1' starts one"
            ) from error
        yield DaskBackend(client=client)


async def _identity(scheduler: str) -> None:
    async with rpc(scheduler, timeout=SECONDS_TO_CONNECT) as remote:
        await asyncio.wait_for(remote.identity(), SECONDS_TO_CONNECT)


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its name if it has none."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
