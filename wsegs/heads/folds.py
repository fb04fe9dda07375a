"""Folds of people: all images of a person are in one fold."""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsegs.errors import OptionError

NO_FOLD = -1
"""Number of rows that no fold holds out."""


def person_folds(identity: NDArray[np.integer[Any]], folds: int, seed: int = 0) -> NDArray[np.intp]:
    """Return the fold of each image, int (N,), from 0; folds have about as many images each.

    No two folds differ by more images than the most photographed person has.

    Parameters
    ----------
    identity
        (N,): a number for each person; -1 is unknown, and each such image is a person of its own.
    folds
        How many; 2 or more.
    seed
        Which people come together. The folds are a function of it and of ``identity``.

    Raises
    ------
    OptionError
        If there are fewer people than folds.

    Examples
    --------
    >>> folds = person_folds(np.array([7, 7, 3, 3, -1, -1]), 3)
    >>> folds[0] == folds[1], folds[2] == folds[3], np.bincount(folds).tolist()
    (np.True_, np.True_, [2, 2, 2])
    """
    if folds < 2:
        raise OptionError(f"folds: expected 2 or more, got {folds}")
    known = identity >= 0
    people, person = np.unique(identity[known], return_inverse=True)
    persons = np.empty(len(identity), np.intp)
    persons[known] = person.reshape(-1)
    persons[~known] = len(people) + np.arange((~known).sum())
    images = np.bincount(persons)
    if len(images) < folds:
        raise OptionError(f"folds: expected no more than there are people, {len(images)}, got {folds}")
    order = np.random.default_rng(seed).permutation(len(images))
    order = order[np.argsort(-images[order], kind="stable")]
    smallest = [(0, fold) for fold in range(folds)]
    of_person = np.empty(len(images), np.intp)
    for one in order.tolist():  # those of most images first, each into the fold that has fewest
        size, fold = smallest[0]
        of_person[one] = fold
        heapq.heapreplace(smallest, (size + int(images[one]), fold))
    return of_person[persons]


def hold_out(rows: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return folds that hold out some rows once, and never the others.

    >>> hold_out(np.array([False, True])).tolist()
    [-1, 0]
    """
    return np.where(rows, 0, NO_FOLD)
