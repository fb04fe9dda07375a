"""Choose the rows of a landmark table that go into a store, and place their faces in its frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wsegs.geometry.frame import Frame
from wsegs.geometry.matrices import transform_points
from wsegs.landmarks.table import LandmarkTable
from wsegs.schemes import LandmarkScheme


@dataclass(frozen=True, eq=False)
class PlacedRows:
    """The N rows of a store, by their rows in a landmark table.

    What grows with the number of landmarks is computed for some rows at a time, so that memory does not.

    Attributes
    ----------
    table
        Landmarks and labels.
    rows
        (N,) rows of the table, ascending.
    frame
        Where the faces are placed.
    scheme
        The landmark scheme of the rules, to which the table's landmarks are converted.
    attribute_names
        The A attributes whose labels are kept.
    """

    table: LandmarkTable
    rows: NDArray[np.intp]
    frame: Frame
    scheme: LandmarkScheme
    attribute_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def images(self) -> tuple[str, ...]:
        """N names relative to the data set's root."""
        if len(self) == len(self.table):
            return self.table.images
        return tuple(self.table.images[row] for row in self.rows.tolist())

    @property
    def image_sizes(self) -> NDArray[np.int32]:
        """(N, 2), width and height of the source images."""
        return self.table.image_size[self.rows]

    @property
    def faces(self) -> int:
        """How many of the rows have a face."""
        return int(self.table.found[self.rows].sum())

    def labels(self, rows: slice) -> NDArray[np.int8]:
        """Return the labels of some rows, (n, A); -1 where the table has no such attribute."""
        known = self.table.attributes[self.rows[rows]]
        columns = {name: column for column, name in enumerate(self.table.attribute_names)}
        labels = np.full((len(known), len(self.attribute_names)), -1, np.int8)
        for position, name in enumerate(self.attribute_names):
            if name in columns:
                labels[:, position] = known[:, columns[name]]
        return labels

    def shard(self, number: int, of: int) -> PlacedRows:
        """Return one of several shares of the rows, which differ by at most one row; ``number`` counts from 1."""
        begin, end = len(self) * (number - 1) // of, len(self) * number // of
        return replace(self, rows=self.rows[begin:end])

    def place(self, rows: slice) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the matrices from source image to frame, (n, 2, 3), and the landmarks in the frame, (n, P, 2)."""
        chosen = self.rows[rows]
        if not len(chosen):
            return np.zeros((0, 2, 3), np.float32), np.zeros((0, self.scheme.count, 2), np.float32)
        # As a slice first: landmarks that are still in their file are read at once, not row by row.
        first, last = int(chosen[0]), int(chosen[-1])
        points = np.asarray(self.table.landmarks[first : last + 1])[chosen - first]
        points = self.table.scheme.convert(points, self.scheme)
        affine = self.frame.affine(self.scheme.five_points(points), self.table.image_size[chosen])
        return affine, transform_points(points, affine)


def place_rows(
    table: LandmarkTable, frame: Frame, scheme: LandmarkScheme, attribute_names: Sequence[str]
) -> PlacedRows:
    """Return the rows of a table that a store in a frame has.

    In a ``face`` frame, images without a face have no crop and are left out; in an ``image`` frame they are kept.
    Rejected faces are left out of both.
    """
    kept = table.found if frame.kind == "face" else table.usable
    return PlacedRows(table, np.flatnonzero(kept), frame, scheme, tuple(attribute_names))
