"""Send the rows of a store to workers and take the drawn rows back in order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import InitVar, dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from wsegs.io.journal import Journal
from wsegs.io.processes.parallel import run_in_workers
from wsegs.store.writing.draw_rows import Drawing, DrawnRows, draw_rows
from wsegs.store.writing.placed_rows import PlacedRows

if TYPE_CHECKING:
    from wsegs.store.writing.encode_crops import CropOptions, CropSources
    from wsegs.store.writing.refine_rows import Photos, RefineOptions

Call = tuple[Drawing, NDArray[np.float32], "NDArray[np.int8] | None", "Photos | None", "CropSources | None"]
Item = TypeVar("Item")
Result = TypeVar("Result")

# Rows that a worker draws at a time. The rules' arithmetic on arrays takes half as long a face for 1024 as for 128.
_MOST_ROWS, _LEAST_ROWS = 1024, 64
# Reading an image takes ten times as long as drawing its regions; refining them takes fifty times as long.
_REFINED_ROWS = 16
_TASKS = 32  # at least, where there are enough rows, so that all workers have something to do
_AHEAD = 16  # tasks that workers may be ahead of the process that writes, so that memory stays flat on a slow disk


@dataclass
class Tally:
    """Counts over the rows drawn so far.

    Attributes
    ----------
    regions
        R, the number of regions.
    rows
        Number of rows.
    empty
        int64 (R,): the number of faces on which each region is empty.
    unrefined
        Number of faces that were not refined.
    unreadable
        Images that should have been kept and cannot be read, as ``name: reason``.
    """

    regions: InitVar[int]
    rows: int = 0
    unrefined: int = 0
    unreadable: list[str] = field(default_factory=list)
    empty: NDArray[np.int64] = field(init=False)

    def __post_init__(self, regions: int) -> None:
        self.empty = np.zeros(regions, np.int64)

    def add(self, drawn: DrawnRows) -> None:
        """Count the rows that follow."""
        self.rows += len(drawn)
        self.empty += drawn.empty
        self.unrefined += drawn.unrefined
        self.unreadable += drawn.unreadable


def draw_in_order(
    placed: PlacedRows,
    drawing: Drawing,
    journal: Journal,
    tally: Tally,
    *,
    refine: RefineOptions | None = None,
    images: CropOptions | None = None,
    jobs: int = -1,
    scheduler: str | None = None,
) -> Iterator[DrawnRows]:
    """Yield all rows in order, some at a time: those in the journal, then those that workers draw.

    Parameters
    ----------
    placed
        The rows.
    drawing
        What to draw.
    journal
        The rows that an interrupted run drew; new rows are kept in it before they are yielded.
    tally
        Counts the rows before they are yielded.
    refine
        How to refine them, if at all.
    images
        How to keep their images, if at all.
    jobs, scheduler
        See :func:`wsegs.io.processes.parallel.run_in_workers`.
    """
    for first, value in journal.read():
        if first != tally.rows:  # rows before it were damaged
            break
        drawn = DrawnRows.from_bytes(value)
        tally.add(drawn)
        yield drawn
    step = _REFINED_ROWS
    if refine is None and images is None:
        step = min(_MOST_ROWS, max(_LEAST_ROWS, -(-len(placed) // _TASKS)))

    def run(calls: Iterable[Call]) -> Iterator[DrawnRows]:
        return run_in_workers(draw_rows, calls, jobs=jobs, scheduler=scheduler, batch_size=1)

    for drawn in in_step(run, _calls(placed, drawing, tally.rows, step, refine, images), _AHEAD):
        journal.write([(tally.rows, drawn.to_bytes())])
        tally.add(drawn)
        yield drawn


def _calls(
    placed: PlacedRows,
    drawing: Drawing,
    start: int,
    step: int,
    refine: RefineOptions | None,
    images: CropOptions | None,
) -> Iterator[Call]:
    """Yield the arguments of :func:`draw_rows` for some rows after the other."""
    names, sizes = placed.images, placed.image_sizes
    for first in range(start, len(placed), step):
        rows = slice(first, first + step)
        affine, landmarks = placed.place(rows)
        labels = None if drawing.attribute_names is None else placed.labels(rows)
        photos = None if refine is None else refine.photos(names[rows], sizes[rows], affine)
        sources = None if images is None else images.sources(names[rows], sizes[rows], affine)
        yield drawing, landmarks, labels, photos, sources


def in_step(run: Callable[[Iterable[Item]], Iterator[Result]], calls: Iterable[Item], ahead: int) -> Iterator[Result]:
    """Yield the results of calls; at most ``ahead`` calls are sent before their results are taken.

    joblib takes the next call as soon as a worker is free. Without the limit results would pile up in memory where the
    disk is slow.
    """
    waiting = threading.Event()  # for a result: nothing may hold up the workers then
    balance = 0

    def held_back() -> Iterator[Item]:
        nonlocal balance
        for call in calls:
            if balance >= ahead:
                waiting.wait()
            balance += 1
            yield call

    waiting.set()
    results: Any = run(held_back())
    try:
        for result in results:
            balance -= 1
            waiting.clear()
            yield result
            waiting.set()
    finally:
        waiting.set()
