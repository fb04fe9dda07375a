"""Batches of crops, labels and region integers from a mask store and its images."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from wsegs.errors import DataError, MissingError
from wsegs.landmarks.image import read_image
from wsegs.store import MaskStore
from wsegs.store.frame import scale_affine, warp_image
from wsegs.training.budget import Budget
from wsegs.training.cache import RowCache
from wsegs.training.order import BatchPlan, TrainingOrder, ValidationOrder
from wsegs.training.split import Split


class Batch(NamedTuple):
    """One batch.

    Attributes
    ----------
    images
        uint8 (B, 3, H, W), RGB; in memory channels are innermost.
    labels
        int8 (B, A): 1 present, 0 absent, -1 unknown.
    regions
        int32 or int64 (B, h, w): bit r is base region r; None where no loss needs masks.
    has_face
        bool (B,): whether the regions were drawn; a row without a face has none.
    flip
        bool (B,): which rows to mirror, images and regions together.
    """

    images: Tensor
    labels: Tensor
    regions: Tensor | None
    has_face: Tensor
    flip: Tensor


class FaceCrops(Dataset[Batch]):
    """Crops of a store's images at the size of a network, by :class:`BatchPlan`.

    Images are found by file name below ``root`` and warped by the store's own matrices, so they lie under the masks
    whatever the network's size. Pickles without its images: works in workers under fork and spawn.

    Parameters
    ----------
    store
        Masks, labels, matrices.
    root
        Folder of the images.
    size
        (H, W) of the crops.
    map_size
        (h, w) of the region integers, by nearest neighbour (Thom & Hand, section 3.2); None for none.
    crops, regions
        Where rows that were read once are kept, or None.
    """

    def __init__(
        self,
        store: MaskStore,
        root: Path,
        size: tuple[int, int],
        map_size: tuple[int, int] | None,
        crops: RowCache | None = None,
        regions: RowCache | None = None,
    ) -> None:
        self._store = store
        self._root = root
        self._size = size
        self._map_size = map_size
        self._affine = scale_affine(store.affine, store.size, size)
        self._labels = store.attributes
        self._found = store.status != 0
        self._crops = crops
        self._regions = regions

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, plan: BatchPlan) -> Batch:
        """Return a batch; rows of -1 are black images without a label."""
        images = np.zeros((len(plan.rows), *self._size, 3), np.uint8)
        labels = np.full((len(plan.rows), self._labels.shape[1]), -1, np.int8)
        has_face = np.zeros(len(plan.rows), bool)
        for position, row in enumerate(plan.rows):
            if row >= 0:
                images[position] = self._crop(row) if self._crops is None else self._crops.get(row, self._crop)
                labels[position] = self._labels[row]
                has_face[position] = self._found[row]
        return Batch(
            torch.from_numpy(images).permute(0, 3, 1, 2),
            torch.from_numpy(labels),
            None if self._map_size is None else torch.from_numpy(self._region_batch(plan.rows, self._map_size)),
            torch.from_numpy(has_face),
            torch.from_numpy(np.array(plan.flip)),
        )

    def _crop(self, row: int) -> NDArray[np.uint8]:
        path = self._root / self._store.images[row]
        image = read_image(path)
        if self._store.frame.kind == "image":
            matrix = self._store.affine[row]
            height, width = round(self._store.size[0] / matrix[1, 1]), round(self._store.size[1] / matrix[0, 0])
            if image.shape[:2] != (height, width):
                raise DataError(
                    f"{path}: expected the image of {height}x{width} (HxW) that {self._store.path} was made from,"
                    f" got {image.shape[0]}x{image.shape[1]}"
                )
        return warp_image(image, self._affine[row], self._size)

    def _region_batch(self, rows: NDArray[np.intp], map_size: tuple[int, int]) -> NDArray[Any]:
        """Return signed integers, (B, h, w): torch computes with few unsigned types."""
        signed = np.int32 if self._store.rules.dtype.itemsize <= 2 else np.int64
        out = np.zeros((len(rows), *map_size), signed)
        real = np.flatnonzero(rows >= 0)
        if self._regions is None:
            out[real] = self._store.regions(rows[real], map_size).astype(signed)
        else:
            for position in real:
                out[position] = self._regions.get(rows[position], self._region_row)
        return out

    def _region_row(self, row: int) -> NDArray[Any]:
        return self._store.regions([row], self._map_size)[0]


class FaceData(LightningDataModule):
    """The loaders of a training.

    Parameters
    ----------
    crops
        The data set.
    split
        Its rows.
    budget
        Batch size and lengths of rounds.
    seed, flips
        See :class:`wsegs.training.order.TrainingOrder`.
    workers
        Processes that read; 0 reads in the training process.
    start_method
        ``fork`` or ``spawn``; None is the platform's own.
    """

    def __init__(
        self,
        crops: FaceCrops,
        split: Split,
        budget: Budget,
        *,
        seed: int,
        flips: bool,
        workers: int = 0,
        start_method: Literal["fork", "spawn"] | None = None,
    ) -> None:
        super().__init__()
        self._dataset = crops
        self._split = split
        self._budget = budget
        self._seed = seed
        self._flips = flips
        self._workers = workers
        self._start_method = start_method

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return the loader of one round."""
        rank, devices = self._place()
        order = TrainingOrder(
            self._split.train, self._budget, seed=self._seed, flips=self._flips, rank=rank, devices=devices
        )
        return self._loader(order)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Return the loader of the validation images."""
        rank, devices = self._place()
        batch_size = max(1, self._budget.batch_size // devices)
        return self._loader(ValidationOrder(self._split.validation, batch_size, rank=rank, devices=devices))

    def _place(self) -> tuple[int, int]:
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer is not None else (0, 1)

    def _loader(self, order: TrainingOrder | ValidationOrder) -> DataLoader[Batch]:
        return DataLoader(
            self._dataset,
            sampler=order,
            batch_size=None,  # the order yields whole batches, so that one read serves a batch
            num_workers=self._workers,
            worker_init_fn=start_worker if self._workers else None,
            multiprocessing_context=self._start_method if self._workers else None,
            persistent_workers=self._workers > 0,
            pin_memory=torch.cuda.is_available(),
        )


def start_worker(_: int) -> None:
    """Keep a worker to one thread: there are as many workers as are wanted already."""
    cv2.setNumThreads(0)


def find_image_root(store: MaskStore, data: Path | None) -> Path:
    """Return the folder below which the images of a store lie.

    Parameters
    ----------
    store
        Remembers the folder in which the landmarks were found.
    data
        The data set as the user names it, where it lies elsewhere now.

    Raises
    ------
    MissingError
        If there is no such folder.
    """
    root = store.data_root if data is None else data
    if not root.is_dir():
        hint = "; --data names the data set where it lies now" if data is None else ""
        raise MissingError(f"{root}: no such folder, where the images of {store.path} are expected{hint}")
    if data is None or (root / store.images[0]).is_file():
        return root
    from wsegs.datasets import open_dataset

    name = store.provenance.get("data", {}).get("name", "")
    kinds = {"celeba-aligned": "aligned", "celeba-wild": "wild"}
    return open_dataset(data, images=kinds.get(name)).root


def check_images(store: MaskStore, root: Path, rows: NDArray[np.intp]) -> None:
    """Check that every row has its image, by name.

    Raises
    ------
    DataError
        If one has none; the message names the first and counts them.
    """
    folders: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        folder, _, name = store.images[row].rpartition("/")
        folders[folder].append(name)
    missing: list[str] = []
    for folder, names in folders.items():
        there = set(os.listdir(root / folder)) if (root / folder).is_dir() else set()  # noqa: PTH208 (names alone)
        missing += [f"{folder}/{name}".lstrip("/") for name in names if name not in there]
    if missing:
        raise DataError(
            f"{store.path}: does not match its images: '{min(missing)}' is not in {root}"
            f" ({len(missing)} of {len(rows)} images are missing); --data names another data set"
        )


def one_line(error: Exception) -> str:
    """Return the message of an error that a worker raised without the traceback that torch wraps about it."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    if not lines[0].startswith("Caught "):
        return str(error)
    return lines[-1].partition(": ")[2] or lines[-1]
