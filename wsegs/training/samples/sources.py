"""Sources of samples: mini-batches of crops, labels, regions and class maps, by row.

Imports no Lightning, so that workers under spawn start in half the time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from wsegs.geometry.crops import patch_corners
from wsegs.geometry.matrices import compose, scale_affine, transform_points
from wsegs.geometry.moves import STAYS, Move
from wsegs.nets import IGNORE_INDEX
from wsegs.tasks.batch import Batch, SampleFields
from wsegs.tasks.labelled import Labelled, label_values
from wsegs.training.samples.cache import RowCache
from wsegs.training.samples.class_maps import ClassMaps
from wsegs.training.samples.sampler import BatchPlan, Moves


class SampleSource(ABC):
    """N images with labels, cropped to one size. Pickles without its images: works in workers under fork and spawn.

    Parameters
    ----------
    labelled
        A mask store or a data set.
    size
        (H, W) of the crops.
    has_face
        bool (N,): whether a face was found.
    class_maps
        Of the images; None for none.
    patch
        (h, w) of the patches of the crops that mini-batches hold; None for whole crops.
    """

    def __init__(
        self,
        labelled: Labelled,
        size: tuple[int, int],
        has_face: NDArray[np.bool_],
        class_maps: ClassMaps | None,
        patch: tuple[int, int] | None = None,
    ) -> None:
        self.labelled = labelled
        self.size = size
        self.patch = patch
        self._corners = None if patch is None else patch_corners(size, patch)
        self._has_face = has_face
        self.class_maps = class_maps
        self._labels: dict[str, NDArray[Any]] = {}
        self._kept: dict[str, RowCache] = {}

    def __len__(self) -> int:
        return len(self._has_face)

    @abstractmethod
    def crop(self, row: int) -> NDArray[np.uint8]:
        """Return an image, (H, W, 3) RGB, cropped to ``size``; raises DataError if it cannot be read."""

    @abstractmethod
    def matrix(self, row: int) -> NDArray[np.float32]:
        """Return the matrix (2, 3) from the source image to the crop."""

    @abstractmethod
    def points(self, row: int) -> NDArray[np.float32]:
        """Return the five points (5, 2) in the crop, x and y; nan without a face."""

    @abstractmethod
    def image_size(self, row: int) -> tuple[int, int]:
        """Return (H, W) of the source image."""

    def regions(self, rows: NDArray[np.intp], size: tuple[int, int]) -> NDArray[np.unsignedinteger]:
        """Return region integers (B, h, w) at ``size``, of a source that has regions."""
        raise NotImplementedError(f"{type(self).__name__} has no regions")

    @abstractmethod
    def moved_crop(self, row: int, move: Move) -> NDArray[np.uint8]:
        """Return :meth:`crop` moved, by one warp of what is read."""

    def moved_regions(self, row: int, size: tuple[int, int], move: Move) -> NDArray[np.unsignedinteger]:
        """Return the region integers (h, w) of a moved crop at ``size``, of a source that has regions."""
        raise NotImplementedError(f"{type(self).__name__} has no regions")

    def region_dtype(self) -> np.dtype[Any]:
        """Return the type of the region integers."""
        raise NotImplementedError(f"{type(self).__name__} has no regions")

    def keep_rows(self, folder: Path, fields: SampleFields) -> None:
        """Keep what is read in mapped files of a folder, so that an image is decoded once and not once an epoch."""
        self._kept = {name: RowCache(folder / name, len(self), *what) for name, what in self._arrays(fields).items()}

    def bytes_a_row(self, fields: SampleFields) -> int:
        """Return how many bytes :meth:`keep_rows` takes for an image."""
        return sum(int(np.prod(shape)) * dtype.itemsize for shape, dtype in self._arrays(fields).values())

    def read(self, rows: Sequence[int] | NDArray[np.intp], fields: SampleFields, moves: Moves | None = None) -> Batch:
        """Return a mini-batch.

        Parameters
        ----------
        rows
            (B,); rows of -1 are black images without a label.
        fields
            What it must hold beside images.
        moves
            How the crops are moved; images and regions are mirrored later, on the device that trains. Moved crops are
            read anew: what :meth:`keep_rows` keeps is of crops as they are.
        """
        rows = np.asarray(rows, np.intp)
        real = np.flatnonzero(rows >= 0)
        images = np.zeros((len(rows), *(self.patch or self.size), 3), np.uint8)
        has_face = np.zeros(len(rows), bool)
        points = np.full((len(rows), 5, 2), np.nan, np.float32)
        matrices = np.full((len(rows), 2, 3), np.nan, np.float32)
        for position in real:
            row = int(rows[position])
            top, left = self._corner(0 if moves is None or moves.patch is None else int(moves.patch[position]))
            move = STAYS if moves is None or moves.crops is None else moves.crops[position]
            crop = self._row("crops", row, self.crop) if move.stays else self.moved_crop(row, move)
            crop = move.recoloured(crop)
            placed = self.points(row)
            matrices[position] = self._row("matrices", row, self.matrix)
            if not move.stays:
                affine = move.affine(self.size)
                matrices[position] = compose(affine, matrices[position])
                placed = transform_points(placed[None], affine[None])[0]
            images[position] = crop[top : top + images.shape[1], left : left + images.shape[2]]
            matrices[position, :, 2] -= (left, top)
            has_face[position] = self._has_face[row]
            points[position] = placed - (left, top)
        flip = np.zeros(len(rows), bool) if moves is None else np.array(moves.flip)
        return Batch(
            torch.from_numpy(images).permute(0, 3, 1, 2),
            {name: self._label_batch(name, rows, real) for name in sorted(fields.labels)},
            None if fields.regions is None else torch.from_numpy(self._region_batch(rows, real, fields.regions, moves)),
            torch.from_numpy(has_face),
            torch.from_numpy(flip),
            None if fields.classes is None else torch.from_numpy(self._class_batch(rows, real, fields.classes, moves)),
            torch.from_numpy(points),
            torch.from_numpy(matrices),
        )

    def _corner(self, number: int) -> tuple[int, int]:
        """Return row and column where one of the five patches begins; of a whole crop, its corner."""
        if self._corners is None:
            return 0, 0
        row, column = self._corners[number]
        return int(row), int(column)

    def _arrays(self, fields: SampleFields) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
        arrays: dict[str, tuple[tuple[int, ...], np.dtype[Any]]] = {
            "crops": ((*self.size, 3), np.dtype(np.uint8)),
            "matrices": ((2, 3), np.dtype(np.float32)),
        }
        if fields.regions is not None:
            arrays["regions"] = (fields.regions, self.region_dtype())
        if fields.classes is not None and self.class_maps is not None:
            arrays["classes"] = (fields.classes, np.dtype(np.uint8))
        return arrays

    def _row(self, name: str, row: int, make: Any) -> NDArray[Any]:
        kept = self._kept.get(name)
        made: NDArray[Any] = make(row) if kept is None else kept.get(row, make)
        return made

    def _label_batch(self, name: str, rows: NDArray[np.intp], real: NDArray[np.intp]) -> torch.Tensor:
        if name not in self._labels:
            self._labels[name] = label_values(self.labelled, name)
        values = self._labels[name]
        unknown = np.nan if values.dtype.kind == "f" else -1
        out = np.full((len(rows), *values.shape[1:]), unknown, values.dtype)
        out[real] = values[rows[real]]
        return torch.from_numpy(out)

    def _region_batch(
        self, rows: NDArray[np.intp], real: NDArray[np.intp], size: tuple[int, int], moves: Moves | None
    ) -> NDArray[Any]:
        """Return signed integers, (B, h, w): torch computes with few unsigned types."""
        out = np.zeros((len(rows), *size), np.int32 if self.region_dtype().itemsize <= 2 else np.int64)
        if moves is not None and moves.crops is not None:
            for position in real:
                move, row = moves.crops[position], int(rows[position])
                if not move.stays:
                    out[position] = self.moved_regions(row, size, move)
                else:
                    out[position] = self._row("regions", row, lambda row: self.regions(np.array([row]), size)[0])
        elif "regions" not in self._kept:
            out[real] = self.regions(rows[real], size).astype(out.dtype)
        else:
            for position in real:
                out[position] = self._kept["regions"].get(
                    int(rows[position]), lambda row: self.regions(np.array([row]), size)[0]
                )
        return out

    def _class_batch(
        self, rows: NDArray[np.intp], real: NDArray[np.intp], size: tuple[int, int], moves: Moves | None
    ) -> NDArray[np.uint8]:
        out = np.full((len(rows), *size), IGNORE_INDEX, np.uint8)
        for position in real:
            row, move = int(rows[position]), STAYS if moves is None or moves.crops is None else moves.crops[position]
            if move.stays:
                out[position] = self._row("classes", row, lambda row: self._classes(row, size))
            else:
                out[position] = self._classes(row, size, move)
        return out

    def _classes(self, row: int, size: tuple[int, int], move: Move = STAYS) -> NDArray[np.uint8]:
        assert self.class_maps is not None
        matrix = self._class_matrix(row, size)
        if not move.stays:
            matrix = compose(move.affine_at(self.size, size), matrix).astype(np.float32)
        return self.class_maps.read(row, size, matrix, self.image_size(row))

    def _class_matrix(self, row: int, size: tuple[int, int]) -> NDArray[np.float32]:
        """Return the matrix from the source image to a crop of another size."""
        return scale_affine(self._row("matrices", row, self.matrix), self.size, size)


class SampleDataset(Dataset[Batch]):
    """Mini-batches of a source, by :class:`BatchPlan`."""

    def __init__(self, source: SampleSource, fields: SampleFields) -> None:
        self.source = source
        self.fields = fields

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, plan: BatchPlan) -> Batch:
        """Return a mini-batch."""
        return self.source.read(plan.rows, self.fields, plan.moves)
