"""Sending the rows of a store to workers, and taking what they drew back in order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from wsegs.io.parallel import run_in_workers
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
# Reading an image takes ten times as long as drawing its regions, refining them fifty times.
_REFINED_ROWS = 16
_TASKS = 32  # at least, where there are enough rows, so that all workers have something to do
_AHEAD = 16  # tasks that workers may be ahead of the process that writes, so that memory stays flat on a slow disk


def draw_placed(
    placed: PlacedRows,
    drawing: Drawing,
    *,
    start: int = 0,
    refine: RefineOptions | None = None,
    images: CropOptions | None = None,
    jobs: int = -1,
    scheduler: str | None = None,
) -> Iterator[DrawnRows]:
    """Let workers draw rows, and yield what they drew, in order.

    Parameters
    ----------
    placed
        The rows.
    drawing
        What to draw.
    start
        The first row that is to be drawn.
    refine
        How to refine them, if at all.
    images
        How to keep their images, if at all.
    jobs, scheduler
        See :func:`wsegs.io.parallel.run_in_workers`.
    """
    step = _REFINED_ROWS
    if refine is None and images is None:
        step = min(_MOST_ROWS, max(_LEAST_ROWS, -(-len(placed) // _TASKS)))

    def run(calls: Iterable[Call]) -> Iterator[DrawnRows]:
        return run_in_workers(draw_rows, calls, jobs=jobs, scheduler=scheduler, batch_size=1)

    yield from in_step(run, _calls(placed, drawing, start, step, refine, images), _AHEAD)


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
    """Yield the results of calls, of which no more than ``ahead`` are sent before their results are taken.

    joblib takes the next call as soon as a worker is free, and would collect results without bound where whoever takes
    them is slower.
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
