"""Which rows of a store are trained on and which decide when to stop."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wsegs.errors import DataError
from wsegs.store import MaskStore


@dataclass(frozen=True)
class Split:
    """Rows of a store for training and for validation, and whether the latter were carved out of the former."""

    train: NDArray[np.intp]
    validation: NDArray[np.intp]
    carved: bool


def split_rows(store: MaskStore, fraction: float, limit: int | None = None) -> Split:
    """Return the train and the validation rows of a store.

    The data set's own validation split, where it has one. Otherwise a share of the people in the train split (of
    the images, where nobody knows who they are): those whose hash is lowest. A person is on one side only, the
    choice depends on nothing but the identity, and so it is the same for every seed, recipe and selection of images.

    Parameters
    ----------
    store
        Rows whose image has no crop (an affine that is not finite, or an image that could not be read when images
        were put into the store) are left out.
    fraction
        Share of people to carve out, between 0 and 1.
    limit
        Keep at most so many of each, evenly spaced.

    Raises
    ------
    DataError
        If one of the two would be empty.
    """
    usable = np.isfinite(store.affine).all(axis=(1, 2))
    if store.has_images:
        usable &= store.crop_bytes > 0
    train = np.flatnonzero(usable & (store.split == 0))
    validation = np.flatnonzero(usable & (store.split == 1))
    if not len(train):
        raise DataError(f"{store.path}: no image of the train split, so there is nothing to train on")
    carved = not len(validation)
    if carved:
        identity = store.identity
        names = store.images
        keys = [f"identity {identity[row]}" if identity[row] >= 0 else f"image {names[row]}" for row in train]
        if len(set(keys)) == 1:
            keys = [f"image {names[row]}" for row in train]
        if len(keys) == 1:
            raise DataError(f"{store.path}: one image in the train split; at least two are needed, to validate on one")
        positions = {key: _position(key) for key in set(keys)}
        chosen = {key for key, position in positions.items() if position < fraction}
        if not chosen or len(chosen) == len(positions):
            by_hash = sorted(positions, key=positions.__getitem__)
            chosen = set(by_hash[: max(1, round(fraction * len(by_hash)))])
        held = np.array([key in chosen for key in keys])
        train, validation = train[~held], train[held]
    return Split(_spaced(train, limit), _spaced(validation, limit), carved)


def _position(key: str) -> float:
    """Return where a name falls between 0 and 1: evenly spread, and the same on every machine."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big") / 2**64


def _spaced(rows: NDArray[np.intp], limit: int | None) -> NDArray[np.intp]:
    if limit is None or limit >= len(rows):
        return rows
    return rows[np.linspace(0, len(rows) - 1, limit).round().astype(np.intp)]
