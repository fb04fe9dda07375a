"""Split the rows of a source into training and validation rows."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wsegs.errors import DataError
from wsegs.tasks.labelled import Labelled

_SHOWN = 0.1  # of the people, validated on where nobody is held out


@dataclass(frozen=True)
class Split:
    """Rows for training and for validation, and whether the latter were carved out of the former.

    ``held_out`` is False where validation rows are trained on, too: scores on them choose nothing.
    """

    train: NDArray[np.intp]
    validation: NDArray[np.intp]
    carved: bool
    held_out: bool = True


def split_rows(
    labelled: Labelled,
    usable: NDArray[np.bool_],
    source: str,
    *,
    fraction: float,
    hold_out: Literal["people", "images"] = "people",
) -> Split:
    """Return the train and the validation rows of a mask store or a data set.

    The data set's own validation split, where it has one. Otherwise a share of the people in the train split (of
    the images, where nobody knows who they are): those whose hash is lowest. A person is on one side only, the
    choice depends on nothing but the identity, and so it is the same for every seed, recipe and selection of images.

    Parameters
    ----------
    labelled
        Its identities, names and split.
    usable
        bool (N,): the rows that have a crop.
    source
        Its name, for messages.
    fraction
        Share of people to carve out, between 0 and 1. 0 trains on everybody: a tenth of them, those who would be carved
        out, are validated on all the same, to show how the training goes.
    hold_out
        ``images`` carves out single images: a network learns to tell people apart that it is then validated on.

    Raises
    ------
    DataError
        If one of the two would be empty.
    """
    train = np.flatnonzero(usable & (labelled.split == 0))
    validation = np.flatnonzero(usable & (labelled.split == 1))
    if not len(train):
        raise DataError(f"{source}: no image of the train split, so there is nothing to train on")
    if len(validation):
        return Split(train, validation, carved=False)
    keys = _keys(labelled, train, hold_out)
    if len(set(keys)) == 1:
        keys = _keys(labelled, train, "images")
    everybody = fraction == 0
    fraction = fraction or _SHOWN
    if len(keys) == 1 and not everybody:
        raise DataError(f"{source}: one image in the train split; at least two are needed, to validate on one")
    positions = {key: _position(key) for key in set(keys)}
    chosen = {key for key, position in positions.items() if position < fraction}
    if not chosen or len(chosen) == len(positions):
        by_hash = sorted(positions, key=positions.__getitem__)
        chosen = set(by_hash[: max(1, round(fraction * len(by_hash)))])
    held = np.array([key in chosen for key in keys])
    if everybody:
        return Split(train, train[held], carved=False, held_out=False)
    return Split(train[~held], train[held], carved=True)


def in_share(labelled: Labelled, people: tuple[float, float]) -> NDArray[np.bool_]:
    """Return which images are of people in a share of all, from and to, bool (N,).

    The order of the people depends on nothing but their identities, so that two shares without an overlap have nobody
    in common. An image of nobody known is a person of its own.
    """
    if people == (0, 1):
        return np.ones(len(labelled.images), bool)
    keys = _keys(labelled, np.arange(len(labelled.images)), "people")
    positions = {key: _position(f"share {key}") for key in set(keys)}
    return np.array([people[0] <= positions[key] < people[1] for key in keys], bool)


def _keys(labelled: Labelled, rows: NDArray[np.intp], hold_out: str) -> list[str]:
    """Return what decides on which side each row is: its person, else its image."""
    identity, names = labelled.identity, labelled.images
    by_person = hold_out == "people"
    return [f"identity {identity[row]}" if by_person and identity[row] >= 0 else f"image {names[row]}" for row in rows]


def _position(key: str) -> float:
    """Return where a name falls between 0 and 1: evenly spread, and the same on every machine."""
    # Names of files need not be UTF-8.
    return int.from_bytes(hashlib.blake2b(os.fsencode(key), digest_size=8).digest(), "big") / 2**64
