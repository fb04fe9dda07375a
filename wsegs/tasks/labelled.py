"""Labels of a mask store or a data set, as tasks read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Labelled(Protocol):
    """Labels of N images: a ``MaskStore`` or a ``FaceDataset``."""

    @property
    def images(self) -> tuple[str, ...]:
        """N names of images."""

    @property
    def split(self) -> NDArray[np.int8]:
        """(N,): 0 train, 1 validation, 2 test."""

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """A names."""

    @property
    def attributes(self) -> NDArray[np.int8]:
        """(N, A): 1 present, 0 absent, -1 unknown."""

    @property
    def identity(self) -> NDArray[np.int32]:
        """(N,): number of the person, -1 unknown."""

    @property
    def numbers(self) -> Mapping[str, NDArray[np.float32]]:
        """(N,) by name, nan unknown."""

    @property
    def categories(self) -> Mapping[str, Any]:
        """By name: ``names``, K of them, and ``codes`` (N,), -1 unknown."""


def label_values(labelled: Labelled, name: str) -> NDArray[Any]:
    """Return one kind of label of all images, as a mini-batch holds it; see :class:`wsegs.tasks.batch.Batch`."""
    if name == "attributes":
        return labelled.attributes
    if name == "identity":
        return labelled.identity.astype(np.int64)
    if name in labelled.numbers:
        return labelled.numbers[name]
    return np.asarray(labelled.categories[name].codes, np.int64)
