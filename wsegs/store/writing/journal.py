"""The rows that are drawn so far, ``masks.h5.partial``: an interrupted run goes on where it was.

Rows come in order, so what is there are the first rows. Their chunks are kept as they will be written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from wsegs.io.journal import Journal
from wsegs.store.writing.draw_rows import DrawnRows

KIND = "wsegs-masks-journal 2"


class RowsJournal(Journal):
    """A journal of :class:`DrawnRows`.

    Attributes
    ----------
    done
        How many rows are there.
    empty
        int64 (R,): of how many of their faces each region is empty.
    unrefined
        How many of their faces were not refined.
    unreadable
        Which of their images should have been kept and cannot be read, as ``name: reason``.
    """

    def __init__(self, path: Path, header: dict[str, Any], regions: int, *, force: bool) -> None:
        super().__init__(path, KIND, header, force=force)
        self.done = self.unrefined = 0
        self.empty = np.zeros(regions, np.int64)
        self.unreadable: list[str] = []
        for drawn in self.rows():
            self._count(drawn)

    def add(self, drawn: DrawnRows) -> None:
        """Add the rows that follow."""
        sizes = {name: [len(chunk) for chunk in chunks] for name, chunks in drawn.chunks.items()}
        head = {"sizes": sizes, "empty": drawn.empty.tolist(), "unrefined": drawn.unrefined}
        head |= {"unreadable": drawn.unreadable, "sums": drawn.sums}
        chunks = [chunk for each in drawn.chunks.values() for chunk in each]
        self.append([json.dumps(head).encode(), b"\n", *chunks])
        self._count(drawn)

    def rows(self) -> Iterator[DrawnRows]:
        """Yield all rows that are there, some at a time, in order."""
        for block in self.blocks():
            place = block.index(b"\n") + 1
            head = json.loads(block[:place])
            chunks: dict[str, list[bytes]] = {name: [] for name in head["sizes"]}
            for name, sizes in head["sizes"].items():
                for size in sizes:
                    chunks[name].append(block[place : place + size])
                    place += size
            empty = np.array(head["empty"], np.int64)
            yield DrawnRows(chunks, tuple(head["sums"]), empty, head["unrefined"], tuple(head["unreadable"]))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        if not self.done:  # nothing to go on from
            self.remove()

    def _count(self, drawn: DrawnRows) -> None:
        self.done += len(drawn)
        self.empty += drawn.empty
        self.unrefined += drawn.unrefined
        self.unreadable += drawn.unreadable
