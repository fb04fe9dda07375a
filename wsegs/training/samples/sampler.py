"""Choose the images of each mini-batch from the seed and the step alone.

No state is carried from batch to batch: a resumed training sees the same batches as an undisturbed one, and any number
of devices share the batches of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from wsegs.geometry.moves import Move, MoveRanges

# What keeps the random numbers of the order, of the flips and of the patches apart.
_ORDER, _FLIPS, _PATCHES = 0, 1, 2


@dataclass(frozen=True)
class Moves:
    """Moves of the crops of a mini-batch.

    Attributes
    ----------
    flip
        Bool (B,): which are mirrored.
    patch
        Int (B,), 0 to 4: which patch of the crop is taken, the middle or a corner; None is the middle.
    crops
        B moves of the whole crops, before a patch is taken; None where they stay as they are.
    """

    flip: NDArray[np.bool_]
    patch: NDArray[np.integer] | None = None
    crops: tuple[Move, ...] | None = None


@dataclass(frozen=True)
class BatchPlan:
    """One mini-batch of one device: rows of the source, (B,), -1 for padding, and how their crops are moved."""

    rows: NDArray[np.intp]
    moves: Moves

    @property
    def flip(self) -> NDArray[np.bool_]:
        """Rows to mirror, bool (B,)."""
        return self.moves.flip


class TrainingSampler(Sampler[BatchPlan]):
    """Mini-batches of one validation interval in shuffled order.

    Parameters
    ----------
    rows
        Rows of the source to train on.
    batch_size
        Images of a step, of all devices together.
    interval
        Steps of a validation interval.
    seed
        Decides order and flips.
    flips
        Whether to mirror half of the images.
    rank, devices
        This device takes the rank-th part of every batch. ``devices`` must divide the batch size.
    people
        int (N,), who is on each of ``rows``, -1 unknown; None for an order of chance.
    together
        Images of a person that stand side by side in the order, for losses of pairs. The images of an epoch are the
        same: what is left of a person comes in a smaller group.
    patches
        Whether to take one of five patches of each image.
    ranges
        How far crops are moved at random, by the seed, the epoch and the row alone.
    """

    def __init__(
        self,
        rows: NDArray[np.intp],
        batch_size: int,
        interval: int,
        *,
        seed: int,
        flips: bool,
        rank: int = 0,
        devices: int = 1,
        people: NDArray[np.integer] | None = None,
        together: int = 1,
        patches: bool = False,
        ranges: MoveRanges | None = None,
    ) -> None:
        self._rows = rows
        self._people = people
        self._together = together
        self._batch_size = batch_size
        self._interval = interval
        self._seed = seed
        self._flips = flips
        self._patches = patches
        self._ranges = ranges
        self._rank = rank
        self._devices = devices
        self._current = 0
        self._epoch = -1
        self._shuffled = rows

    def set_epoch(self, epoch: int) -> None:
        """Set the validation interval, from 0; Lightning, to which it is an epoch, calls it before each."""
        self._current = epoch

    def __len__(self) -> int:
        return self._interval

    def __iter__(self) -> Iterator[BatchPlan]:
        first = self._current * self._interval
        for step in range(first, first + self._interval):
            yield self.plan(step)

    def plan(self, step: int) -> BatchPlan:
        """Return this device's part of the batch of a step."""
        size = self._batch_size
        epoch, batch = divmod(step, len(self._rows) // size)
        if epoch != self._epoch:
            self._shuffled = self._order(np.random.default_rng((self._seed, _ORDER, epoch)))
            self._epoch = epoch
        rows = self._shuffled[batch * size : (batch + 1) * size]
        flip: NDArray[np.bool_] = np.zeros(size, bool)
        if self._flips:
            flip = np.random.default_rng((self._seed, _FLIPS, step)).random(size) < 0.5
        part = slice(self._rank * size // self._devices, (self._rank + 1) * size // self._devices)
        patch = np.random.default_rng((self._seed, _PATCHES, step)).integers(0, 5, size) if self._patches else None
        crops = None
        if self._ranges:
            crops = tuple(self._ranges.draw(self._seed, epoch, row) for row in rows[part].tolist())
        return BatchPlan(rows[part], Moves(flip[part], None if patch is None else patch[part], crops))

    def _order(self, rng: np.random.Generator) -> NDArray[np.intp]:
        """Return the rows of an epoch."""
        order = rng.permutation(len(self._rows))
        if self._people is None or self._together == 1:
            return self._rows[order]
        people = self._people[order]
        people = np.where(people < 0, people.max(initial=0) + 1 + np.arange(len(people)), people)
        by_person = np.argsort(people, kind="stable")
        _, first, count = np.unique(people[by_person], return_index=True, return_counts=True)
        within = np.arange(len(people)) - np.repeat(first, count)
        group = np.repeat(np.cumsum(-(-count // self._together)) - -(-count // self._together), count)
        group += within // self._together
        place = rng.permutation(int(group[-1]) + 1)[group]
        return self._rows[order[by_person[np.argsort(place, kind="stable")]]]


class ValidationSampler(Sampler[BatchPlan]):
    """All rows once, in order, in mini-batches; padded so that every device has as many as the others."""

    def __init__(self, rows: NDArray[np.intp], batch_size: int, *, rank: int = 0, devices: int = 1) -> None:
        padded = np.full(-(-len(rows) // devices) * devices, -1, np.intp)
        padded[: len(rows)] = rows
        own = padded[rank::devices]
        self._batches = [own[start : start + batch_size] for start in range(0, len(own), batch_size)]

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[BatchPlan]:
        for rows in self._batches:
            yield BatchPlan(rows, Moves(np.zeros(len(rows), bool)))
