"""A few of many images, always the same ones: what ``--limit N`` means."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wsegs.errors import OptionError


def sample_rows(split: NDArray[np.int8], limit: int, seed: int = 0) -> NDArray[np.intp]:
    """Return at most ``limit`` rows, a seeded sample in which each split keeps its share.

    Each split with rows has one row at least, if ``limit`` allows (larger splits first), and beyond that its share
    of the sample, give or take one row. A larger limit adds rows to those of a smaller one.

    Parameters
    ----------
    split
        (N,), the split of each row; any integers.
    limit
        How many rows at most.
    seed
        Which sample.

    Returns
    -------
    Rows, ascending.

    Raises
    ------
    OptionError
        If the limit is below 0.

    Examples
    --------
    >>> split = np.array([0] * 90 + [2] * 10, np.int8)
    >>> rows = sample_rows(split, 20)
    >>> np.bincount(split[rows]).tolist()
    [18, 0, 2]
    """
    if limit < 0:
        raise OptionError(f"limit {limit}: expected 0 rows or more")
    shuffled = np.random.default_rng(seed).permutation(len(split))
    # Where each row stands in the queue, by its rank k among the n rows of its split: (k + 1/2) / n spreads
    # a split evenly over the queue. The first of each split come before all others, those of large splits foremost.
    place = np.empty(len(split))
    for value, n in zip(*np.unique(split, return_counts=True), strict=True):
        ranks = (np.arange(n) + 0.5) / n
        ranks[0] = -n
        place[shuffled[split[shuffled] == value]] = ranks
    queue = np.lexsort((split, place))
    return np.sort(queue[:limit])
